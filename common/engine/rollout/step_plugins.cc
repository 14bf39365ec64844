// Step plugins (core-semantics 5.1): when one is called, what its answer means, and how it is told to end. Calls take
// their time: a pass begins one and a later pass finds the answer, so that nothing, least of all an abort, waits for a
// plugin.
//
// A run is written down before its first call, so that an abort finds it even if the controller stopped in between.
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

using model::StepPluginStatus;
namespace plugin = model::plugin;

constexpr Duration kBackoff = 30s;          // where the plugin names none
constexpr Duration kShortestBackoff = 10s;  // a plugin may ask for longer ones only
constexpr Duration kAnswerCheck = 60s;      // the answer is a reason to look again; this is for one that was lost

using Entries = std::vector<StepPluginStatus>;

StepPluginStatus* find(Entries& entries, std::int32_t index, std::string_view operation) {
  const auto found = std::ranges::find_if(
      entries, [&](const StepPluginStatus& entry) { return entry.index == index && entry.operation == operation; });
  return found == entries.end() ? nullptr : &*found;
}

bool has(const Pass& pass, std::int32_t index, std::string_view operation) {
  Entries entries = pass.next.canary.step_plugins;
  return find(entries, index, operation) != nullptr;
}

bool isEnded(const Pass& pass, const StepPluginStatus& run) {
  return has(pass, run.index, plugin::kTerminate) || has(pass, run.index, plugin::kAbort);
}

// What a call may have set going and nobody has told to end.
bool needsAbort(const Pass& pass, const StepPluginStatus& run) {
  const bool begun = run.phase == plugin::kRunning || run.phase == plugin::kSuccessful;
  return run.operation == plugin::kRun && begun && !has(pass, run.index, plugin::kAbort);
}

bool needsTermination(const Pass& pass, const StepPluginStatus& run) {
  const model::Step* step = currentStep(pass);
  const bool current = step != nullptr && run.index == stepIndex(pass);
  return run.operation == plugin::kRun && run.phase == plugin::kRunning && !current && !isEnded(pass, run);
}

RunStepPlugin callOf(const StepPluginStatus& run, const char* operation) {
  RunStepPlugin call;
  call.index = run.index;
  call.name = run.name;
  call.operation = operation;
  call.started_at = run.started_at.value_or(WallTime{});
  call.status = run.status;
  return call;
}

void announce(Pass& pass, const StepPluginStatus& entry, std::string_view text) {
  const bool bad = entry.phase == plugin::kFailed || entry.phase == plugin::kError;
  eventAfterPatch(pass, "StepPluginTransition",
                  fmt::format("Step plugin {} (step {}) {}", entry.name, entry.index + 1, text),
                  bad ? EventType::kWarning : EventType::kNormal);
}

void takeRun(Pass& pass, StepPluginStatus& run, const PluginCall& call) {
  const PluginAnswer& answer = *call.answer;
  const std::string before = run.phase;
  if (answer.disabled) {
    run = StepPluginStatus{.index = run.index, .name = run.name, .operation = run.operation, .disabled = true};
    return;
  }
  run.executions = call.execution;
  run.updated_at = pass.stamp;
  run.backoff.reset();
  run.message = answer.error.empty() ? answer.message : answer.error;
  run.phase = answer.phase.empty() ? plugin::kRunning : answer.phase;
  if (answer.error.empty())
    run.status = answer.status;
  else
    run.phase = plugin::kError;
  if (run.phase == plugin::kError) run.backoff = kBackoff;
  if (run.phase == plugin::kRunning)
    run.backoff = answer.requeue_after && *answer.requeue_after > kShortestBackoff ? *answer.requeue_after : kBackoff;
  if (run.phase == plugin::kSuccessful || run.phase == plugin::kFailed) run.finished_at = pass.stamp;
  const bool told = run.phase != before && run.phase != plugin::kSuccessful;
  if (told) announce(pass, run, "transitioned to " + run.phase);
}

// Ending is one call: one that still works after it has failed to end.
void takeEnd(Pass& pass, const StepPluginStatus& run, const PluginCall& call) {
  const PluginAnswer& answer = *call.answer;
  StepPluginStatus end;
  end.index = run.index;
  end.name = run.name;
  end.operation = call.operation;
  end.phase = answer.phase == plugin::kSuccessful ? plugin::kSuccessful : plugin::kFailed;
  if (!answer.error.empty()) end.phase = plugin::kError;
  end.disabled = answer.disabled;
  if (answer.disabled) end.phase.clear();
  end.message = answer.error.empty() ? answer.message : answer.error;
  end.status = answer.error.empty() ? answer.status : run.status;
  end.executions = call.execution;
  end.started_at = end.updated_at = end.finished_at = pass.stamp;
  const char* verb = call.operation == plugin::kAbort ? "aborted" : "terminated";
  if (!answer.disabled) announce(pass, end, fmt::format("{} ({})", verb, end.phase));
  pass.next.canary.step_plugins.push_back(std::move(end));
}

