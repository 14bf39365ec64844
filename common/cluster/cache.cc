#include "cluster/cache.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.h"

namespace towpath::cluster {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool older(const ObjectRef& object, const ObjectRef& than) {
  return compareRevisions(object->meta().resource_version, than->meta().resource_version) == std::strong_ordering::less;
}

ObjectKey keyOf(const ObjectRef& object) { return {object->meta().ns, object->meta().name}; }

std::string labelEntry(std::string_view key, std::string_view value) {
  return std::string(key) + "=" + std::string(value);
}

}  // namespace

std::optional<std::strong_ordering> compareRevisions(std::string_view a, std::string_view b) {
  const auto left = number(a), right = number(b);
  if (!left || !right) return std::nullopt;
  return *left <=> *right;
}

Cache::Listener::Listener(Listener&& other) noexcept
    : cache_(std::exchange(other.cache_, nullptr)), place_(other.place_) {}

Cache::Listener& Cache::Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    if (cache_) cache_->handlers_.erase(place_);
    cache_ = std::exchange(other.cache_, nullptr);
    place_ = other.place_;
  }
  return *this;
}

Cache::Listener::~Listener() {
  if (cache_) cache_->handlers_.erase(place_);
}

Cache::Cache(loop::Loop& loop, ObjectApi& api, Resource resource, CacheOptions options)
    : loop_(loop),
      api_(api),
      resource_(std::move(resource)),
      options_(std::move(options)),
      synced_(loop),
      scope_(loop, "cache of " + resource_.plural) {}

Cache::~Cache() = default;

void Cache::start() { scope_.spawn(run()); }

loop::Task<void> Cache::waitSynced() { co_await synced_.wait(); }

Cache::Listener Cache::listen(Handler handler) {
  Listener listener;
  listener.cache_ = this;
  listener.place_ = handlers_.insert(handlers_.end(), std::move(handler));
  for (const auto& [key, object] : objects_) (*listener.place_)({nullptr, object});
  return listener;
}

