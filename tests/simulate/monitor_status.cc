// What the status says, and which of its changes a controller may make by itself.
#include <fmt/format.h>

#include <algorithm>

#include "simulate/monitor.h"

namespace towpath::simulate {
namespace {

using model::RolloutStatus;

constexpr Duration kStamp = 2s;   // times in the status are whole seconds, and of before the write
constexpr Duration kLate = 2min;  // a coordinator dies, calls fail and are tried again
constexpr int kMakeUp =
    90;  // the clock for decisions makes up for jumps by a hundredth of the time (loop/steady_clock.h)

bool sameUpdate(const RolloutStatus& a, const RolloutStatus& b) {
  return a.current_pod_hash == b.current_pod_hash && a.current_step_hash == b.current_step_hash;
}

bool hasInvalidStep(const model::CanaryStrategy& canary) {
  return std::ranges::any_of(canary.steps,
                             [](const model::Step& step) { return std::holds_alternative<model::InvalidStep>(step); });
}

}  // namespace

void Monitor::checkStatus(const RolloutStatus& before) {
  const model::CanaryStrategy* canary = spec_.canary();
  const auto unsound = [this](std::string text) { breach(RuleId::kStatusSound, std::move(text)); };
  // An abort that a person has just written is carried out by the next pass.
  if (status_.aborted_at && !status_.pause_conditions.empty()) unsound("aborted and paused");
  if (status_.phase == model::RolloutPhase::kNone) unsound("no phase");
  if (status_.current_step_index && *status_.current_step_index < 0) unsound("a negative step");
  const bool current = sameUpdate(before, status_) && paused_.now() == 0;
  if (canary == nullptr || !current) return;
  if (status_.canary.weights) {
    std::int32_t sum = status_.canary.weights->canary.weight + status_.canary.weights->stable.weight;
    for (const model::WeightDestination& extra : status_.canary.weights->additional) sum += extra.weight;
    if (sum != canary->maxWeight()) unsound(fmt::format("weights sum to {}", sum));
  }
}

void Monitor::checkAbort(const RolloutStatus& before) {
  if (!before.abort || status_.abort) return;
  const bool pointless = before.stable_rs == before.current_pod_hash || status_.stable_rs == status_.current_pod_hash;
  const bool superseded = !sameUpdate(before, status_);
  if (pointless || superseded || before.promote_full) return;
  breach(RuleId::kAbortIgnored,
         fmt::format("of {} at step {}", before.current_pod_hash, before.current_step_index.value_or(-1)));
}

// Steps may be passed over by a full promotion, and on the way back.
bool Monitor::skips(const RolloutStatus& before) const {
  if (before.promote_full || status_.promote_full || before.stable_rs.empty()) return true;
  if (before.stable_rs == before.current_pod_hash) return true;
  const Set* fresh = setOf(before.current_pod_hash);
  const Set* stable = setOf(before.stable_rs);
  const bool back = fresh != nullptr && stable != nullptr && fresh->set.creation_time < stable->set.creation_time;
  return back && spec_.rollback_window_revisions.value_or(0) > 0;
}

void Monitor::checkAdvance(const RolloutStatus& before) {
  const model::CanaryStrategy* canary = spec_.canary();
  if (canary == nullptr || !sameUpdate(before, status_) || !before.current_step_index || !status_.current_step_index)
    return;
  const std::int32_t index = *before.current_step_index;
  if (*status_.current_step_index <= index || skips(before)) return;
  if (static_cast<std::size_t>(index) >= canary->steps.size() || before.abort) return;
  if (paused_.least(stale()) == 1) {
    breach(RuleId::kMovedWhilePaused, fmt::format("step {} to {}", index, *status_.current_step_index));
  }
  if (*status_.current_step_index > index + 1) {
    breach(RuleId::kStatusSound, fmt::format("two steps in one: {} to {}", index, *status_.current_step_index));
  }
  const model::Step& step = canary->steps[static_cast<std::size_t>(index)];
  if (const auto* pause = std::get_if<model::PauseStep>(&step)) checkPauseStep(before, *pause);
  const auto* analysis = std::get_if<model::AnalysisStep>(&step);
  if (analysis != nullptr && analysis->analysis.configured()) checkAnalysisStep(before);
  if (std::holds_alternative<model::PluginStep>(step)) checkPluginStep(before);
  if (std::holds_alternative<model::ExperimentStep>(step)) checkExperimentStep(before);
  checkRouteStep(step);
  released_ = false;
}

void Monitor::checkPauseStep(const RolloutStatus& before, const model::PauseStep& pause) {
  if (released_) return;
  const std::int32_t index = *before.current_step_index;
  const bool seen = pause_ && pause_->step == index && pause_->hash == before.current_pod_hash;
  if (!seen) {
    breach(RuleId::kPausePassed, fmt::format("step {} ends without a pause", index));
    return;
  }
  const Duration waited = parts_.loop.now() - pause_->since;
  const MonoTime due = pause_->since + pause.duration.value_or(Duration::zero());
  const bool held =
      paused_.most(pause_->since) == 1 || unclear_.most(pause_->since) == 1 || invalid_.most(pause_->since) == 1;
  if (pause.duration && !held && parts_.loop.now() > due + parts_.staleness() + kLate) {
    breach(RuleId::kOverdue, fmt::format("step {} ends after {}", index, formatGoDuration(waited)));
  }
  if (pause.duration && waited + waited / kMakeUp + kStamp >= *pause.duration) return;
  breach(RuleId::kPausePassed, fmt::format("step {} ends after {}", index, formatGoDuration(waited)));
}

void Monitor::checkAnalysisStep(const RolloutStatus& before) {
  const auto phase = newestRun("Step", before.current_pod_hash, before.current_step_index);
  if (phase == model::AnalysisPhase::kSuccessful || released_) return;
  breach(RuleId::kAnalysisPassed, fmt::format("step {} ends with a run that is \"{}\"", *before.current_step_index,
                                              phase ? toString(*phase) : "absent"));
}

void Monitor::checkPluginStep(const RolloutStatus& before) {
  const std::int32_t step = *before.current_step_index;
  if (released_ || parts_.plugins.succeeded(parts_.scenario.ns, before.current_pod_hash, step)) return;
  breach(RuleId::kAnalysisPassed, fmt::format("step {} ends, but its plugin has not succeeded", step));
}

void Monitor::checkExperimentStep(const RolloutStatus& before) {
  const auto phase = newestExperiment(before.current_pod_hash, *before.current_step_index);
  if (phase == model::AnalysisPhase::kSuccessful || released_) return;
  breach(RuleId::kAnalysisPassed, fmt::format("step {} ends with an experiment that is \"{}\"",
                                              *before.current_step_index, phase ? toString(*phase) : "absent"));
}

// A route is set for pods that answer; it follows when they come.
void Monitor::checkRouteStep(const model::Step& step) {
  const Set* fresh = setOf(status_.current_pod_hash);
  if (fresh == nullptr || fresh->available.least(stale()) == 0) return;
  const auto* header = std::get_if<model::SetHeaderRouteStep>(&step);
  const auto* mirror = std::get_if<model::SetMirrorRouteStep>(&step);
  const bool wanted = header != nullptr ? !header->match.empty() : mirror != nullptr && !mirror->match.empty();
  if (!wanted || (header != nullptr ? header_ : mirror_).most(stale()) == 1) return;
  breach(RuleId::kRouteMissing, model::toString(step));
}

// The pass that writes an abort for a reason of its own has seen to the traffic before; the next takes the routes back
// before it writes anything.
void Monitor::checkRoutesAfterAbort(const RolloutStatus& before) {
  const bool carried_out = before.abort && status_.abort && status_.aborted_at;
  if (!carried_out || !split_.hasManaged() || parts_.two_at_once()) return;
  const Set* stable = setOf(status_.stable_rs);
  if (stable != nullptr && stable->available.least(stale()) > 0)
    breach(RuleId::kRouteLeft, "the abort is written down");
}

void Monitor::checkPromoted(const RolloutStatus& before) {
  if (status_.stable_rs == before.stable_rs || before.stable_rs.empty()) return;
  const std::string& hash = status_.stable_rs;
  if (paused_.least(stale()) == 1) breach(RuleId::kMovedWhilePaused, fmt::format("{} is promoted", hash));
  if (before.promote_full || skips(before)) return;
  const auto failed = [this, &hash](const char* type) {
    const auto phase = newestRun(type, hash, std::nullopt);
    return phase == model::AnalysisPhase::kFailed || phase == model::AnalysisPhase::kError;
  };
  const model::CanaryStrategy* canary = spec_.canary();
  if (canary != nullptr && canary->analysis && failed("Background")) {
    breach(RuleId::kAnalysisPassed, fmt::format("{} is promoted although its background analysis failed", hash));
  }
  const model::BlueGreenStrategy* blue_green = spec_.blueGreen();
  if (blue_green != nullptr && blue_green->post_promotion_analysis && failed("PostPromotion")) {
    breach(RuleId::kAnalysisPassed, fmt::format("{} is promoted although its analysis failed", hash));
  }
}

void Monitor::notePauses(const RolloutStatus& before) {
  if (!sameUpdate(before, status_)) released_ = promoted_ = false;
  if (status_.abort) released_ = false;
  const bool was = !before.pause_conditions.empty();
  const bool is = !status_.pause_conditions.empty();
  if (before.current_step_index != status_.current_step_index) released_ = false;
  if (!is) return;
  const std::int32_t step = status_.current_step_index.value_or(-1);
  const bool inconclusive = hasPause(status_, model::PauseReason::kInconclusiveAnalysisRun) ||
                            hasPause(status_, model::PauseReason::kInconclusiveExperiment);
  const bool known = pause_ && pause_->step == step && pause_->hash == status_.current_pod_hash && was;
  if (known) return;
  const bool lost = released_ && before.current_step_index == status_.current_step_index &&
                    sameUpdate(before, status_) && !inconclusive;
  if (lost) breach(RuleId::kPromotionLost, fmt::format("at step {}", step));
  pause_ = PauseSeen{parts_.loop.now(), step, status_.current_pod_hash};
  released_ = false;
}

void Monitor::notePerson(const RolloutStatus& before, const model::RolloutSpec& spec_before) {
  const bool unpaused = !before.pause_conditions.empty() && status_.pause_conditions.empty();
  const bool moved = before.current_step_index != status_.current_step_index;
  if (unpaused) released_ = promoted_ = true;
  // A promotion that moves the step while controllerPause is left from the one before ends two pauses (the peer's).
  if (moved) released_ = status_.controller_pause;
  if (status_.promote_full) promoted_ = true;
  if (!status_.abort && before.abort) pause_.reset();
  if (spec_.canary() == nullptr || spec_before.canary() == nullptr) return;
  // Steps that nobody can read have started nothing anew.
  const bool readable = !hasInvalidStep(*spec_.canary()) && !hasInvalidStep(*spec_before.canary());
  if (readable && spec_.canary()->steps != spec_before.canary()->steps) released_ = false;
}

}  // namespace towpath::simulate
