#include "simulate/nodes.h"

#include <algorithm>
#include <utility>

namespace towpath::simulate {

PlayedNodes::PlayedNodes(loop::Loop& loop, cluster::MemoryApi& api, const Scenario& scenario)
    : loop_(loop),
      api_(api),
      scenario_(scenario),
      random_(Random(scenario.seed).fork("nodes of " + scenario.ns)),
      agenda_(loop) {
  if (!scenario.routed) return;
  api_.listen([this](const cluster::MemoryApi::Change& change) { changed(change); });
}

void PlayedNodes::changed(const cluster::MemoryApi::Change& change) {
  if (!(change.resource == cluster::kHttpRoutes) || change.after.isNull()) return;
  if (cluster::namespaceOf(change.after) != scenario_.ns) return;
  const bool respecified = change.before["metadata"]["generation"] != change.after["metadata"]["generation"];
  if (change.before.isNull() || respecified) asked_at_ = loop_.now();
  if (queued_) return;
  queued_ = true;
  agenda_.after(random_.between(20ms, 3s), [this] { carryOut(); });
}

void PlayedNodes::carryOut() {
  queued_ = false;
  const MonoTime now = loop_.now();
  if (now < silent_until_ || now < lying_until_) {
    queued_ = true;
    agenda_.after(std::max(silent_until_, lying_until_) - now + 1ms, [this] { carryOut(); });
    if (now < silent_until_) return;
  }
  const Value& route = api_.peek(cluster::kHttpRoutes, scenario_.ns, "shop");
  if (route.isNull()) return;
  if (now >= lying_until_) {
    const Split before = live_.value_or(Split{});
    live_ = readSplit(route);
    if (before != *live_ && listener_) listener_(before, asked_at_);
  }
  if (scenario_.reports == traffic::RouteReports::kExpected) report(route);
}

void PlayedNodes::report(const Value& route) {
  Value node;
  node["node"] = "n1";
  node["generation"] = route["metadata"]["generation"];
  Array weights;
  for (const auto& [service, weight] : readSplit(route).weights) {
    weights.emplace_back(Object{{"service", service}, {"share", reportedShare(route, service)}});
  }
  node["weights"] = std::move(weights);
  Value status;
  status["towpath"]["nodes"] = Array{std::move(node)};
  (void)api_.patchNow(cluster::kHttpRoutes, scenario_.ns, "shop", cluster::PatchType::kMerge,
                      Object{{"status", std::move(status)}}, {.subresource = "status"});
}

// Somebody applies the route that they have, which knows of no header or mirror.
void PlayedNodes::strip() {
  const Value& route = api_.peek(cluster::kHttpRoutes, scenario_.ns, "shop");
  Array rules = route["spec"]["rules"].asArray();
  if (std::erase_if(rules, [](const Value& rule) { return std::as_const(rule)["name"].isString(); }) == 0) return;
  (void)api_.patchNow(cluster::kHttpRoutes, scenario_.ns, "shop", cluster::PatchType::kMerge,
                      Object{{"spec", Object{{"rules", std::move(rules)}}}});
}

bool PlayedNodes::take(const Act& act) {
  switch (act.kind) {
    case ActKind::kNodesSilent:
      silent_until_ = loop_.now() + act.lasts;
      return true;
    case ActKind::kNodesLie:
      lying_until_ = loop_.now() + act.lasts;
      lied_until_ = lying_until_ + 5s;
      return true;
    case ActKind::kRouteStripped:
      strip();
      return true;
    default:
      return false;
  }
}

void PlayedNodes::heal() { silent_until_ = lying_until_ = loop_.now(); }

}  // namespace towpath::simulate
