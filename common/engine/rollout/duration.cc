// status.duration: how long an attempt takes, apart from the time that people let it wait (core-semantics 10.5).
#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

using model::AttemptDuration;

bool waitsForPerson(const Pass& pass) {
  if (pass.spec().paused) return true;
  if (hasPause(pass.next, model::PauseReason::kInconclusiveAnalysisRun) ||
      hasPause(pass.next, model::PauseReason::kInconclusiveExperiment)) {
    return true;
  }
  if (const model::BlueGreenStrategy* blue_green = pass.spec().blueGreen()) {
    return !blue_green->auto_promotion_enabled && hasPause(pass.next, model::PauseReason::kBlueGreenPause);
  }
  const model::Step* step = currentStep(pass);
  const auto* pause = step == nullptr ? nullptr : std::get_if<model::PauseStep>(step);
  return pause != nullptr && !pause->duration && hasPause(pass.next, model::PauseReason::kCanaryPauseStep);
}

bool isComplete(const Pass& pass) {
  return !pass.next.stable_rs.empty() && pass.next.stable_rs == pass.next.current_pod_hash &&
         sizeOf(newSet(pass)).available >= pass.wanted();
}

bool startsAttempt(const Pass& pass, const std::optional<AttemptDuration>& attempt) {
  const bool running = attempt && attempt->started_at && !attempt->finished_at;
  if (pass.old().current_pod_hash.empty()) return !running;
  const bool retry = attempt && attempt->completion_status == "Aborted" && !isAborted(pass);
  if (retry) return true;
  if (!changedTemplateOrSteps(pass)) return false;
  if (!running) return !isComplete(pass);
  return !isRollback(pass);  // superseded: the old attempt is replaced at once
}

void trackWaiting(Pass& pass, AttemptDuration& attempt) {
  const bool waits = waitsForPerson(pass) && !attempt.finished_at;
  if (waits && !attempt.manual_pause_started_at) attempt.manual_pause_started_at = pass.stamp;
  if (!waits && attempt.manual_pause_started_at) {
    attempt.manual_pause_seconds +=
        std::chrono::duration_cast<std::chrono::seconds>(pass.stamp - *attempt.manual_pause_started_at).count();
    attempt.manual_pause_started_at.reset();
  }
}

}  // namespace

void writeDuration(Pass& pass) {
  std::optional<AttemptDuration>& attempt = pass.next.duration;
  if (startsAttempt(pass, attempt)) {
    attempt = AttemptDuration{};
    attempt->started_at = pass.stamp;
  }
  if (!attempt || !attempt->started_at || attempt->finished_at) return;
  if (changedTemplateOrSteps(pass) && isRollback(pass) && !pass.old().current_pod_hash.empty()) {
    attempt->completion_status = isFastRollback(pass) ? "FastRolledBack" : "RolledBack";
  }
  if (isAborted(pass)) {
    attempt->finished_at = pass.stamp;
    attempt->completion_status = "Aborted";
  } else if (isComplete(pass)) {
    attempt->finished_at = pass.stamp;
    if (attempt->completion_status.empty()) attempt->completion_status = "Promoted";
  }
  trackWaiting(pass, *attempt);
}

}  // namespace towpath::rollout
