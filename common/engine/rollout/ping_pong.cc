// Two services that take turns (core-semantics 7.3): the canary comes up behind the idle one, and at promotion the two
// change roles instead of selectors, so that no service that gets traffic is ever pointed at other pods.
#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

bool pingIsStable(const Pass& pass) { return pass.old().canary.stable_ping_pong == "ping"; }

// The canary's service moves without asking whether the pods are ready: it gets no traffic yet. When a canary is
// replaced midway it does get some; then the weight goes first, and with it the routes of headers and mirrors. So it
// does right after a promotion, until the routers know that the two have changed roles: the next canary's service is
// the one that everybody is still sent to.
bool canaryServiceIsIdle(const Pass& pass, const ReplicaSet& target) {
  const std::optional<TrafficSetting>& applied = pass.world.traffic.applied;
  if (applied && applied->stable_hash != pass.old().stable_rs) return false;
  return target.available_replicas > 0 || (applied && applied->canary_weight == 0 && applied->managed.empty());
}

}  // namespace

void reconcilePingPong(Pass& pass) {
  const model::CanaryStrategy& canary = *pass.spec().canary();
  if (!canary.ping_pong) return;
  const ServiceRole stable_role = pingIsStable(pass) ? ServiceRole::kPing : ServiceRole::kPong;
  const ServiceRole canary_role = pingIsStable(pass) ? ServiceRole::kPong : ServiceRole::kPing;
  // Until the first update nobody has given the stable service a version, and without one it would reach canaries too.
  switchService(pass, stable_role, stableSet(pass), ServiceCheck::kWhenAvailable);
  const ReplicaSet* fresh = newSet(pass);
  if (fullyPromoted(pass) || isAborted(pass) || !canaryServiceIsIdle(pass, *fresh)) return;
  switchService(pass, canary_role, fresh, ServiceCheck::kNone);
}

void flipPingPong(Pass& pass) {
  const model::CanaryStrategy* canary = pass.spec().canary();
  if (canary == nullptr || !canary->ping_pong) return;
  pass.next.canary.stable_ping_pong = pingIsStable(pass) ? "pong" : "ping";
}

}  // namespace towpath::rollout
