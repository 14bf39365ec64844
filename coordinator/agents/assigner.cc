#include "agents/assigner.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "agents/node_selector.h"
#include "cluster/kinds.h"
#include "cluster/object.h"

namespace towpath::agents {

namespace {

using cluster::kConfigMaps;
using cluster::kEndpointSlices;
using cluster::kGateways;
using cluster::kHttpRoutes;
using cluster::kNodes;
using cluster::kPods;
using cluster::kSecrets;
using cluster::kServices;

const cluster::Resource* const kFollowed[] = {&kPods,           &kConfigMaps, &kSecrets,    &kServices,
                                              &kEndpointSlices, &kGateways,   &kHttpRoutes, &kNodes};

store::Key keyOf(const std::string& resource, const cluster::ObjectRef& object) {
  return {resource, object->meta().ns, object->meta().name};
}

// Many of these exist that no node ever needs, and most of them are large: they are read when a pod names them.
bool isReadLate(const std::string& resource) {
  return resource == kConfigMaps.storageName() || resource == kSecrets.storageName();
}

store::Key firstOf(const cluster::Resource& resource) { return {resource.storageName(), "", ""}; }

// Calls for each entry of one resource.
template <class Entries, class Call>
void forEach(const Entries& entries, const cluster::Resource& resource, Call call) {
  const std::string name = resource.storageName();
  for (auto it = entries.lower_bound(firstOf(resource)); it != entries.end() && it->first.resource == name; ++it) {
    call(it->first, it->second);
  }
}

}  // namespace

Assigner::Assigner(store::Store& store, Dirty dirty) : store_(store), dirty_(std::move(dirty)) {}

Result<void> Assigner::start() {
  for (const cluster::Resource* resource : kFollowed) {
    if (Result<void> followed = follow(resource->storageName()); !followed) return followed;
  }
  return {};
}

Result<void> Assigner::follow(const std::string& resource) {
  Result<store::ListPage> page = store_.list(resource, {});
  if (!page) return std::unexpected(page.error());
  for (const cluster::ObjectRef& object : page->items) put(resource, object);
  auto sink = [this, resource](std::span<const store::Change> changes) {
    for (const store::Change& change : changes) changed(resource, change);
  };
  Result<std::unique_ptr<store::Subscription>> subscription = store_.watch(resource, page->revision, std::move(sink));
  if (!subscription) return std::unexpected(subscription.error());
  subscriptions_.push_back(std::move(*subscription));
  return {};
}

void Assigner::changed(const std::string& resource, const store::Change& change) {
  store::Key key = keyOf(resource, change.object);
  auto old = entries_.find(key);
  std::uint64_t old_hash = old == entries_.end() ? 0 : old->second.hash;
  Placement old_placement = old == entries_.end() ? Placement{} : old->second.placement;
  if (change.type == store::Change::Type::kDeleted) {
    erase(resource, change.object);
    tell(key, old_placement);
    return;
  }
  put(resource, change.object);
  const Entry& entry = entries_.at(key);
  if (entry.hash != 0 && entry.hash == old_hash) return;  // only its status changed, or its bookkeeping
  if (old_placement.node != entry.placement.node && !old_placement.node.empty()) tell(key, old_placement);
  tell(key, entry.placement);
}

void Assigner::put(const std::string& resource, const cluster::ObjectRef& object) {
  store::Key key = keyOf(resource, object);
  Entry& entry = entries_[key];
  unindexPlacement(key, entry.placement);
  entry.object = object;
  entry.placement = {};
  entry.hash = 0;
  entry.text.clear();
  if (isReadLate(resource) || resource == kNodes.storageName()) return;
  Value tree = object->parse();
  entry.placement = readPlacement(resource, tree);
  entry.hash = hashOf(projectForNode(std::move(tree)));
  indexPlacement(key, entry.placement);
}

void Assigner::erase(const std::string& resource, const cluster::ObjectRef& object) {
  auto found = entries_.find(keyOf(resource, object));
  if (found == entries_.end()) return;
  unindexPlacement(found->first, found->second.placement);
  std::erase(with_text_, &*found);
  entries_.erase(found);
}

void Assigner::indexPlacement(const store::Key& key, const Placement& placement) {
  if (!placement.node.empty()) pods_by_node_[placement.node].insert(key);
  if (!placement.service.empty()) slices_by_service_[{key.ns, placement.service}].insert(key);
}

void Assigner::unindexPlacement(const store::Key& key, const Placement& placement) {
  if (auto pods = pods_by_node_.find(placement.node); pods != pods_by_node_.end()) {
    pods->second.erase(key);
    if (pods->second.empty()) pods_by_node_.erase(pods);
  }
  if (auto slices = slices_by_service_.find({key.ns, placement.service}); slices != slices_by_service_.end()) {
    slices->second.erase(key);
    if (slices->second.empty()) slices_by_service_.erase(slices);
  }
}

void Assigner::tell(const store::Key& key, const Placement& placement) {
  if (key.resource == kPods.storageName()) {
    if (!placement.node.empty()) dirty_(placement.node);
  } else if (key.resource == kNodes.storageName()) {
    dirty_(key.name);
  } else if (isReadLate(key.resource)) {
    tellUsers(key);
  } else {
    dirty_("");
  }
}

void Assigner::tellUsers(const store::Key& key) {
  for (const auto& [node, pods] : pods_by_node_) {
    auto names = [&](const store::Key& pod) {
      const std::vector<store::Key>& references = entries_.at(pod).placement.references;
      return std::ranges::find(references, key) != references.end();
    };
    if (std::ranges::any_of(pods, names)) dirty_(node);
  }
}

std::set<store::Key> Assigner::wanted(const std::string& node) const {
  std::set<store::Key> wanted;
  std::set<std::string> namespaces;
  addPods(node, wanted, namespaces);
  addRoutes(node, wanted, namespaces);
  addServices(wanted, namespaces);
  return wanted;
}

void Assigner::addPods(const std::string& node, std::set<store::Key>& wanted, std::set<std::string>& namespaces) const {
  auto pods = pods_by_node_.find(node);
  if (pods == pods_by_node_.end()) return;
  for (const store::Key& pod : pods->second) {
    wanted.insert(pod);
    namespaces.insert(pod.ns);
    for (const store::Key& reference : entries_.at(pod).placement.references) {
      if (entries_.contains(reference)) wanted.insert(reference);
    }
  }
}

void Assigner::addRoutes(const std::string& node, std::set<store::Key>& wanted,
                         const std::set<std::string>& namespaces) const {
  forEach(entries_, kGateways, [&](const store::Key& key, const Entry& entry) {
    if (selects(entry.placement.node_selector, node)) wanted.insert(key);
  });
  forEach(entries_, kHttpRoutes, [&](const store::Key& key, const Entry& entry) {
    bool attached = std::ranges::any_of(entry.placement.parents, [&](const store::Key& parent) {
      bool is_gateway = parent.resource == kGateways.storageName();
      return is_gateway ? wanted.contains(parent) : namespaces.contains(parent.ns);
    });
    if (!attached) return;
    wanted.insert(key);
    for (const store::Key& service : entry.placement.references) {
      if (entries_.contains(service)) wanted.insert(service);
    }
  });
}

void Assigner::addServices(std::set<store::Key>& wanted, const std::set<std::string>& namespaces) const {
  forEach(entries_, kServices, [&](const store::Key& key, const Entry& entry) {
    if (namespaces.contains(key.ns) || entry.placement.node_port) wanted.insert(key);
    if (!wanted.contains(key)) return;
    auto slices = slices_by_service_.find({key.ns, key.name});
    if (slices != slices_by_service_.end()) wanted.insert(slices->second.begin(), slices->second.end());
  });
}

bool Assigner::selects(const std::string& selector, const std::string& node) const {
  if (selector.empty()) return true;
  auto found = entries_.find({kNodes.storageName(), "", node});
  return found != entries_.end() && selectsLabels(selector, found->second.object->meta().labels);
}

std::optional<wire::Assignment> Assigner::difference(const std::string& node, Holding& holding) {
  wire::Assignment assignment;
  std::set<store::Key> should = wanted(node);
  for (auto it = holding.begin(); it != holding.end();) {
    if (should.contains(it->first)) {
      ++it;
      continue;
    }
    const store::Key& key = it->first;
    assignment.objects.push_back({.resource = key.resource, .ns = key.ns, .name = key.name, .deleted = true});
    it = holding.erase(it);
  }
  for (const store::Key& key : should) {
    Entry& entry = entries_.at(key);
    std::uint64_t hash = hashOfEntry(entry);
    auto [held, added] = holding.try_emplace(key, 0);
    if (held->second == hash) continue;
    held->second = hash;
    assignment.objects.push_back(
        {.resource = key.resource, .ns = key.ns, .name = key.name, .json = textOf(entry), .hash = hash});
    with_text_.push_back(&*entries_.find(key));
  }
  if (assignment.objects.empty()) return std::nullopt;
  assignment.revision = revision();
  return assignment;
}

std::uint64_t Assigner::revision() const {
  return static_cast<std::uint64_t>(std::max<store::Revision>(store_.committedRevision(kPods.storageName()), 1));
}

const std::string& Assigner::textOf(Entry& entry) {
  if (entry.text.empty()) entry.text = projectForNode(entry.object->parse());
  return entry.text;
}

std::uint64_t Assigner::hashOfEntry(Entry& entry) {
  if (entry.hash == 0) entry.hash = hashOf(textOf(entry));
  return entry.hash;
}

void Assigner::dropTexts() {
  for (Item* item : with_text_) {
    item->second.text.clear();
    item->second.text.shrink_to_fit();
  }
  with_text_.clear();
}

}  // namespace towpath::agents
