#include "engine/rollout/pass.h"

#include <algorithm>

#include "engine/rollout/effects.h"

namespace towpath::rollout {
namespace {

// Traffic that a ReplicaSet gets by the routers, or by the active service of blue-green.
bool carriesTraffic(const Pass& pass, const ReplicaSet& set) {
  if (pass.spec().blueGreen() != nullptr) {
    const model::Service* active = findService(pass, ServiceRole::kActive);
    return active != nullptr && active->selector_hash == set.hash;
  }
  if (!trafficRouted(pass) || !pass.world.traffic.applied) return false;
  const TrafficSetting& applied = *pass.world.traffic.applied;
  const std::int32_t most = pass.spec().canary()->maxWeight();
  // A header route sends requests to the canary at any weight.
  const bool canary = applied.canary_weight > 0 || !applied.managed.empty();
  return (applied.canary_hash == set.hash && canary) ||
         (applied.stable_hash == set.hash && applied.canary_weight < most);
}

// The data plane still does something else than what was set: who gets how much of the traffic is not known, and nobody
// who may get some is made smaller. A new number of replicas is carried out all the same.
bool awaitsDataPlane(const Pass& pass, const ReplicaSet& set) {
  if (!trafficRouted(pass) || pass.world.traffic.verified != false || pass.wanted() == 0) return false;
  return set.desired_replicas == pass.wanted();
}

}  // namespace

Pass::Pass(const World& given, WallTime time)
    : in(given), world(given), now(time), stamp(std::chrono::floor<std::chrono::seconds>(time)) {}

const ReplicaSet* findSet(const Pass& pass, std::string_view name) {
  const auto found = std::ranges::find(pass.world.replica_sets, name, &ReplicaSet::name);
  return found == pass.world.replica_sets.end() ? nullptr : &*found;
}

const ReplicaSet* newSet(const Pass& pass) { return pass.world.new_rs ? findSet(pass, *pass.world.new_rs) : nullptr; }

const ReplicaSet* stableSet(const Pass& pass) {
  if (pass.old().stable_rs.empty()) return nullptr;
  const auto found = std::ranges::find(pass.world.replica_sets, pass.old().stable_rs, &ReplicaSet::hash);
  return found == pass.world.replica_sets.end() ? nullptr : &*found;
}

std::vector<const ReplicaSet*> otherSets(const Pass& pass) {
  std::vector<const ReplicaSet*> others;
  for (const ReplicaSet& set : pass.world.replica_sets) {
    if (&set != newSet(pass) && &set != stableSet(pass)) others.push_back(&set);
  }
  std::ranges::sort(others, [](const ReplicaSet* a, const ReplicaSet* b) {
    return std::tie(a->creation_time, a->name) < std::tie(b->creation_time, b->name);
  });
  return others;
}

const model::Service* findService(const Pass& pass, ServiceRole role) {
  const auto found = std::ranges::find(pass.world.services, role, &ServiceView::role);
  return found == pass.world.services.end() ? nullptr : &found->service;
}

std::string newHash(const Pass& pass) {
  const ReplicaSet* set = newSet(pass);
  return set == nullptr ? pass.in.computed_hash : set->hash;
}

bool newIsStable(const Pass& pass) { return newSet(pass) != nullptr && newSet(pass) == stableSet(pass); }

bool fullyPromoted(const Pass& pass) { return pass.old().stable_rs == pass.old().current_pod_hash; }

bool isAborted(const Pass& pass) {
  return pass.intent.abort.has_value() || (pass.old().abort && !pass.intent.remove_abort);
}

bool promotesFully(const Pass& pass) {
  // `promote --full` takes an abort back that has been carried out (abortedAt is set). One that is new wins.
  const bool aborted_since = pass.old().abort && !pass.old().aborted_at;
  return pass.old().promote_full && !aborted_since && !pass.intent.abort && !fullyPromoted(pass);
}

bool isHalted(const Pass& pass) {
  return pass.spec().paused || hasPause(pass.old(), model::PauseReason::kInconclusiveAnalysisRun);
}

bool trafficRouted(const Pass& pass) {
  const model::CanaryStrategy* canary = pass.spec().canary();
  return canary != nullptr && canary->traffic_routing && !canary->traffic_routing->routers.empty();
}

const std::vector<model::Step>& steps(const Pass& pass) {
  static const std::vector<model::Step> none;
  const model::CanaryStrategy* canary = pass.spec().canary();
  return canary == nullptr ? none : canary->steps;
}

std::int32_t stepIndex(const Pass& pass) {
  const auto count = static_cast<std::int32_t>(steps(pass).size());
  if ((withinRollbackWindow(pass) || promotesFully(pass)) && !isAborted(pass)) return count;
  return std::clamp(pass.old().current_step_index.value_or(0), 0, count);
}

const model::Step* currentStep(const Pass& pass) {
  if (pass.held) return nullptr;
  const auto index = static_cast<std::size_t>(stepIndex(pass));
  return index < steps(pass).size() ? &steps(pass)[index] : nullptr;
}

Sized sizeOf(const ReplicaSet* set) { return set == nullptr ? Sized{} : Sized{set->replicas, set->available_replicas}; }

bool isRollback(const Pass& pass) {
  const ReplicaSet* fresh = newSet(pass);
  const ReplicaSet* stable = stableSet(pass);
  if (fresh == nullptr) return false;
  if (!pass.old().stable_rs.empty() && fresh->hash == pass.old().stable_rs) return true;
  return stable != nullptr && std::chrono::floor<std::chrono::seconds>(fresh->creation_time) <
                                  std::chrono::floor<std::chrono::seconds>(stable->creation_time);
}

bool withinRollbackWindow(const Pass& pass) {
  const std::int32_t window = pass.spec().rollback_window_revisions.value_or(0);
  const ReplicaSet* fresh = newSet(pass);
  const ReplicaSet* stable = stableSet(pass);
  if (window <= 0 || fresh == nullptr || stable == nullptr || fresh->creation_time >= stable->creation_time)
    return false;
  const auto between = std::ranges::count_if(pass.world.replica_sets, [&](const ReplicaSet& set) {
    return set.creation_time > fresh->creation_time && set.creation_time < stable->creation_time;
  });
  return between < window;
}

bool isFastRollback(const Pass& pass) {
  if (!isRollback(pass)) return false;
  return withinRollbackWindow(pass) || pass.fast_deadline || newHash(pass) == pass.old().stable_rs;
}

void act(Pass& pass, Action action) {
  applyEffect(pass.world, action, pass.now);
  pass.decision.actions.push_back(std::move(action));
}

void event(Pass& pass, std::string reason, std::string message, EventType type) {
  pass.decision.actions.push_back(EmitEvent{type, std::move(reason), std::move(message)});
}

void eventAfterPatch(Pass& pass, std::string reason, std::string message, EventType type) {
  pass.after_patch.push_back(EmitEvent{type, std::move(reason), std::move(message)});
}

void lookAgain(Pass& pass, WallTime at) {
  std::optional<WallTime>& next = pass.decision.look_again_at;
  if (!next || at < *next) next = at;
}

bool scale(Pass& pass, const std::string& name, std::int32_t to) {
  const ReplicaSet* set = findSet(pass, name);
  if (set == nullptr || set->deleting) return false;
  const std::int32_t from = set->replicas;
  const bool would_cut_traffic = to == 0 && from > 0 && pass.wanted() > 0 && carriesTraffic(pass, *set);
  if (would_cut_traffic) to = from;
  if (to < from && awaitsDataPlane(pass, *set)) {
    to = from;
    lookAgain(pass, pass.now + 10s);
  }
  if (from == to && set->desired_replicas == pass.wanted()) return false;
  act(pass, ScaleReplicaSet{name, from, to, pass.wanted()});
  if (from == to) return false;
  event(pass, "ScalingReplicaSet",
        fmt::format("Scaled {} ReplicaSet {} (revision {}) from {} to {}", to > from ? "up" : "down", name,
                    set->revision.value_or(0), from, to));
  return true;
}

void abortWith(Pass& pass, std::string message) {
  if (!pass.intent.abort) pass.intent.abort = std::move(message);
}

void addPause(Pass& pass, model::PauseReason reason) { pass.intent.add.push_back(reason); }

}  // namespace towpath::rollout
