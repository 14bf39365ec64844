#pragma once
// The port to whatever splits the traffic: four methods, and what it can do. One file a router (gateway_api.cc, …);
// registry.h finds it by the key that the Rollout uses. A router writes to its own objects only, never to a Rollout.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "loop/task.h"
#include "model/rollout.h"

namespace towpath::traffic {

// What is to be routed: read from the Rollout in each pass.
struct Target {
  std::string ns;
  std::string rollout;
  std::string canary_service;
  std::string stable_service;
  std::vector<std::string> managed_routes;
  std::int32_t max_weight = 100;
};

struct Weights {
  std::int32_t canary = 0;  // of max_weight; the stable service gets what is left
  std::vector<model::WeightDestination> additional;
  std::vector<std::string>
      former;  // services of experiments that got traffic before: none for them, unless they are above
};

struct Hashes {
  std::string canary;
  std::string stable;
};

class Router {
 public:
  virtual ~Router() = default;

  // Idempotent: writes nothing when it is so already.
  virtual loop::Task<Result<void>> setWeight(Target target, Weights weights) = 0;
  // Does the data plane carry these weights? nullopt: this router cannot tell.
  virtual loop::Task<Result<std::optional<bool>>> verifyWeight(Target target, Weights weights) = 0;
  // For routers that know versions by their hash rather than by a service.
  virtual loop::Task<Result<void>> updateHash(Target target, Hashes hashes) = 0;
  // Exactly these header and mirror routes; all others that the Rollout's managedRoutes name are taken away.
  virtual loop::Task<Result<void>> setManagedRoutes(Target target, std::vector<model::ManagedRoute> routes) = 0;
  // Can it carry the step out? kUnsupported says why not and what to do about it.
  virtual Result<void> supports(const model::Step& step) const = 0;
};

}  // namespace towpath::traffic
