#pragma once
// All routers, by the key under which a Rollout names them: "nginx", …, "plugins/argoproj-labs/gatewayAPI".

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "cluster/cache.h"
#include "cluster/object_api.h"
#include "traffic/router.h"

namespace towpath::loop {
class Loop;
}

namespace towpath::traffic {

// Are there nodes of ours that report what their proxies do? On Kubernetes nobody does, and weights are not verified.
enum class RouteReports { kNone, kExpected };

// What routers work with; all of it outlives them.
struct RouterContext {
  cluster::ObjectApi* api = nullptr;
  loop::Loop* loop = nullptr;                   // for the pause before a write is tried again; nullptr: at once
  const cluster::Cache* http_routes = nullptr;  // nullptr: routes are read through the API
  RouteReports reports = RouteReports::kNone;
  cluster::Urgency urgency = cluster::Urgency::kNormal;          // of its writes
  std::function<void(const cluster::ObjectRef&)> observe_route;  // our own writes, for the cache; may be empty
};

// The router for one entry of spec.strategy.canary.trafficRouting; `config` is the value under its key. kUnsupported
// for a key that we don't have, kInvalid for a faulty configuration.
Result<std::unique_ptr<Router>> makeRouter(std::string_view key, const Value& config, const RouterContext& context);

// For messages and `describe`.
std::vector<std::string> routerKeys();

}  // namespace towpath::traffic
