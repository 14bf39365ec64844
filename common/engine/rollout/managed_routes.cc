// Header and mirror routes: which of them the routers should have now (core-semantics 5, 6.1; core-pitfalls 67). It
// follows from the steps that are done and the current one, as a weight does, so that a route that somebody removed, or
// that went with the canary's pods, comes back.
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

using model::nameOf;

void setRoute(std::vector<model::ManagedRoute>& routes, const model::ManagedRoute& route, bool has_match) {
  std::erase_if(routes, [&](const model::ManagedRoute& other) { return nameOf(other) == nameOf(route); });
  if (has_match) routes.push_back(route);
}

// Precedence is the order of trafficRouting.managedRoutes.
void sortByPrecedence(std::vector<model::ManagedRoute>& routes, const std::vector<std::string>& order) {
  std::ranges::sort(routes, {},
                    [&](const model::ManagedRoute& route) { return std::ranges::find(order, nameOf(route)); });
}

bool noneMayBe(const Pass& pass) {
  const bool first_deployment = pass.world.revision.value_or(0) <= 1;
  return first_deployment || fullyPromoted(pass) || isAborted(pass) || promotesFully(pass) ||
         withinRollbackWindow(pass) || sizeOf(newSet(pass)).available == 0;
}

}  // namespace

std::vector<model::ManagedRoute> wantedRoutes(const Pass& pass) {
  std::vector<model::ManagedRoute> routes;
  if (!trafficRouted(pass) || noneMayBe(pass)) return routes;
  for (std::int32_t i = 0; i <= stepIndex(pass) && i < static_cast<std::int32_t>(steps(pass).size()); ++i) {
    const model::Step& step = steps(pass)[static_cast<std::size_t>(i)];
    if (const auto* header = std::get_if<model::SetHeaderRouteStep>(&step))
      setRoute(routes, *header, !header->match.empty());
    if (const auto* mirror = std::get_if<model::SetMirrorRouteStep>(&step))
      setRoute(routes, *mirror, !mirror->match.empty());
  }
  sortByPrecedence(routes, pass.spec().canary()->traffic_routing->managed_routes);
  return routes;
}

bool routesAreSet(const Pass& pass) {
  const TrafficView& traffic = pass.world.traffic;
  return traffic.applied && traffic.applied->managed == wantedRoutes(pass) && traffic.verified != false;
}

}  // namespace towpath::rollout
