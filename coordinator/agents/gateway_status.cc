#include "agents/gateway_status.h"

#include <algorithm>

#include "agents/node_object.h"
#include "agents/node_selector.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "json/patch.h"

namespace towpath::agents {

namespace {

using cluster::kGatewayClasses;
using cluster::kGateways;
using cluster::kHttpRoutes;
using cluster::kNodes;

constexpr const char* kNodeSelector = "towpath.dev/node-selector";
// What comes within this time is written together. A pass costs in proportion to the nodes, so it grows with them: 50
// ms for a few, 1 s for ten thousand.
constexpr Duration kGather = 50ms;
constexpr Duration kGatherPerNode = std::chrono::microseconds(100);

GatewayNode readNode(const Value& node) {
  GatewayNode read{
      .name = std::string(cluster::nameOf(node)), .address = {}, .silent = conditionStatus(node, "Ready") != "True"};
  for (const Value& address : node.at({"status", "addresses"}).asArray()) {
    if (address["type"].asStringView() == "Hostname") continue;
    read.address = address["address"].asString();
    break;
  }
  return read;
}

}  // namespace

GatewayStatus::GatewayStatus(Parts parts)
    : parts_(parts),
      classes_(parts.loop, {.name = "gateway class", .workers = 1, .backoff = {}},
               [this](cluster::ObjectKey key) { return classPass(std::move(key.name)); }),
      gateways_(parts.loop, {.name = "gateway", .workers = 1, .backoff = {.first = 100ms}},
                [this](cluster::ObjectKey key) { return gatewayPass(std::move(key)); }) {}

Result<void> GatewayStatus::start() {
  auto node = [this](const store::Change& change) { nodeChanged(change); };
  auto route = [this](const store::Change& change) { routeChanged(change); };
  auto gateway = [this](const store::Change& change) {
    lookAt({change.object->meta().ns, change.object->meta().name});
  };
  auto gateway_class = [this](const store::Change& change) {
    classes_.queue().add({"", change.object->meta().name});
    allGatewaysChanged();
  };
  if (Result<void> followed = follow(kNodes, node); !followed) return followed;
  if (Result<void> followed = follow(kHttpRoutes, route); !followed) return followed;
  if (Result<void> followed = follow(kGateways, gateway); !followed) return followed;
  if (Result<void> followed = follow(kGatewayClasses, gateway_class); !followed) return followed;
  classes_.queue().add({"", kGatewayClass});
  classes_.start();
  gateways_.start();
  return {};
}

// What is there comes as added.
Result<void> GatewayStatus::follow(const cluster::Resource& resource,
                                   std::function<void(const store::Change&)> changed) {
  Result<store::ListPage> page = parts_.store.list(resource.storageName(), {});
  if (!page) return std::unexpected(page.error());
  for (const cluster::ObjectRef& object : page->items) {
    changed({.type = store::Change::Type::kAdded, .revision = page->revision, .object = object, .previous = nullptr});
  }
  auto sink = [changed](std::span<const store::Change> changes) {
    for (const store::Change& change : changes) changed(change);
  };
  auto watched = parts_.store.watch(resource.storageName(), page->revision, std::move(sink));
  if (!watched) return std::unexpected(watched.error());
  subscriptions_.push_back(std::move(*watched));
  return {};
}

void GatewayStatus::nodeChanged(const store::Change& change) {
  const cluster::ObjectMeta& meta = change.object->meta();
  if (change.type == store::Change::Type::kDeleted) {
    nodes_.erase(meta.name);
    for (auto& [gateway, words] : reports_) words.erase(meta.name);
    return allGatewaysChanged();
  }
  NodeEntry entry{readNode(change.object->parse()), meta.labels};
  NodeEntry& known = nodes_[meta.name];
  const bool same = known.node == entry.node && known.labels == entry.labels;
  known = std::move(entry);
  if (!same) allGatewaysChanged();
}

void GatewayStatus::routeChanged(const store::Change& change) {
  // Reports of weights change a route's status all the time; attachment depends on its spec.
  const bool modified = change.type == store::Change::Type::kModified && change.previous;
  if (modified && change.previous->meta().generation == change.object->meta().generation) return;
  parentsChanged(change.object);
  parentsChanged(change.previous);
}

void GatewayStatus::parentsChanged(const cluster::ObjectRef& route) {
  if (!route) return;
  const Value object = route->parse();
  for (const Value& parent : object.at({"spec", "parentRefs"}).asArray()) {
    if (parent["kind"].asStringView("Gateway") != "Gateway") continue;
    lookAt({parent["namespace"].asString(route->meta().ns), parent["name"].asString()});
  }
}

void GatewayStatus::allGatewaysChanged() {
  Result<store::ListPage> page = parts_.store.list(kGateways.storageName(), {});
  if (!page) return;
  for (const cluster::ObjectRef& gateway : page->items) lookAt({gateway->meta().ns, gateway->meta().name});
}

void GatewayStatus::lookAt(const cluster::ObjectKey& gateway) {
  const auto nodes = static_cast<Duration::rep>(nodes_.size());
  gateways_.queue().addAfter(gateway, std::max<Duration>(kGather, nodes * kGatherPerNode));
}

void GatewayStatus::report(const std::string& node, wire::GatewayReport gateway) {
  const cluster::ObjectKey key{gateway.ns, gateway.name};
  // Only what exists is remembered, so that a node cannot fill the memory with names.
  if (!parts_.store.find({kGateways.storageName(), key.ns, key.name})) return;
  auto [found, added] = reports_[key].try_emplace(node);
  if (!added && found->second == gateway) return;
  found->second = std::move(gateway);
  lookAt(key);
}

loop::Task<Result<void>> GatewayStatus::makeClass() {
  Value object = Object{{"apiVersion", kGatewayClasses.apiVersion()}, {"kind", kGatewayClasses.kind}};
  object["metadata"] = Object{{"name", kGatewayClass}};
  object["spec"] = Object{{"controllerName", kController}, {"description", "the proxies of Towpath's nodes"}};
  Result<cluster::ObjectRef> made = co_await parts_.api.create(kGatewayClasses, std::move(object));
  if (!made && made.error().kind != ErrorKind::kAlreadyExists) co_return std::unexpected(made.error());
  co_return {};
}

loop::Task<Result<cluster::PassEnd>> GatewayStatus::classPass(std::string name) {
  cluster::ObjectRef stored = parts_.store.findLatest({kGatewayClasses.storageName(), "", name});
  if (!stored) {
    if (name != kGatewayClass) co_return cluster::PassEnd{};
    // Its creation brings it back here.
    if (Result<void> made = co_await makeClass(); !made) co_return std::unexpected(made.error());
    co_return cluster::PassEnd{};
  }
  const Value object = stored->parse();
  if (object.at({"spec", "controllerName"}).asStringView() != kController) co_return cluster::PassEnd{};
  Value status = classStatus(object, parts_.loop.steadyNow());
  Result<void> written = co_await write(kGatewayClasses, {"", name}, object, std::move(status));
  if (!written) co_return std::unexpected(written.error());
  co_return cluster::PassEnd{};
}

loop::Task<Result<cluster::PassEnd>> GatewayStatus::gatewayPass(cluster::ObjectKey key) {
  cluster::ObjectRef stored = parts_.store.findLatest({kGateways.storageName(), key.ns, key.name});
  if (!stored) {
    reports_.erase(key);
    co_return cluster::PassEnd{};
  }
  const Value gateway = stored->parse();
  if (!isOurs(gateway)) co_return cluster::PassEnd{};
  const std::vector<GatewayNode> nodes = nodesOf(gateway);
  const std::vector<GatewayWord> words = wordsOf(key);
  const std::vector<std::int64_t> attached = countAttached(gateway, routes());
  Value status = gatewayStatus({gateway, nodes, words, attached}, parts_.loop.steadyNow());
  Result<void> written = co_await write(kGateways, key, gateway, std::move(status));
  if (!written) co_return std::unexpected(written.error());
  co_return cluster::PassEnd{};
}

loop::Task<Result<void>> GatewayStatus::write(const cluster::Resource& resource, cluster::ObjectKey key,
                                              const Value& object, Value status) {
  const Value before = object["status"].isNull() ? Value(Object{}) : object["status"];
  if (json::mergePatch(before, status) == before) co_return {};
  Value patch;
  patch["status"] = std::move(status);
  Result<cluster::ObjectRef> written =
      co_await parts_.api.patch(resource, key.ns, key.name, cluster::PatchType::kMerge, std::move(patch),
                                {.field_manager = "towpath-gateway", .subresource = "status"});
  if (!written && written.error().kind != ErrorKind::kNotFound) co_return std::unexpected(written.error());
  co_return {};
}

// A class that is not there is nobody else's.
bool GatewayStatus::isOurs(const Value& gateway) const {
  const std::string name = gateway.at({"spec", "gatewayClassName"}).asString();
  cluster::ObjectRef gateway_class = parts_.store.find({kGatewayClasses.storageName(), "", name});
  return !gateway_class || gateway_class->parse().at({"spec", "controllerName"}).asStringView() == kController;
}

std::vector<GatewayNode> GatewayStatus::nodesOf(const Value& gateway) const {
  const std::string_view selector = cluster::annotationOf(gateway, kNodeSelector);
  std::vector<GatewayNode> nodes;
  for (const auto& [name, entry] : nodes_) {
    if (selector.empty() || selectsLabels(selector, entry.labels)) nodes.push_back(entry.node);
  }
  return nodes;
}

std::vector<GatewayWord> GatewayStatus::wordsOf(const cluster::ObjectKey& key) const {
  std::vector<GatewayWord> words;
  if (auto found = reports_.find(key); found != reports_.end()) {
    for (const auto& [node, report] : found->second) words.push_back({node, report});
  }
  return words;
}

std::vector<Value> GatewayStatus::routes() const {
  std::vector<Value> routes;
  Result<store::ListPage> page = parts_.store.list(kHttpRoutes.storageName(), {});
  if (!page) return routes;
  for (const cluster::ObjectRef& route : page->items) routes.push_back(route->parse());
  return routes;
}

}  // namespace towpath::agents
