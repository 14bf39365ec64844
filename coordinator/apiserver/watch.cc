#include "apiserver/watch.h"

#include <fmt/format.h>

namespace towpath::apiserver {

using Type = cluster::WatchEvent::Type;

cluster::ObjectRef inVersion(const Kind& kind, cluster::ObjectRef object) {
  if (kind.versions.size() <= 1) return object;
  Value tree = object->parse();
  if (tree["apiVersion"].asStringView() == kind.resource.apiVersion()) return object;
  tree["apiVersion"] = kind.resource.apiVersion();
  return cluster::makeObjectRef(tree);
}

Answer<std::unique_ptr<RegistryWatch>> RegistryWatch::start(loop::Loop& loop, store::Store& store, std::string resource,
                                                            Selection selection, store::Revision after,
                                                            bool with_state) {
  std::unique_ptr<RegistryWatch> watch(new RegistryWatch(loop, store, std::move(resource), std::move(selection)));
  if (auto begun = watch->begin(after, with_state); !begun) return std::unexpected(begun.error());
  return watch;
}

Answer<void> RegistryWatch::begin(store::Revision after, bool with_state) {
  if (with_state) {
    store::ListQuery query{.ns = selection_.ns};
    auto page = store_.list(resource_, query);
    if (!page) return std::unexpected(toFailure(page.error()));
    for (auto& object : page->items) {
      if (selection_.matches(*object)) queue_.push_back({Type::kAdded, std::move(object)});
    }
    initial_left_ = queue_.size();
    after = page->revision;
  }
  auto subscription = store_.watch(resource_, after, [this](std::span<const store::Change> changes) { take(changes); });
  if (!subscription) {
    if (subscription.error().kind == ErrorKind::kGone) {
      return refuse(Reason::kExpired, fmt::format("too old resource version: {}", after));
    }
    return std::unexpected(toFailure(subscription.error()));
  }
  subscription_ = std::move(*subscription);
  if (!queue_.empty()) ready_.set();
  return {};
}

void RegistryWatch::take(std::span<const store::Change> changes) {
  for (const auto& change : changes) {
    if (failure_) return;
    // Namespaces never change, so this spares looking at labels and fields.
    if (!selection_.ns.empty() && change.object->meta().ns != selection_.ns) continue;
    const bool was = change.previous && selection_.matches(*change.previous);
    if (change.type == store::Change::Type::kDeleted) {
      if (was) push(Type::kDeleted, change.object);
      continue;
    }
    const bool is = selection_.matches(*change.object);
    if (is) push(was ? Type::kModified : Type::kAdded, change.object);
    if (!is && was) {
      // The last state that matched, at the revision of the change, as the peer sends it.
      Value last = change.previous->parse();
      last["metadata"]["resourceVersion"] = std::to_string(change.revision);
      push(Type::kDeleted, cluster::makeObjectRef(last));
    }
  }
}

void RegistryWatch::push(Type type, cluster::ObjectRef object) {
  if (queue_.size() >= kWatchBacklog) {
    failure_ = Failure{.reason = Reason::kExpired, .message = "the watcher is too slow: list again"};
    queue_.clear();
    initial_left_ = 0;
  } else {
    queue_.push_back({type, std::move(object)});
  }
  ready_.set();
}

std::optional<RegistryWatch::Event> RegistryWatch::tryNext() {
  if (queue_.empty()) {
    if (!failure_) ready_.reset();
    return std::nullopt;
  }
  auto event = std::move(queue_.front());
  queue_.pop_front();
  if (initial_left_ > 0) --initial_left_;
  if (queue_.empty() && !failure_) ready_.reset();
  return event;
}

store::Revision RegistryWatch::revision() const { return store_.committedRevision(resource_); }

}  // namespace towpath::apiserver
