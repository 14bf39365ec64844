#pragma once
// The service controller: a Service that a Rollout once switched, and that no Rollout uses any more, gets its own
// selector back (core-semantics 7.5). Else it would point at a version that will be gone.

#include <vector>

#include "cluster/cache.h"
#include "cluster/controller.h"
#include "control/rollout/context.h"
#include "loop/scope.h"

namespace towpath::control {

class ServiceController {
 public:
  // `context` outlives it.
  explicit ServiceController(const RolloutContext& context);
  ServiceController(const ServiceController&) = delete;
  ServiceController& operator=(const ServiceController&) = delete;

  // The caches of services and rollouts are complete.
  void start();

 private:
  loop::Task<Result<cluster::PassEnd>> pass(cluster::ObjectKey key);

  const RolloutContext& context_;
  cluster::Controller controller_;
  std::vector<cluster::Cache::Listener> listeners_;
};

}  // namespace towpath::control
