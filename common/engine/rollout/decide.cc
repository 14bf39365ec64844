#include "engine/rollout/decide.h"

#include <algorithm>

#include "engine/rollout/effects.h"
#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

// What keeps a Rollout from being carried out may go by ways that no watch shows.
constexpr Duration kStuckRetry = 10s;

void prepare(Pass& pass) {
  const ReplicaSet* fresh = newSet(pass);
  // The delay of an abort is no way back to what ran before: after a retry the version is judged anew.
  pass.fast_deadline = !pass.old().aborted_at && pass.spec().blueGreen() != nullptr && fresh != nullptr &&
                       fresh->scale_down_deadline && *fresh->scale_down_deadline > pass.now;
  // An abort of what is stable already has nothing to take back; a full promotion takes an abort back.
  const bool pointless = fullyPromoted(pass) && !changedTemplateOrSteps(pass);
  if (pass.old().abort && (pointless || promotesFully(pass))) pass.intent.remove_abort = true;
}

void decideStrategy(Pass& pass) {
  syncRevision(pass);
  if (!pass.in.abort_only) noteWaiting(pass);
  beginStatus(pass);
  if (pass.spec().blueGreen() != nullptr && (!isHalted(pass) || isAborted(pass))) {
    switchService(pass, ServiceRole::kPreview, newSet(pass), ServiceCheck::kNone);
  }
  if (changedTemplateOrSteps(pass)) {
    resetStatus(pass);
  } else if (pass.spec().blueGreen() != nullptr) {
    decideBlueGreen(pass);
  } else if (pass.in.recreate) {
    decideRecreate(pass);
  } else {
    decideCanary(pass);
  }
}

Decision decideOn(const World& world, WallTime now) {
  Pass pass(world, now);
  const std::optional<std::string> error = world.invalid ? world.invalid : unsupported(world);
  if (error) {
    reportInvalid(pass, *error);
    return std::move(pass.decision);
  }
  if (!world.abort_only) noteWorkload(pass);
  if (newSet(pass) == nullptr) {
    createNewSet(pass);
    return std::move(pass.decision);
  }
  if (!world.spec.replicas) {
    act(pass, SetReplicasDefault{1});
    pass.decision.decide_again = true;
    return std::move(pass.decision);
  }
  prepare(pass);
  decideStrategy(pass);
  return std::move(pass.decision);
}

Decision decideOnce(const World& world, WallTime now) {
  if (const std::optional<World> aborted = abortAnyway(world)) {
    Decision decision = decideOn(*aborted, now);
    const WallTime retry = now + kStuckRetry;
    decision.look_again_at = std::min(decision.look_again_at.value_or(retry), retry);
    return decision;
  }
  const std::optional<World> held = holdNewVersion(world);
  return decideOn(held ? *held : world, now);
}

// The status, if the decision does nothing but write it and tell of it.
PatchStatus* onlyStatus(Decision& decision) {
  PatchStatus* status = nullptr;
  for (Action& action : decision.actions) {
    auto* patch = std::get_if<PatchStatus>(&action);
    if ((patch == nullptr && !std::holds_alternative<EmitEvent>(action)) || (patch != nullptr && status != nullptr))
      return nullptr;
    if (patch != nullptr) status = patch;
  }
  return decision.decide_again ? nullptr : status;
}

// The end of a step before a pause, and the beginning of that pause, are one write of the status and not two.
void joinPause(Decision& decision, const World& world, WallTime now) {
  PatchStatus* step = onlyStatus(decision);
  if (step == nullptr || step->next.current_step_index == world.status.current_step_index) return;
  World after = world;
  applyEffect(after, *step, now);
  Decision next = decideOnce(after, now);
  const PatchStatus* pause = onlyStatus(next);
  const bool begins = pause != nullptr && hasPause(pause->next, model::PauseReason::kCanaryPauseStep) &&
                      pause->next.current_step_index == step->next.current_step_index;
  if (!begins) return;
  *step = {pause->next, step->guarded || pause->guarded};
  decision.look_again_at = next.look_again_at;
  for (Action& action : next.actions) {
    if (std::holds_alternative<EmitEvent>(action)) decision.actions.push_back(std::move(action));
  }
}

}  // namespace

Decision decide(const World& world, WallTime now) {
  Decision decision = decideOnce(world, now);
  joinPause(decision, world, now);
  return decision;
}

const model::AnalysisRef* analysisRef(const model::RolloutSpec& spec, AnalysisType type,
                                      std::optional<std::int32_t> step_index) {
  const model::CanaryStrategy* canary = spec.canary();
  const model::BlueGreenStrategy* blue_green = spec.blueGreen();
  switch (type) {
    case AnalysisType::kStep: {
      if (canary == nullptr || !step_index || *step_index < 0) return nullptr;
      const auto index = static_cast<std::size_t>(*step_index);
      if (index >= canary->steps.size()) return nullptr;
      const auto* step = std::get_if<model::AnalysisStep>(&canary->steps[index]);
      return step == nullptr ? nullptr : &step->analysis;
    }
    case AnalysisType::kBackground:
      return canary != nullptr && canary->analysis ? &canary->analysis->analysis : nullptr;
    case AnalysisType::kPrePromotion:
      return blue_green != nullptr && blue_green->pre_promotion_analysis ? &*blue_green->pre_promotion_analysis
                                                                         : nullptr;
    case AnalysisType::kPostPromotion:
      return blue_green != nullptr && blue_green->post_promotion_analysis ? &*blue_green->post_promotion_analysis
                                                                          : nullptr;
  }
  return nullptr;
}

}  // namespace towpath::rollout
