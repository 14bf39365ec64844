#include "play/pods.h"

#include <algorithm>

namespace towpath::play {

using model::ReplicaSet;

void Pods::follow(rollout::World& world, WallTime now) {
  std::erase_if(world.replica_sets, [](const ReplicaSet& set) { return set.deleting; });
  std::erase_if(world.analysis_runs, [](const rollout::AnalysisRunView& run) { return run.deleting; });
  for (ReplicaSet& set : world.replica_sets) {
    std::vector<Pod>& pods = by_set_[set.name];
    const auto wanted = static_cast<std::size_t>(std::max(set.replicas, 0));
    while (pods.size() < wanted) pods.push_back({now + ready_after_});
    // Those that are not ready go first, then the youngest, as Kubernetes has it.
    while (pods.size() > wanted) pods.erase(std::ranges::max_element(pods, {}, &Pod::ready_at));
    const bool unready = !unready_hash_.empty() && set.hash == unready_hash_;
    const auto readyFor = [&](Duration time) {
      if (unready) return 0;
      return static_cast<std::int32_t>(
          std::ranges::count_if(pods, [&](const Pod& pod) { return pod.ready_at + time <= now; }));
    };
    set.observed_generation = set.generation;
    set.current_replicas = static_cast<std::int32_t>(pods.size());
    set.ready_replicas = readyFor(0s);
    set.available_replicas = readyFor(std::chrono::seconds(set.min_ready_seconds));
  }
}

bool Pods::crash(const rollout::World& world, const std::string& hash, WallTime now) {
  const auto set = std::ranges::find(world.replica_sets, hash, &ReplicaSet::hash);
  if (set == world.replica_sets.end()) return false;
  for (Pod& pod : by_set_[set->name]) {
    if (pod.ready_at > now) continue;
    pod.ready_at = now + ready_after_;
    return true;
  }
  return false;
}

std::optional<WallTime> Pods::nextChange(const rollout::World& world, WallTime now) const {
  std::optional<WallTime> next;
  const auto consider = [&](WallTime time) {
    if (time > now && (!next || time < *next)) next = time;
  };
  for (const ReplicaSet& set : world.replica_sets) {
    const auto pods = by_set_.find(set.name);
    if (pods == by_set_.end() || (!unready_hash_.empty() && set.hash == unready_hash_)) continue;
    for (const Pod& pod : pods->second) {
      consider(pod.ready_at);
      consider(pod.ready_at + std::chrono::seconds(set.min_ready_seconds));
    }
  }
  return next;
}

}  // namespace towpath::play
