// When the new version becomes the stable one, and what that writes (core-semantics 3.13).
#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

std::string rollbackReason(const Pass& pass) {
  return withinRollbackWindow(pass) ? "Rollback within window" : "Fast rollback";
}

std::optional<std::string> canaryReason(const Pass& pass) {
  const model::CanaryStrategy& canary = *pass.spec().canary();
  if (stableSet(pass) == nullptr) return "Initial deploy";
  if (isAborted(pass) || pass.hold_promotion || pass.held || pass.spec().paused) return std::nullopt;
  const ReplicaSet* fresh = newSet(pass);
  const bool by_threshold = canary.replica_progress_threshold && canary.replica_progress_threshold->value >= 0 &&
                            thresholdMet(canary.replica_progress_threshold, sizeOf(fresh), pass.wanted());
  if (fresh->available_replicas < pass.wanted() && !by_threshold) return std::nullopt;
  if (promotesFully(pass)) return "Full promotion requested";
  if (isFastRollback(pass)) return rollbackReason(pass);
  const std::size_t count = steps(pass).size();
  const bool done =
      count == 0 || (pass.old().current_step_index && stepIndex(pass) == static_cast<std::int32_t>(count));
  if (!done) return std::nullopt;
  return fmt::format("Completed all {} canary steps", count);
}

bool postAnalysisPassed(const Pass& pass) {
  const std::optional<model::AnalysisRef>& post = pass.spec().blueGreen()->post_promotion_analysis;
  if (!post || !post->configured()) return true;
  const std::optional<model::AnalysisRunRef>& run = pass.next.blue_green.post_promotion_analysis;
  return run && run->phase == model::AnalysisPhase::kSuccessful;
}

std::optional<std::string> blueGreenReason(const Pass& pass) {
  if (stableSet(pass) == nullptr) return "Initial deploy";
  if (pass.spec().paused) return std::nullopt;
  const std::string& active = pass.next.blue_green.active_selector;
  if (active.empty()) return "Initial deploy";
  if (active != pass.next.current_pod_hash || isAborted(pass)) return std::nullopt;
  if (promotesFully(pass)) return "Full promotion requested";
  if (isFastRollback(pass)) return rollbackReason(pass);
  if (!postAnalysisPassed(pass)) return std::nullopt;
  return "Completed blue-green update";
}

}  // namespace

std::optional<std::string> promotionReason(const Pass& pass) {
  return pass.spec().blueGreen() != nullptr ? blueGreenReason(pass) : canaryReason(pass);
}

void promote(Pass& pass, const std::string& reason) {
  pass.intent.clear = true;
  pass.intent.remove_abort = true;
  const bool full = promotesFully(pass);
  pass.next.promote_full = false;
  pass.next.blue_green.scale_up_preview_checkpoint = false;
  pass.next.current_step_index.reset();
  if (!steps(pass).empty()) pass.next.current_step_index = static_cast<std::int32_t>(steps(pass).size());
  if (pass.next.stable_rs == pass.next.current_pod_hash) return;
  pass.next.stable_rs = pass.next.current_pod_hash;
  flipPingPong(pass);
  if (pass.next.duration && pass.next.duration->completion_status.empty()) {
    pass.next.duration->completion_status = full ? "FastPromoted" : "Promoted";
  }
  eventAfterPatch(pass, model::reason::kCompleted,
                  fmt::format("Rollout completed update to revision {} ({}): {}", pass.world.revision.value_or(0),
                              pass.next.current_pod_hash, reason));
}

}  // namespace towpath::rollout
