// A Rollout that takes its template from another object (core-semantics 3.18): health checks compare the generation
// that is noted with the one observed, and the Deployment that ran before makes room as the first revision comes up.
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

// What the Deployment shall have left; nullopt: it is left alone.
std::optional<std::int32_t> leftOver(const Pass& pass, bool promoted) {
  const std::string& mode = pass.spec().workload_ref->scale_down;
  const bool healthy = pass.old().phase == model::RolloutPhase::kHealthy;
  if (mode == "onsuccess") return promoted && healthy ? std::optional(0) : std::nullopt;
  if (mode != "progressively") return std::nullopt;
  if (healthy) return 0;
  const std::int32_t ready = newSet(pass)->ready_replicas;
  if (ready <= 0) return std::nullopt;
  return std::max(0, pass.wanted() - ready);
}

}  // namespace

void noteWorkload(Pass& pass) {
  const std::string generation = pass.in.workload ? pass.in.workload->generation : "";
  if (pass.in.noted_workload_generation != generation) act(pass, NoteWorkloadGeneration{generation});
}

void scaleDownWorkload(Pass& pass, bool promoted) {
  // Only the first revision takes over from the Deployment; later ones have nothing to do with it.
  const std::optional<WorkloadView>& workload = pass.world.workload;
  if (!workload || workload->kind != "Deployment" || pass.world.revision != 1) return;
  const std::optional<std::int32_t> left = leftOver(pass, promoted);
  if (left && *left != workload->replicas) act(pass, ScaleWorkload{workload->replicas, *left});
}

}  // namespace towpath::rollout
