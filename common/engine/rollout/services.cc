// Which ReplicaSet a service's selector names (core-semantics 7).
#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

// A service that nobody manages yet may carry full load: it moves only to a version that is all there. Later moves need
// one pod, or a single flapping pod would block the end of a rollout.
bool canTake(const Pass& pass, ServiceRole role, const model::Service& service, const ReplicaSet& target) {
  // Behind a router without weight a canary service gets nothing, and has to be right before it gets some.
  const std::optional<model::TrafficWeights>& weights = pass.old().canary.weights;
  const bool idle = role == ServiceRole::kCanary && trafficRouted(pass) && (!weights || weights->canary.weight == 0);
  if (service.managed_by.empty() && !idle) return target.replicas != 0 && target.available_replicas >= target.replicas;
  // Where no pods are wanted none will come; those of the version that it names would have to stay for it.
  return target.available_replicas > 0 || pass.wanted() == 0;
}

}  // namespace

void switchService(Pass& pass, ServiceRole role, const ReplicaSet* target, ServiceCheck check) {
  const model::Service* service = findService(pass, role);
  if (service == nullptr || target == nullptr) return;
  const bool blue_green = role == ServiceRole::kActive || role == ServiceRole::kPreview;
  const bool right = service->selector_hash == target->hash;
  if (right && (!blue_green || !service->managed_by.empty())) return;
  if (check == ServiceCheck::kWhenAvailable && !right && !canTake(pass, role, *service, *target)) return;
  const SwitchService action{role, service->name, service->selector_hash, target->hash};
  act(pass, action);
  if (!right) {
    event(pass, "SwitchService",
          fmt::format("Switched selector for service '{}' from '{}' to '{}'", action.service, action.from_hash,
                      action.hash));
  }
}

void reconcileCanaryServices(Pass& pass) {
  const ReplicaSet* stable = stableSet(pass);
  switchService(pass, ServiceRole::kStable, stable, ServiceCheck::kWhenAvailable);
  if (isAborted(pass)) {
    // With routing, the traffic step moves it when the weight is gone; moving it to the canary first would flap.
    if (!trafficRouted(pass)) switchService(pass, ServiceRole::kCanary, stable, ServiceCheck::kWhenAvailable);
    return;
  }
  if (dynamicRollback(pass)) return;
  switchService(pass, ServiceRole::kCanary, newSet(pass), ServiceCheck::kWhenAvailable);
}

}  // namespace towpath::rollout
