#include "edge/ownership.h"

namespace towpath::edge {

Ownership::Ownership(store::Store& store, std::set<std::string> ignored, Hooks hooks)
    : store_(store), ignored_(std::move(ignored)), hooks_(std::move(hooks)) {}

Result<void> Ownership::followNew() {
  std::vector<store::Key> found;
  for (const std::string& resource : store_.resources()) {
    if (ignored_.contains(resource) || followed_.contains(resource)) continue;
    const auto page = store_.list(resource, {});
    if (!page) return std::unexpected(page.error());
    for (const cluster::ObjectRef& object : page->items) {
      put(resource, object);
      found.push_back({resource, object->meta().ns, object->meta().name});
    }
    auto subscription =
        store_.watch(resource, page->revision, [this, resource](std::span<const store::Change> changes) {
          for (const store::Change& change : changes) changed(resource, change);
        });
    if (!subscription) return std::unexpected(subscription.error());
    followed_[resource] = std::move(*subscription);
  }
  // Only now, since an object may be owned by one of a resource that was read after it.
  for (const store::Key& key : found) hooks_.look_at(key);
  return {};
}

void Ownership::changed(const std::string& resource, const store::Change& change) {
  if (change.previous) unlinkOwners({resource, change.object->meta().ns, change.object->meta().name}, change.previous);
  const store::Key key{resource, change.object->meta().ns, change.object->meta().name};
  if (change.type != store::Change::Type::kDeleted) {
    put(resource, change.object);
    hooks_.look_at(key);
    return;
  }
  erase(resource, change.object);
  for (const store::Key& dependent : dependentsOf(change.object->meta().uid)) hooks_.look_at(dependent);
  // An owner that waits for its last dependent.
  for (const cluster::OwnerRef& owner : change.object->meta().owners) {
    if (const store::Key* waiting = keyOf(owner.uid)) hooks_.look_at(*waiting);
  }
}

void Ownership::put(const std::string& resource, const cluster::ObjectRef& object) {
  const store::Key key{resource, object->meta().ns, object->meta().name};
  keys_.insert_or_assign(object->meta().uid, key);
  for (const cluster::OwnerRef& owner : object->meta().owners) dependents_[owner.uid].insert(key);
}

void Ownership::unlinkOwners(const store::Key& key, const cluster::ObjectRef& object) {
  for (const cluster::OwnerRef& owner : object->meta().owners) {
    const auto found = dependents_.find(owner.uid);
    if (found == dependents_.end()) continue;
    found->second.erase(key);
    if (found->second.empty()) dependents_.erase(found);
  }
}

void Ownership::erase(const std::string& resource, const cluster::ObjectRef& object) {
  unlinkOwners({resource, object->meta().ns, object->meta().name}, object);
  keys_.erase(object->meta().uid);
}

const store::Key* Ownership::keyOf(const std::string& uid) const {
  const auto found = keys_.find(uid);
  return found == keys_.end() ? nullptr : &found->second;
}

std::vector<store::Key> Ownership::dependentsOf(const std::string& uid) const {
  const auto found = dependents_.find(uid);
  if (found == dependents_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

cluster::Resource resourceOf(const store::Key& key, const Value& object) {
  const std::string api_version = object["apiVersion"].asString();
  const auto slash = api_version.find('/');
  cluster::Resource resource;
  resource.group = slash == std::string::npos ? "" : api_version.substr(0, slash);
  resource.version = slash == std::string::npos ? api_version : api_version.substr(slash + 1);
  resource.plural = resource.group.empty() ? key.resource : key.resource.substr(0, key.resource.find('.'));
  resource.kind = object["kind"].asString();
  resource.namespaced = !key.ns.empty();
  return resource;
}

}  // namespace towpath::edge
