// status.phase and status.message: the one-line answer for people and health checks; the first rule that applies
// (core-semantics 10.3).
#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

using model::RolloutPhase;

struct PhaseText {
  RolloutPhase phase = RolloutPhase::kHealthy;
  std::string message;
};

std::optional<PhaseText> degraded(const Pass& pass) {
  for (const model::Condition& condition : pass.next.conditions) {
    const bool bad =
        condition.reason == model::reason::kAborted || condition.reason == model::reason::kProgressDeadlineExceeded;
    if (bad) return PhaseText{RolloutPhase::kDegraded, fmt::format("{}: {}", condition.reason, condition.message)};
  }
  return std::nullopt;
}

std::optional<PhaseText> paused(const Pass& pass) {
  if (pass.spec().paused) return PhaseText{RolloutPhase::kPaused, "manually paused"};
  if (pass.next.pause_conditions.empty()) return std::nullopt;
  return PhaseText{RolloutPhase::kPaused, toString(pass.next.pause_conditions.front().reason)};
}

std::string blueGreenWork(const Pass& pass) {
  const model::RolloutStatus& next = pass.next;
  const std::string& active = next.blue_green.active_selector;
  if (active.empty() || active != next.current_pod_hash) return "active service cutover pending";
  if (!next.stable_rs.empty() && next.stable_rs == next.current_pod_hash) return "";
  const auto& post = pass.spec().blueGreen()->post_promotion_analysis;
  const auto& run = next.blue_green.post_promotion_analysis;
  const bool judging = post && post->configured() && (!run || !isCompleted(run->phase));
  return judging ? "waiting for analysis to complete" : "waiting for post-promotion verification to complete";
}

std::string canaryWork(const Pass& pass) {
  const model::RolloutStatus& next = pass.next;
  if (!pass.spec().canary()->traffic_routing && next.replicas > next.updated_replicas) {
    return "old replicas are pending termination";
  }
  const bool promoted = !next.stable_rs.empty() && next.stable_rs == next.current_pod_hash;
  return promoted ? "" : "waiting for all steps to complete";
}

std::string workLeft(const Pass& pass) {
  const model::RolloutStatus& next = pass.next;
  if (pass.spec().restart_at && next.restarted_at != pass.spec().restart_at) return "rollout is restarting";
  if (next.updated_replicas < pass.wanted()) return "more replicas need to be updated";
  if (next.available_replicas < next.updated_replicas) return "updated replicas are still becoming available";
  return pass.spec().blueGreen() != nullptr ? blueGreenWork(pass) : canaryWork(pass);
}

}  // namespace

void writePhase(Pass& pass) {
  std::optional<PhaseText> text = degraded(pass);
  if (!text) text = paused(pass);
  if (!text) {
    std::string work = workLeft(pass);
    text = work.empty() ? PhaseText{} : PhaseText{RolloutPhase::kProgressing, std::move(work)};
  }
  pass.next.phase = text->phase;
  pass.next.message = text->message;
}

}  // namespace towpath::rollout