ObjectRef Cache::find(std::string_view ns, std::string_view name) const {
  const auto found = objects_.find(ObjectKey{std::string(ns), std::string(name)});
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<ObjectRef> Cache::list(std::string_view ns) const {
  std::vector<ObjectRef> found;
  auto at = ns.empty() ? objects_.begin() : objects_.lower_bound(ObjectKey{std::string(ns), ""});
  for (; at != objects_.end() && (ns.empty() || at->first.ns == ns); ++at) found.push_back(at->second);
  return found;
}

std::vector<ObjectRef> Cache::controlledBy(std::string_view uid) const {
  std::vector<ObjectRef> found;
  const auto keys = by_controller_.find(uid);
  if (keys == by_controller_.end()) return found;
  for (const ObjectKey& key : keys->second) found.push_back(objects_.at(key));
  return found;
}

std::vector<ObjectRef> Cache::withLabel(std::string_view ns, std::string_view key, std::string_view value) const {
  std::vector<ObjectRef> found;
  const auto keys = by_label_.find(labelEntry(key, value));
  if (keys == by_label_.end()) return found;
  for (const ObjectKey& object : keys->second) {
    if (ns.empty() || object.ns == ns) found.push_back(objects_.at(object));
  }
  return found;
}

void Cache::observe(const ObjectRef& object) { put(object); }

void Cache::observeGone(std::string_view ns, std::string_view name, std::string_view uid) {
  const ObjectRef held = find(ns, name);
  if (held && (uid.empty() || held->meta().uid == uid)) erase(keyOf(held));
}

loop::Task<void> Cache::run() {
  for (;;) {
    if (revision_.empty()) {
      co_await listOrWait();
      continue;
    }
    const MonoTime began = loop_.now();
    const Error error = co_await follow();
    // A watch that lasted was a good one, though there may have been nothing to tell.
    if (loop_.now() - began > options_.most_retry) failures_ = 0;
    if (error.kind == ErrorKind::kGone) {
      revision_.clear();
      // Even so with a pause after the second time, or a server that has no history at all would be asked for ever.
      if (failures_++ > 0) co_await backOff();
      continue;
    }
    if (error.kind == ErrorKind::kNotFound && options_.unserved == Unserved::kEmpty) {
      revision_.clear();
      continue;
    }
    log::debug("watch ended", {{"resource", resource_.storageName()}, {"error", describe(error)}});
    co_await backOff();
  }
}

// Either revision_ is set afterwards, or some time has passed.
loop::Task<void> Cache::listOrWait() {
  const Result<void> listed = co_await listAll();
  if (listed) {
    synced_.set();
    co_return;
  }
  const bool not_for_us = listed.error().kind == ErrorKind::kNotFound || listed.error().kind == ErrorKind::kForbidden;
  if (not_for_us && options_.unserved == Unserved::kEmpty) {
    if (!synced()) {
      log::info("optional resource is not there",
                {{"resource", resource_.storageName()}, {"reason", describe(listed.error())}});
    }
    replaceAll({}, "");
    synced_.set();
    co_await loop::sleep(loop_, options_.unserved_retry);
    co_return;
  }
  // Before the first list nothing works without it: then a person should know why.
  const log::Level level = !synced() && failures_ == 3 ? log::Level::kWarning : log::Level::kDebug;
  if (log::level() <= level)
    log::write(level, "list failed", {{"resource", resource_.storageName()}, {"error", describe(listed.error())}});
  co_await backOff();
}

loop::Task<Result<void>> Cache::listAll() {
  std::vector<ObjectRef> items;
  ListOptions query{.ns = options_.ns,
                    .label_selector = options_.label_selector,
                    .field_selector = options_.field_selector,
                    .limit = options_.page_size};
  for (;;) {
    Result<ObjectList> page = co_await api_.list(resource_, query);
    if (!page) {
      // The state that the pages show is compacted: all from the start, in one piece, or it could happen again.
      if (page.error().kind == ErrorKind::kGone && query.limit != 0) {
        items.clear();
        query.continue_token.clear();
        query.limit = 0;
        continue;
      }
      co_return std::unexpected(page.error());
    }
    std::ranges::move(page->items, std::back_inserter(items));
    if (page->continue_token.empty()) {
      replaceAll(std::move(items), page->resource_version);
      co_return {};
    }
    query.continue_token = std::move(page->continue_token);
  }
}

loop::Task<Error> Cache::follow() {
  WatchOptions query{.ns = options_.ns,
                     .label_selector = options_.label_selector,
                     .field_selector = options_.field_selector,
                     .resource_version = revision_};
  Result<std::unique_ptr<Watch>> watch = co_await api_.watch(resource_, std::move(query));
  if (!watch) co_return watch.error();
  for (;;) {
    Result<WatchEvent> event = co_await (*watch)->next();
    if (!event) co_return event.error();
    failures_ = 0;
    apply(*event);
  }
}

loop::Task<void> Cache::backOff() {
  Duration delay = options_.first_retry;
  for (int i = 0; i < failures_ && delay < options_.most_retry; ++i) delay *= 2;
  delay = std::min(delay, options_.most_retry);
  ++failures_;
  // Half of it is chance, so that many clients of one server don't come back together.
  const auto half = static_cast<std::uint64_t>(delay.count() / 2);
  const auto jittered = Duration(static_cast<Duration::rep>(half + loop_.random() % (half + 1)));
  co_await loop::sleep(loop_, jittered);
}

void Cache::replaceAll(std::vector<ObjectRef> items, const std::string& revision) {
  std::set<ObjectKey> listed;
  for (const ObjectRef& item : items) listed.insert(keyOf(item));
  std::vector<ObjectKey> gone;
  for (const auto& [key, object] : objects_) {
    // An own write after the list's state is not in it yet: the watch will tell what became of it.
    const bool newer = compareRevisions(object->meta().resource_version, revision) == std::strong_ordering::greater;
    if (!listed.contains(key) && !newer) gone.push_back(key);
  }
  for (const ObjectKey& key : gone) erase(key);
  for (const ObjectRef& item : items) put(item);
  revision_ = revision;
}

void Cache::apply(const WatchEvent& event) {
  const ObjectMeta& meta = event.object->meta();
  switch (event.type) {
    case WatchEvent::Type::kAdded:
    case WatchEvent::Type::kModified:
      put(event.object);
      break;
    case WatchEvent::Type::kDeleted: {
      const ObjectRef held = find(meta.ns, meta.name);
      // The name may have been taken again by an own write that we know of already.
      if (held && !older(event.object, held)) erase(keyOf(held));
      break;
    }
    case WatchEvent::Type::kBookmark:
      break;
  }
  if (!meta.resource_version.empty()) revision_ = meta.resource_version;
}

void Cache::put(const ObjectRef& object) {
  ObjectRef& held = objects_[keyOf(object)];
  const ObjectRef before = held;
  if (before && (older(object, before) || object->meta().resource_version == before->meta().resource_version)) return;
  if (before) unindex(before);
  held = object;
  index(object);
  tell({before, object});
}

void Cache::erase(const ObjectKey& key) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return;
  const ObjectRef before = found->second;
  unindex(before);
  objects_.erase(found);
  tell({before, nullptr});
}

void Cache::index(const ObjectRef& object) {
  if (const OwnerRef* owner = object->meta().controllerOwner()) by_controller_[owner->uid].insert(keyOf(object));
  for (const std::string& key : options_.label_indexes) {
    if (const std::string* value = object->meta().label(key)) by_label_[labelEntry(key, *value)].insert(keyOf(object));
  }
}

void Cache::unindex(const ObjectRef& object) {
  const auto leave = [&object](auto& keys, const std::string& entry) {
    const auto found = keys.find(entry);
    if (found == keys.end()) return;
    found->second.erase(keyOf(object));
    if (found->second.empty()) keys.erase(found);
  };
  if (const OwnerRef* owner = object->meta().controllerOwner()) leave(by_controller_, owner->uid);
  for (const std::string& key : options_.label_indexes) {
    if (const std::string* value = object->meta().label(key)) leave(by_label_, labelEntry(key, *value));
  }
}

void Cache::tell(const CacheChange& change) {
  for (const Handler& handler : handlers_) handler(change);
}

}  // namespace towpath::cluster
