#pragma once
// Weights through Gateway API: the weights of an HTTPRoute's backendRefs, as the plugin argoproj-labs/gatewayAPI sets
// them (traffic-routers reference, 10). Under its name and as towpath/gatewayAPI; both take
//   {httpRoute: name} or {httpRoutes: [{name, useHeaderRoutes}]}, and namespace (default: the Rollout's).
// Header and mirror routes (managed_routes.h) go to httpRoute and to the entries with useHeaderRoutes: true.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/value.h"
#include "traffic/registry.h"

namespace towpath::traffic {

Result<std::unique_ptr<Router>> makeGatewayApi(const Value& config, const RouterContext& context);

// Ports of the services of an experiment, by their names; the stable backend's for one that is not here.
using DestinationPorts = std::map<std::string, std::int64_t>;

// The rules of `route` with the weights set in each rule that names the canary and the stable service; kInvalid if no
// rule names both. Pure.
Result<Value> rulesWithWeights(const Value& route, const Target& target, const Weights& weights,
                               const DestinationPorts& ports = {});

}  // namespace towpath::traffic