// Each answer once: what is written down already has its execution.
void takeAnswer(Pass& pass) {
  const std::optional<PluginCall>& call = pass.in.plugin_call;
  if (!call || !call->answer) return;
  Entries& entries = pass.next.canary.step_plugins;
  StepPluginStatus* run = find(entries, call->index, plugin::kRun);
  if (run == nullptr || run->started_at.value_or(WallTime{}) != call->started_at) return;
  if (call->operation == plugin::kRun) {
    if (run->executions >= call->execution || run->disabled) return;
    takeRun(pass, *run, *call);
  } else {
    if (find(entries, call->index, call->operation) != nullptr) return;
    const StepPluginStatus copy = *run;  // the list grows under it
    takeEnd(pass, copy, *call);
  }
  pass.decision.decide_again = true;
}

void call(Pass& pass, RunStepPlugin action) {
  act(pass, std::move(action));
  lookAgain(pass, pass.now + kAnswerCheck);
}

// Last begun, first ended. True: there was one.
bool endOne(Pass& pass, bool (*needs)(const Pass&, const StepPluginStatus&), const char* operation) {
  const Entries& entries = pass.next.canary.step_plugins;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (!needs(pass, *entry)) continue;
    call(pass, callOf(*entry, operation));
    return true;
  }
  return false;
}

void runCurrent(Pass& pass) {
  const model::Step* step = currentStep(pass);
  const auto* wanted = step == nullptr ? nullptr : std::get_if<model::PluginStep>(step);
  if (wanted == nullptr || fullyPromoted(pass)) return;
  Entries& entries = pass.next.canary.step_plugins;
  const StepPluginStatus* run = find(entries, stepIndex(pass), plugin::kRun);
  // Somebody went back to an earlier step while it ran, and it was told to end: it begins anew.
  if (run != nullptr && run->phase == plugin::kRunning && isEnded(pass, *run)) {
    std::erase_if(entries, [&](const StepPluginStatus& entry) { return entry.index == stepIndex(pass); });
    run = nullptr;
  }
  if (run == nullptr) {
    entries.push_back({.index = stepIndex(pass),
                       .name = wanted->name,
                       .operation = plugin::kRun,
                       .phase = plugin::kRunning,
                       .started_at = pass.stamp});
    pass.decision.decide_again = true;
    return;
  }
  if (pluginStepCompleted(pass, stepIndex(pass))) return;
  const WallTime due = run->updated_at ? *run->updated_at + run->backoff.value_or(kBackoff) : pass.now;
  if (run->executions > 0 && due > pass.now) {
    lookAgain(pass, due);
    return;
  }
  RunStepPlugin next = callOf(*run, plugin::kRun);
  next.execution = run->executions + 1;
  call(pass, std::move(next));
}

// The verdict that is written down counts, not the answer that brought it: it survives a restart.
void judge(Pass& pass) {
  if (isAborted(pass) || promotesFully(pass) || fullyPromoted(pass)) return;
  const model::Step* step = currentStep(pass);
  if (step == nullptr || !std::holds_alternative<model::PluginStep>(*step)) return;
  Entries& entries = pass.next.canary.step_plugins;
  const StepPluginStatus* run = find(entries, stepIndex(pass), plugin::kRun);
  if (run == nullptr || run->phase != plugin::kFailed) return;
  abortWith(pass, fmt::format("Step Plugin {} ({}) failed: {}", run->index + 1, run->name, run->message));
}

}  // namespace

void reconcileStepPlugins(Pass& pass, StepGate gate) {
  const bool retries = pass.old().aborted_at && !pass.old().abort;
  if (retries) {
    leaveStepPlugins(pass);
    pass.decision.decide_again = true;
    return;
  }
  takeAnswer(pass);
  judge(pass);
  const std::optional<PluginCall>& last = pass.world.plugin_call;
  if (last && !last->answer) {
    lookAgain(pass, pass.now + kAnswerCheck);
    return;
  }
  // Traffic and the abort itself come first: they are written down before a plugin hears of it.
  if (isAborted(pass)) {
    if (pass.old().abort && pass.old().aborted_at) endOne(pass, needsAbort, plugin::kAbort);
    const bool later = !(pass.old().abort && pass.old().aborted_at) && !pass.next.canary.step_plugins.empty();
    if (later) pass.decision.decide_again = true;
    return;
  }
  if (endOne(pass, needsTermination, plugin::kTerminate)) return;
  if (gate == StepGate::kOpen && !pass.spec().paused) runCurrent(pass);
}

void leaveStepPlugins(Pass& pass) {
  const bool was_aborted = pass.old().aborted_at.has_value();
  Entries& entries = pass.next.canary.step_plugins;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const bool open =
        was_aborted ? needsAbort(pass, *entry)
                    : entry->operation == plugin::kRun && entry->phase == plugin::kRunning && !isEnded(pass, *entry);
    if (!open) continue;
    RunStepPlugin end = callOf(*entry, was_aborted ? plugin::kAbort : plugin::kTerminate);
    end.awaited = false;
    act(pass, std::move(end));
  }
  entries.clear();
}

bool pluginStepCompleted(const Pass& pass, std::int32_t index) {
  Entries entries = pass.next.canary.step_plugins;
  const StepPluginStatus* run = find(entries, index, plugin::kRun);
  if (run == nullptr) return false;
  return run->disabled || run->phase == plugin::kSuccessful || run->phase == plugin::kFailed;
}

}  // namespace towpath::rollout
