// The status as a whole: what it starts from, what a change of the template resets, and the one patch at the end
// (core-semantics 3.9, 3.10, 10.1).
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {

void abortOnDeadline(Pass& pass);  // conditions.cc

namespace {

struct Sum {
  std::int32_t current = 0;
  std::int32_t ready = 0;
  std::int32_t available = 0;
};

Sum sumOfAll(const Pass& pass) {
  Sum sum;
  for (const ReplicaSet& set : pass.world.replica_sets) {
    sum.current += set.current_replicas;
    sum.ready += set.ready_replicas;
    sum.available += set.available_replicas;
  }
  return sum;
}

const ReplicaSet* activeSet(const Pass& pass) {
  const model::Service* service = findService(pass, ServiceRole::kActive);
  if (service == nullptr || service->selector_hash.empty()) return nullptr;
  const auto found = std::ranges::find(pass.world.replica_sets, service->selector_hash, &ReplicaSet::hash);
  return found == pass.world.replica_sets.end() ? nullptr : &*found;
}

// Requirements of a selector text; commas within "k in (a,b)" don't separate.
std::vector<std::string> requirements(std::string_view text) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.push_back(std::exchange(part, {}));
    } else {
      part += c;
    }
  }
  if (!part.empty()) parts.push_back(part);
  return parts;
}

std::string selectorWithHash(std::string_view selector, const std::string& hash) {
  std::vector<std::string> parts = requirements(selector);
  parts.push_back("rollouts-pod-template-hash=" + hash);
  const auto key = [](const std::string& part) { return part.substr(0, part.find_first_of("=! ")); };
  std::ranges::sort(parts, {}, key);
  return fmt::format("{}", fmt::join(parts, ","));
}

void writeCounters(Pass& pass) {
  model::RolloutStatus& next = pass.next;
  Sum sum = sumOfAll(pass);
  next.replicas = sum.current;
  next.updated_replicas = newSet(pass)->current_replicas;
  next.selector = pass.in.selector_text;
  const ReplicaSet* active = pass.spec().blueGreen() != nullptr ? activeSet(pass) : nullptr;
  if (active != nullptr) {
    // An autoscaler of a blue-green rollout sees the pods that serve.
    sum = {active->current_replicas, active->ready_replicas, active->available_replicas};
    next.selector = selectorWithHash(pass.in.selector_text, active->hash);
  }
  next.ready_replicas = sum.ready;
  next.available_replicas = sum.available;
  next.hpa_replicas = sum.current;
}

void writeServiceSelectors(Pass& pass) {
  if (pass.spec().blueGreen() == nullptr) return;
  const model::Service* active = findService(pass, ServiceRole::kActive);
  const model::Service* preview = findService(pass, ServiceRole::kPreview);
  pass.next.blue_green.active_selector = active == nullptr ? "" : active->selector_hash;
  pass.next.blue_green.preview_selector = preview == nullptr ? "" : preview->selector_hash;
}

// People write these too: the patch must not overwrite what they wrote since.
bool touchesSharedFields(const model::RolloutStatus& before, const model::RolloutStatus& after) {
  return before.pause_conditions != after.pause_conditions || before.controller_pause != after.controller_pause ||
         before.current_step_index != after.current_step_index || before.abort != after.abort ||
         before.promote_full != after.promote_full;
}

void writePatch(Pass& pass) {
  if (pass.next == pass.old()) return;
  act(pass, PatchStatus{pass.next, touchesSharedFields(pass.old(), pass.next)});
  for (EmitEvent& event : pass.after_patch) pass.decision.actions.push_back(std::move(event));
  pass.after_patch.clear();
}

// A controller that was here before us may encode the steps in another way. While nobody has edited the object since, a
// different hash says nothing: it is adopted. A generation that was found invalid has been observed, but not its steps.
bool stepHashIsForeign(const Pass& pass) {
  const model::RolloutStatus& old = pass.old();
  if (findCondition(old.conditions, model::condition::kInvalidSpec) != nullptr) return false;
  return !old.current_step_hash.empty() && old.observed_generation == std::to_string(pass.in.generation);
}

}  // namespace

