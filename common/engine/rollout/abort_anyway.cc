// An abort of an update whose Rollout cannot be carried out as it stands now: its spec is invalid, or the ReplicaSet of
// a newer template cannot be made. What an abort needs is known all the same: the version in progress and the stable
// one are in the status, and exist. It is decided as if the Rollout still had the template and the steps of the update
// in progress; the condition InvalidSpec stays.
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

const ReplicaSet* byHash(const World& world, const std::string& hash) {
  const auto found = std::ranges::find(world.replica_sets, hash, &ReplicaSet::hash);
  return hash.empty() || found == world.replica_sets.end() || found->deleting ? nullptr : &*found;
}

bool stuck(const World& world) {
  const bool refused = world.create_failure && !world.create_failure->collision;
  return world.invalid || refused;
}

// A status that the other strategy has written says nothing about this one. Only a canary's has a hash of steps; a
// blue-green one need not name an active version yet.
bool sameStrategy(const World& world) {
  if (world.spec.blueGreen() != nullptr) return world.status.current_step_hash.empty();
  return world.spec.canary() != nullptr && !world.status.current_step_hash.empty();
}

}  // namespace

std::optional<World> abortAnyway(const World& world) {
  const model::RolloutStatus& status = world.status;
  const ReplicaSet* current = byHash(world, status.current_pod_hash);
  const ReplicaSet* stable = byHash(world, status.stable_rs);
  if (!status.abort || !stuck(world) || current == nullptr || stable == nullptr || current == stable)
    return std::nullopt;
  if (!sameStrategy(world)) return std::nullopt;
  World held = world;
  held.abort_only = true;
  held.still_invalid = world.invalid;
  held.invalid.reset();
  held.create_failure.reset();
  held.new_rs = current->name;
  held.computed_hash = current->hash;
  held.new_rs_in_sync = true;
  held.step_hash = status.current_step_hash;
  if (!unsupported(held)) return held;
  // An abort takes no step: a bad one does not keep it.
  if (auto* canary = std::get_if<model::CanaryStrategy>(&held.spec.strategy)) canary->steps.clear();
  return unsupported(held) ? std::nullopt : std::optional(std::move(held));
}

}  // namespace towpath::rollout
