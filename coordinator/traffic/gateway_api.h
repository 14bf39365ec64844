#pragma once
// Weights through Gateway API: the weights of an HTTPRoute's backendRefs, as the plugin argoproj-labs/gatewayAPI sets
// them (traffic-routers reference, 10). Under its name and as towpath/gatewayAPI; both take
//   {httpRoute: name} or {httpRoutes: [{name}]}, and namespace (default: the Rollout's).

#include <memory>

#include "base/error.h"
#include "base/value.h"
#include "traffic/registry.h"

namespace towpath::traffic {

Result<std::unique_ptr<Router>> makeGatewayApi(const Value& config, const RouterContext& context);

// The rules of `route` with the weights set in each rule that names the canary or the stable service; kInvalid if no
// rule names both. Pure.
Result<Value> rulesWithWeights(const Value& route, const Target& target, const Weights& weights);

}  // namespace towpath::traffic
