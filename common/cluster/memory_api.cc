#include "cluster/memory_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/time.h"
#include "json/patch.h"

namespace towpath::cluster {
namespace {

// Kinds whose status is written through its subresource only. AnalysisRuns and Experiments have none, as in the CRDs.
bool hasStatus(const Resource& resource) {
  static const std::array<const Resource*, 7> kinds = {&kRollouts,   &kReplicaSets, &kPods,    &kServices,
                                                       &kHttpRoutes, &kNodes,       &kGateways};
  return std::ranges::any_of(kinds, [&](const Resource* kind) { return *kind == resource; });
}

bool hasGeneration(const Resource& resource) { return !(resource == kEvents || resource == kSecrets); }

std::unexpected<Error> missing(const Resource& resource, std::string_view name) {
  return fail(ErrorKind::kNotFound, fmt::format("{} \"{}\" not found", resource.storageName(), name));
}

std::unexpected<Error> outdated(const Resource& resource, std::string_view name) {
  return fail(ErrorKind::kConflict,
              fmt::format("Operation cannot be fulfilled on {} \"{}\": the object has been modified",
                          resource.storageName(), name));
}

// Everything that a change of the generation is about.
Value significant(const Resource& resource, const Value& object) {
  Value rest = object;
  rest.makeObject().erase("metadata");
  if (hasStatus(resource)) rest.makeObject().erase("status");
  return rest;
}

void dropEmpty(Object& metadata) {
  for (const char* member : {"annotations", "labels", "ownerReferences", "finalizers"}) {
    const Value* value = metadata.find(member);
    if (!value) continue;
    const bool empty = value->isNull() || (value->isObject() && value->asObject().empty()) ||
                       (value->isArray() && value->asArray().empty());
    if (empty) metadata.erase(member);
  }
}

// What a client may not change.
void keepMetadata(const Value& before, Value& next) {
  Object& metadata = next["metadata"].makeObject();
  const Value& old = before["metadata"];
  for (const char* member : {"name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp",
                             "deletionGracePeriodSeconds", "resourceVersion"}) {
    if (old[member].isNull())
      metadata.erase(member);
    else
      metadata.set(member, old[member]);
  }
  dropEmpty(metadata);
}

bool holds(const Value& metadata, const ObjectMeta& stored) {
  const std::string_view version = metadata["resourceVersion"].asStringView();
  const std::string_view uid = metadata["uid"].asStringView();
  return (version.empty() || version == stored.resource_version) && (uid.empty() || uid == stored.uid);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

class MemoryApi::MemoryWatch final : public Watch {
 public:
  MemoryWatch(const Table& table, std::string ns, std::uint64_t at) : table_(table), ns_(std::move(ns)), at_(at) {}

  void begin(std::deque<WatchEvent> present) { present_ = std::move(present); }

  loop::Task<Result<WatchEvent>> next() override {
    for (;;) {
      if (!present_.empty()) {
        WatchEvent event = std::move(present_.front());
        present_.pop_front();
        co_return event;
      }
      if (at_ < table_.first) co_return fail(ErrorKind::kGone, "the history that this watch needs is gone");
      while (at_ < table_.first + table_.history.size()) {
        const WatchEvent& event = table_.history[at_++ - table_.first].event;
        if (ns_.empty() || event.object->meta().ns == ns_) co_return event;
      }
      co_await const_cast<Table&>(table_).changed.wait();
    }
  }

 private:
  const Table& table_;
  std::string ns_;
  std::uint64_t at_;
  std::deque<WatchEvent> present_;
};

MemoryApi::MemoryApi(loop::Loop& loop, Options options) : loop_(loop), options_(options) {}
MemoryApi::~MemoryApi() = default;

MemoryApi::Table& MemoryApi::table(const Resource& resource) {
  return tables_.try_emplace(resource.storageName(), loop_).first->second;
}

const MemoryApi::Entry* MemoryApi::find(const Resource& resource, std::string_view ns, std::string_view name) const {
  const auto in = tables_.find(resource.storageName());
  if (in == tables_.end()) return nullptr;
  const auto found = in->second.objects.find(ObjectKey{std::string(ns), std::string(name)});
  return found == in->second.objects.end() ? nullptr : &found->second;
}

void MemoryApi::forgetOldest(Table& in) {
  in.compacted = in.history.front().revision;
  in.history.pop_front();
  ++in.first;
}

void MemoryApi::compact() {
  for (auto& [name, in] : tables_) {
    while (!in.history.empty()) forgetOldest(in);
    in.changed.notifyAll();
  }
}

void MemoryApi::note(Table& in, WatchEvent::Type type, const ObjectRef& object) {
  in.history.push_back({revision_, {type, object}});
  if (in.history.size() > options_.history) forgetOldest(in);
  in.changed.notifyAll();
}

std::string MemoryApi::newUid() { return fmt::format("00000000-0000-4000-8000-{:012x}", ++uids_); }

Result<ObjectRef> MemoryApi::getNow(const Resource& resource, std::string_view ns, std::string_view name) const {
  const Entry* found = find(resource, ns, name);
  if (!found) return missing(resource, name);
  return found->ref;
}

const Value& MemoryApi::peek(const Resource& resource, std::string_view ns, std::string_view name) const {
  const Entry* found = find(resource, ns, name);
  return found ? found->tree : Value::null();
}

std::vector<const Value*> MemoryApi::peekAll(const Resource& resource) const {
  std::vector<const Value*> trees;
  const auto in = tables_.find(resource.storageName());
  if (in == tables_.end()) return trees;
  for (const auto& [key, entry] : in->second.objects) trees.push_back(&entry.tree);
  return trees;
}

Result<ObjectRef> MemoryApi::createNow(const Resource& resource, Value object, const WriteOptions& options) {
  const ObjectKey key{resource.namespaced ? std::string(namespaceOf(object)) : "", std::string(nameOf(object))};
  if (key.name.empty()) return fail(ErrorKind::kInvalid, "a name is required", "metadata.name");
  if (options.subresource == "eviction") {
    if (const Result<void> removed = removeNow(resource, key.ns, key.name, {}); !removed)
      return std::unexpected(removed.error());
    return makeObjectRef(object);
  }
  Table& in = table(resource);
  if (in.objects.contains(key))
    return fail(ErrorKind::kAlreadyExists, fmt::format("{} \"{}\" already exists", resource.storageName(), key.name));
  if (hasStatus(resource)) object.makeObject().erase("status");
  if (resource == kReplicaSets) object["status"] = Object{{"replicas", 0}};
  Object& metadata = object["metadata"].makeObject();
  for (const char* member : {"deletionTimestamp", "deletionGracePeriodSeconds", "generation"}) metadata.erase(member);
  dropEmpty(metadata);
  metadata.set("uid", newUid());
  metadata.set("creationTimestamp", formatRfc3339(loop_.steadyNow()));
  if (hasGeneration(resource)) metadata.set("generation", 1);
  if (options.dry_run == DryRun::kYes) return makeObjectRef(object);
  metadata.set("resourceVersion", std::to_string(++revision_));
  Entry& entry = in.objects[key];
  entry.ref = makeObjectRef(object);
  entry.tree = std::move(object);
  for (const Listener& listener : listeners_) listener({resource, Value::null(), entry.tree});
  note(in, WatchEvent::Type::kAdded, entry.ref);
  return entry.ref;
}

Result<ObjectRef> MemoryApi::replace(const Resource& resource, Table& in, Entry& entry, Value next,
                                     const WriteOptions& options) {
  if (!holds(next["metadata"], entry.ref->meta())) return outdated(resource, entry.ref->meta().name);
  if (options.subresource == "status") {
    Value status = std::move(next["status"]);
    next = entry.tree;
    if (status.isNull())
      next.makeObject().erase("status");
    else
      next["status"] = std::move(status);
  } else if (hasStatus(resource)) {
    next.makeObject().erase("status");
    if (!entry.tree["status"].isNull()) next["status"] = std::as_const(entry.tree)["status"];
  }
  keepMetadata(entry.tree, next);
  if (next == entry.tree) return entry.ref;
  if (hasGeneration(resource) && significant(resource, next) != significant(resource, entry.tree)) {
    next["metadata"]["generation"] = entry.ref->meta().generation + 1;
  }
  if (options.dry_run == DryRun::kYes) return makeObjectRef(next);
  next["metadata"]["resourceVersion"] = std::to_string(++revision_);
  const Value before = std::exchange(entry.tree, std::move(next));
  entry.ref = makeObjectRef(entry.tree);
  const ObjectRef written = entry.ref;
  for (const Listener& listener : listeners_) listener({resource, before, entry.tree});
  note(in, WatchEvent::Type::kModified, written);
  const Value& metadata = std::as_const(entry.tree)["metadata"];
  const bool finished = written->meta().deleting && metadata["finalizers"].asArray().empty() &&
                        metadata["deletionGracePeriodSeconds"].asInt() == 0;
  if (finished) erase(resource, in, {written->meta().ns, written->meta().name});
  return written;
}

void MemoryApi::erase(const Resource& resource, Table& in, const ObjectKey& key) {
  const auto found = in.objects.find(key);
  Value last = std::move(found->second.tree);
  in.objects.erase(found);
  last["metadata"]["resourceVersion"] = std::to_string(++revision_);
  for (const Listener& listener : listeners_) listener({resource, last, Value::null()});
  note(in, WatchEvent::Type::kDeleted, makeObjectRef(last));
}

Result<ObjectRef> MemoryApi::updateNow(const Resource& resource, Value object, const WriteOptions& options) {
  Table& in = table(resource);
  const auto found = in.objects.find({std::string(namespaceOf(object)), std::string(nameOf(object))});
  if (found == in.objects.end()) return missing(resource, nameOf(object));
  return replace(resource, in, found->second, std::move(object), options);
}

Result<ObjectRef> MemoryApi::patchNow(const Resource& resource, const std::string& ns, const std::string& name,
                                      PatchType type, const Value& patch, const WriteOptions& options) {
  Table& in = table(resource);
  const auto found = in.objects.find({ns, name});
  if (found == in.objects.end()) return missing(resource, name);
  const Value& now = found->second.tree;
  switch (type) {
    case PatchType::kMerge:
      return replace(resource, in, found->second, json::mergePatch(now, patch), options);
    case PatchType::kJson:
    case PatchType::kStrategicMerge: {
      Result<Value> next =
          type == PatchType::kJson ? json::jsonPatch(now, patch) : json::strategicMergePatch(now, patch, resource.kind);
      if (!next) return std::unexpected(next.error());
      return replace(resource, in, found->second, std::move(*next), options);
    }
  }
  return fail(ErrorKind::kUnsupported, "no such kind of patch");
}

Result<void> MemoryApi::removeNow(const Resource& resource, const std::string& ns, const std::string& name,
                                  const DeleteOptions& options) {
  Table& in = table(resource);
  const auto found = in.objects.find({ns, name});
  if (found == in.objects.end()) return missing(resource, name);
  Entry& entry = found->second;
  const ObjectMeta& meta = entry.ref->meta();
  const bool other = (!options.uid.empty() && options.uid != meta.uid) ||
                     (!options.resource_version.empty() && options.resource_version != meta.resource_version);
  if (other) return outdated(resource, name);
  if (options.dry_run == DryRun::kYes) return {};
  const Value& tree = entry.tree;
  // Its node has to end a pod first, and says so by deleting it again without grace.
  const bool graceful = resource == kPods && !tree["spec"]["nodeName"].asStringView().empty() &&
                        options.grace_period_seconds.value_or(30) > 0;
  if (!graceful && tree["metadata"]["finalizers"].asArray().empty()) {
    erase(resource, in, found->first);
    return {};
  }
  if (meta.deleting) return {};
  Value before = tree;
  Value& metadata = entry.tree["metadata"];
  if (hasGeneration(resource)) metadata["generation"] = meta.generation + 1;
  metadata["deletionTimestamp"] = formatRfc3339(loop_.steadyNow());
  metadata["deletionGracePeriodSeconds"] = graceful ? options.grace_period_seconds.value_or(30) : 0;
  metadata["resourceVersion"] = std::to_string(++revision_);
  entry.ref = makeObjectRef(entry.tree);
  for (const Listener& listener : listeners_) listener({resource, before, entry.tree});
  note(in, WatchEvent::Type::kModified, entry.ref);
  return {};
}

loop::Task<Result<ObjectRef>> MemoryApi::get(const Resource& resource, std::string ns, std::string name) {
  co_return getNow(resource, ns, name);
}

loop::Task<Result<ObjectList>> MemoryApi::list(const Resource& resource, ListOptions options) {
  if (!options.label_selector.empty() || !options.field_selector.empty()) {
    co_return fail(ErrorKind::kUnsupported, "no selectors here");
  }
  ObjectList page{.items = {}, .resource_version = std::to_string(revision_), .continue_token = ""};
  for (const auto& [key, entry] : table(resource).objects) {
    if (options.ns.empty() || key.ns == options.ns) page.items.push_back(entry.ref);
  }
  co_return page;
}

loop::Task<Result<std::unique_ptr<Watch>>> MemoryApi::watch(const Resource& resource, WatchOptions options) {
  if (!options.label_selector.empty() || !options.field_selector.empty()) {
    co_return fail(ErrorKind::kUnsupported, "no selectors here");
  }
  Table& in = table(resource);
  std::uint64_t at = in.first + in.history.size();
  if (options.resource_version.empty()) {
    std::deque<WatchEvent> present;
    for (const auto& [key, entry] : in.objects) {
      if (options.ns.empty() || key.ns == options.ns) present.push_back({WatchEvent::Type::kAdded, entry.ref});
    }
    auto watch = std::make_unique<MemoryWatch>(in, std::move(options.ns), at);
    watch->begin(std::move(present));
    co_return watch;
  }
  const std::optional<std::uint64_t> after = number(options.resource_version);
  if (!after || *after > revision_) co_return fail(ErrorKind::kInvalid, "no such resourceVersion");
  if (*after < in.compacted) co_return fail(ErrorKind::kGone, "too old resource version: " + options.resource_version);
  while (at > in.first && in.history[at - in.first - 1].revision > *after) --at;
  co_return std::make_unique<MemoryWatch>(in, std::move(options.ns), at);
}

loop::Task<Result<ObjectRef>> MemoryApi::create(const Resource& resource, Value object, WriteOptions options) {
  co_return createNow(resource, std::move(object), options);
}

loop::Task<Result<ObjectRef>> MemoryApi::update(const Resource& resource, Value object, WriteOptions options) {
  co_return updateNow(resource, std::move(object), options);
}

loop::Task<Result<ObjectRef>> MemoryApi::patch(const Resource& resource, std::string ns, std::string name,
                                               PatchType type, Value patch, WriteOptions options) {
  co_return patchNow(resource, ns, name, type, patch, options);
}

loop::Task<Result<void>> MemoryApi::remove(const Resource& resource, std::string ns, std::string name,
                                           DeleteOptions options) {
  co_return removeNow(resource, ns, name, options);
}

}  // namespace towpath::cluster