bool changedTemplateOrSteps(const Pass& pass) {
  const model::RolloutStatus& old = pass.old();
  if (!old.current_pod_hash.empty() && old.current_pod_hash != newHash(pass)) return true;
  if (pass.spec().canary() == nullptr || old.current_step_hash == pass.in.step_hash) return false;
  return !stepHashIsForeign(pass);
}

void beginStatus(Pass& pass) {
  const model::RolloutStatus& old = pass.old();
  model::RolloutStatus& next = pass.next;
  next = {};
  if (pass.in.workload) next.workload_observed_generation = pass.in.workload->generation;
  if (pass.in.abort_only) next.workload_observed_generation = old.workload_observed_generation;
  next.current_pod_hash = newHash(pass);
  next.stable_rs = old.stable_rs;
  next.collision_count = old.collision_count;
  next.restarted_at = old.restarted_at;
  next.conditions = old.conditions;
  next.duration = old.duration;
  next.promote_full = promotesFully(pass);
  if (pass.spec().canary() != nullptr) {
    next.current_step_hash = pass.in.step_hash;
    next.current_step_index = old.current_step_index;
    next.canary.weights = old.canary.weights;
    next.canary.stable_ping_pong = old.canary.stable_ping_pong;
    next.canary.step_plugins = old.canary.step_plugins;
  } else {
    next.blue_green.scale_up_preview_checkpoint = old.blue_green.scale_up_preview_checkpoint;
    next.blue_green.pre_promotion_analysis = old.blue_green.pre_promotion_analysis;
    next.blue_green.post_promotion_analysis = old.blue_green.post_promotion_analysis;
  }
}

void resetStatus(Pass& pass) {
  for (const AnalysisRunView& run : pass.in.analysis_runs) {
    // Stopped now, so that none of them can be taken for a run of what comes next.
    if (!isCompleted(run.phase) && !run.terminate && !run.deleting) act(pass, StopAnalysis{run.name});
  }
  stopExperiments(pass);
  leaveStepPlugins(pass);
  model::RolloutStatus& next = pass.next;
  next.promote_full = false;
  next.blue_green = {};
  next.current_step_index.reset();
  pass.intent = {};
  pass.intent.clear = true;
  pass.intent.remove_abort = true;
  const auto count = static_cast<std::int32_t>(steps(pass).size());
  if (count > 0) {
    next.current_step_index = 0;
    if (newHash(pass) == pass.old().stable_rs) {
      next.current_step_index = count;
      eventAfterPatch(pass, "SkipSteps", "Rollback to stable ReplicaSets");
    } else if (withinRollbackWindow(pass) && newSet(pass)->replicas > 0) {
      next.current_step_index = count;
      eventAfterPatch(pass, "SkipSteps", "Rollback to active ReplicaSets within RollbackWindow");
    }
  }
  finishStatus(pass);
  pass.decision.decide_again = true;
}

void finishStatus(Pass& pass) {
  // A template whose ReplicaSet cannot be made has not been taken up.
  const bool observed = !pass.in.abort_only || pass.in.still_invalid;
  pass.next.observed_generation = observed ? std::to_string(pass.in.generation) : pass.old().observed_generation;
  writeCounters(pass);
  writeServiceSelectors(pass);
  abortOnDeadline(pass);
  if (isAborted(pass) && !steps(pass).empty()) {
    const bool stable = pass.next.stable_rs == pass.next.current_pod_hash;
    pass.next.current_step_index = stable ? static_cast<std::int32_t>(steps(pass).size()) : 0;
  }
  writePauses(pass);
  writeConditions(pass);
  writePhase(pass);
  if (pass.in.still_invalid) writeInvalid(pass, *pass.in.still_invalid);
  writeDuration(pass);
  writePatch(pass);
  // An abort that this pass decided on takes traffic back in the same turn.
  if (pass.intent.abort && isAborted(pass)) pass.decision.decide_again = true;
}

}  // namespace towpath::rollout
