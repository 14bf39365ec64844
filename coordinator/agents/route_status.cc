#include "agents/route_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "agents/gateway_plan.h"
#include "agents/node_object.h"
#include "base/log.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "json/parse.h"
#include "json/patch.h"
#include "loop/loop.h"
#include "traffic/live_weights.h"

namespace towpath::agents {

namespace {

using cluster::kGateways;
using cluster::kHttpRoutes;
using cluster::kNodes;
using cluster::kServices;

// Reports of several nodes, or of several routes, that come within this time are written together; short beside a
// rollout step.
constexpr Duration kGather = 10ms;
constexpr Duration kRetry = 1s;

traffic::NodeRoute entryOf(const std::string& node, const wire::RouteReport& report) {
  traffic::NodeRoute entry{.node = node, .generation = report.generation, .error = report.error};
  for (const wire::RouteWeight& weight : report.weights) {
    entry.weights.push_back({.service = weight.service,
                             .pod_template_hash = weight.pod_template_hash,
                             .share = weight.share,
                             .ready_servers = weight.ready_servers});
  }
  return entry;
}

// Name of the first backend Service that does not exist, or "".
std::string missingBackend(const store::Store& store, const Value& route) {
  for (const Value& rule : route.at({"spec", "rules"}).asArray()) {
    for (const Value& backend : rule["backendRefs"].asArray()) {
      if (backend["kind"].asStringView("Service") != "Service") continue;
      std::string ns = backend["namespace"].asString(cluster::namespaceOf(route));
      std::string name = backend["name"].asString();
      if (!store.find({kServices.storageName(), ns, name})) return ns + "/" + name;
    }
  }
  return {};
}

}  // namespace

RouteStatus::RouteStatus(Parts parts) : parts_(parts), scope_(parts.loop, "route status") {}

void RouteStatus::report(const std::string& node, wire::RouteReport route) {
  RouteName name{route.ns, route.name};
  // Only what exists is remembered, so that a node cannot fill the memory with names.
  if (!parts_.store.find({kHttpRoutes.storageName(), name.first, name.second})) return;
  auto [found, added] = reports_[name].try_emplace(node);
  if (!added && found->second == route) return;
  found->second = std::move(route);
  markDirty(name);
}

void RouteStatus::markDirty(const RouteName& name) {
  dirty_.insert(name);
  if (writing_) return;
  writing_ = true;
  scope_.spawn(write());
}

void RouteStatus::nodeChanged(const std::string& node) {
  const std::string resource = kHttpRoutes.storageName();
  Result<store::ListPage> routes = parts_.store.list(resource, {});
  if (!routes) return;
  for (const cluster::ObjectRef& object : routes->items) {
    Value route = object->parse();
    for (const Value& entry : route.at({"status", "towpath", "nodes"}).asArray()) {
      if (entry["node"].asStringView() == node) markDirty({object->meta().ns, object->meta().name});
    }
  }
}

loop::Task<void> RouteStatus::write() {
  while (!dirty_.empty()) {
    co_await loop::sleep(parts_.loop, kGather);
    std::set<RouteName> names = std::exchange(dirty_, {});
    bool failed = false;
    for (const RouteName& name : names) {
      if (co_await writeOne(name)) continue;
      dirty_.insert(name);
      failed = true;
    }
    if (failed) co_await loop::sleep(parts_.loop, kRetry);
  }
  writing_ = false;
}

loop::Task<bool> RouteStatus::writeOne(RouteName name) {
  cluster::ObjectRef stored = parts_.store.findLatest({kHttpRoutes.storageName(), name.first, name.second});
  if (!stored) {
    reports_.erase(name);
    co_return true;
  }
  Value route = stored->parse();
  Value status = wantedStatus(name, route);
  if (json::mergePatch(route["status"].isNull() ? Value(Object{}) : route["status"], status) == route["status"])
    co_return true;
  Value patch;
  patch["status"] = std::move(status);
  Result<cluster::ObjectRef> written =
      co_await parts_.api.patch(kHttpRoutes, name.first, name.second, cluster::PatchType::kMerge, std::move(patch),
                                {.field_manager = "towpath-agent", .subresource = "status"});
  if (written || written.error().kind == ErrorKind::kNotFound) co_return true;
  log::warning("the status of a route could not be written",
               {{"namespace", name.first}, {"route", name.second}, {"error", written.error().message}});
  // What is refused as invalid stays so: the next report tries again.
  co_return written.error().kind == ErrorKind::kInvalid;
}

bool RouteStatus::isSilent(const std::string& node) const {
  cluster::ObjectRef object = parts_.store.find({kNodes.storageName(), "", node});
  return !object || conditionStatus(object->parse(), "Ready") != "True";
}

Value RouteStatus::wantedStatus(const RouteName& name, const Value& route) const {
  Value status;
  status["parents"] = parentsOf(route);
  status["towpath"]["nodes"] = nodesOf(name, route);
  return status;
}

Value RouteStatus::nodesOf(const RouteName& name, const Value& route) const {
  // What other nodes reported before a restart of ours stands in the status itself.
  std::vector<traffic::NodeRoute> nodes = traffic::readNodeRoutes(route).value_or(std::vector<traffic::NodeRoute>());
  if (auto reports = reports_.find(name); reports != reports_.end()) {
    for (const auto& [node, report] : reports->second) traffic::setNodeRoute(nodes, entryOf(node, report));
  }
  std::erase_if(nodes, [&](const traffic::NodeRoute& entry) {
    return entry.generation < 0 || !parts_.store.find({kNodes.storageName(), "", entry.node});
  });
  for (traffic::NodeRoute& entry : nodes) entry.unknown = isSilent(entry.node);
  return traffic::writeNodeRoutes(std::move(nodes));
}

Value RouteStatus::parentsOf(const Value& route) const {
  // Entries of other controllers are kept (a route may hang on several gateways).
  Array parents;
  for (const Value& parent : route.at({"status", "parents"}).asArray()) {
    if (parent["controllerName"].asStringView() != kController) parents.push_back(parent);
  }
  for (const Value& reference : route.at({"spec", "parentRefs"}).asArray()) {
    parents.push_back(parentStatus(route, reference));
  }
  return parents;
}

Value RouteStatus::parentStatus(const Value& route, const Value& parent) const {
  const Value* before = &Value::null();
  for (const Value& old : route.at({"status", "parents"}).asArray()) {
    if (old["parentRef"] == parent && old["controllerName"].asStringView() == kController) before = &old;
  }
  std::int64_t generation = route.at({"metadata", "generation"}).asInt();
  WallTime now = parts_.loop.steadyNow();
  bool is_gateway = parent["kind"].asStringView("Gateway") == "Gateway";
  std::string ns = parent["namespace"].asString(cluster::namespaceOf(route));
  std::string name = parent["name"].asString();
  const cluster::Resource& resource = is_gateway ? kGateways : kServices;
  bool accepted = parts_.store.find({resource.storageName(), ns, name}) != nullptr;
  std::string missing = missingBackend(parts_.store, route);
  Array conditions;
  Condition accept{"Accepted", accepted, "Accepted", ""};
  if (!accepted) accept = {"Accepted", false, "NoMatchingParent", fmt::format("{}/{} does not exist", ns, name)};
  Condition resolve{"ResolvedRefs", true, "ResolvedRefs", ""};
  if (!missing.empty()) {
    resolve = {"ResolvedRefs", false, "BackendNotFound", fmt::format("Service {} does not exist", missing)};
  }
  for (Condition& condition : {std::ref(accept), std::ref(resolve)}) {
    conditions.push_back(writeCondition((*before)["conditions"], std::move(condition), generation, now));
  }
  return Object{{"parentRef", parent}, {"controllerName", kController}, {"conditions", std::move(conditions)}};
}

}  // namespace towpath::agents
