#include "play/stand_ins.h"

#include <fmt/format.h>

#include <algorithm>

namespace towpath::play {
namespace {

using model::AnalysisPhase;
namespace plugin = model::plugin;

const model::ExperimentStep* stepOf(const rollout::World& world, std::int32_t index) {
  const model::CanaryStrategy* canary = world.spec.canary();
  const auto at = static_cast<std::size_t>(index);
  if (canary == nullptr || index < 0 || at >= canary->steps.size()) return nullptr;
  return std::get_if<model::ExperimentStep>(&canary->steps[at]);
}

}  // namespace

std::vector<std::string> StandIns::take(rollout::World& world, const rollout::Action& action, WallTime now) {
  if (const auto* call = std::get_if<rollout::RunStepPlugin>(&action)) {
    // What is told to end does so at once.
    answers_at_ = call->operation == plugin::kRun ? now + takes_ : now;
    working_ = call->name;
    return {fmt::format("step plugin {}: {}", call->name, call->operation)};
  }
  if (const auto* start = std::get_if<rollout::StartExperiment>(&action)) {
    begin(world, *start, now);
    return {fmt::format("experiment {} begins, with {} pods", start->name, played_[start->name].pods)};
  }
  return {};
}

void StandIns::begin(rollout::World& world, const rollout::StartExperiment& action, WallTime now) {
  const model::ExperimentStep* step = stepOf(world, action.step_index);
  if (step == nullptr) return;
  Played& played = played_[action.name];
  played.ready_at = now + ready_after_;
  played.ends_at = played.ready_at + step->duration.value_or(takes_);
  for (const model::ExperimentTemplateRef& one : step->templates) played.pods += one.replicas.value_or(1);
  for (rollout::ExperimentView& view : world.experiments) {
    if (view.name != action.name) continue;
    for (const model::ExperimentTemplateRef& one : step->templates) {
      const std::string pods = fmt::format("{}-{}", action.name, one.name);
      view.templates.push_back({one.name, one.weight ? pods : "", pods});
    }
  }
}

void StandIns::playOne(rollout::ExperimentView& view, WallTime now, std::vector<std::string>& notes) {
  const auto found = played_.find(view.name);
  if (found == played_.end() || found->second.over) return;
  Played& played = found->second;
  if (view.phase == AnalysisPhase::kNone) view.phase = AnalysisPhase::kPending;
  played.pending = played.ready_at > now;
  if (!played.pending) view.phase = AnalysisPhase::kRunning;
  if (!view.terminate && played.ends_at > now) return;
  played.over = true;
  played.pods = 0;
  const bool fails = experiments_fail_ && !view.terminate;
  view.phase = fails ? AnalysisPhase::kFailed : AnalysisPhase::kSuccessful;
  if (fails) view.message = "a fault of this play";
  notes.push_back(fmt::format("experiment {}: {}", view.name, view.terminate ? "told to end" : toString(view.phase)));
}

std::vector<std::string> StandIns::turn(rollout::World& world, WallTime now) {
  std::vector<std::string> notes;
  std::erase_if(world.experiments, [](const rollout::ExperimentView& view) { return view.deleting; });
  for (rollout::ExperimentView& view : world.experiments) playOne(view, now, notes);
  std::optional<rollout::PluginCall>& call = world.plugin_call;
  if (!call || call->answer || !answers_at_ || *answers_at_ > now) return notes;
  const bool fails = plugins_fail_ && call->operation == plugin::kRun;
  call->answer = rollout::PluginAnswer{.phase = fails ? plugin::kFailed : plugin::kSuccessful,
                                       .message = fails ? "a fault of this play" : ""};
  notes.push_back(fmt::format("step plugin {}: {}", working_, call->answer->phase));
  answers_at_.reset();
  return notes;
}

std::optional<WallTime> StandIns::nextChange() const {
  std::optional<WallTime> next = answers_at_;
  for (const auto& [name, played] : played_) {
    if (played.over) continue;
    const WallTime at = played.pending ? played.ready_at : played.ends_at;
    if (!next || at < *next) next = at;
  }
  return next;
}

std::int32_t StandIns::pods() const {
  std::int32_t sum = 0;
  for (const auto& [name, played] : played_) sum += played.pods;
  return sum;
}

}  // namespace towpath::play
