#pragma once
// Which weight the routers should carry now (core-semantics 6). Separate from pass.h so that its reasons can be tested.

#include "engine/rollout/pass.h"

namespace towpath::rollout {

struct TrafficPlan {
  std::int32_t weight = 0;
  std::string canary_hash;
  std::string stable_hash;
  bool canary_service_to_stable = false;  // aborted, and no traffic is left on the canary
};

// nullopt: traffic stays as it is, because stable could not carry its share of the plan.
std::optional<TrafficPlan> planTraffic(const Pass& pass);

}  // namespace towpath::rollout
