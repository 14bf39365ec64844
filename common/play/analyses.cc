#include "play/analyses.h"

#include <algorithm>

#include "api/analysis_arguments.h"
#include "api/analysis_view.h"
#include "engine/analysis/assess.h"
#include "engine/rollout/decide.h"
#include "play/analysis_play.h"

namespace towpath::play {
namespace {

using model::AnalysisPhase;

constexpr int kMaxDecisions = 50;  // of one run in one turn

// As the analysis controller puts them in place; secrets are not at hand and not needed.
Result<Value> withArguments(const Value& spec) {
  Value run(Object{{"spec", spec}});
  api::ArgumentValues values;
  for (const model::Argument& argument : api::decodeAnalysisRunSpec(run).args) {
    values[argument.name] = argument.value.value_or("(secret)");
  }
  Result<Value> metrics = api::substituteArguments(spec["metrics"], values);
  if (!metrics) return std::unexpected(metrics.error());
  run["spec"]["metrics"] = *std::move(metrics);
  return run;
}

}  // namespace

Analyses::Analyses(Value rollout, api::FindTemplate find, Measurements source)
    : rollout_(std::move(rollout)), find_(std::move(find)), source_(std::move(source)) {}

Result<void> Analyses::start(const rollout::World& world, const rollout::StartAnalysis& action) {
  const model::AnalysisRef* reference = rollout::analysisRef(world.spec, action.type, action.step_index);
  if (!reference) return {};
  const Result<Value> spec = api::makeRunSpec(rollout_, *reference, {action.latest_hash, action.stable_hash}, find_);
  if (!spec) return std::unexpected(spec.error());
  const Result<Value> run = withArguments(*spec);
  if (!run) return std::unexpected(run.error());
  runs_.push_back({{.name = action.name, .spec = api::decodeAnalysisRunSpec(*run)}, std::nullopt});
  return {};
}

std::vector<std::string> Analyses::turn(rollout::World& world, WallTime now) {
  std::vector<std::string> notes;
  for (Run& run : runs_) {
    const auto view = std::ranges::find(world.analysis_runs, run.world.name, &rollout::AnalysisRunView::name);
    if (view == world.analysis_runs.end() || model::isCompleted(view->phase)) {
      run.look_again_at.reset();
      continue;
    }
    run.world.spec.terminate = view->terminate;
    decide(run, now, notes);
    view->phase = run.world.status.phase;
    view->message = run.world.status.message;
    if (!model::isCompleted(view->phase)) continue;
    run.look_again_at.reset();
    const std::string& message = view->message;
    notes.push_back(fmt::format("analysis {}: {}{}{}", run.world.name, toString(view->phase),
                                message.empty() ? "" : ": ", message));
  }
  return notes;
}

void Analyses::decide(Run& run, WallTime now, std::vector<std::string>& notes) {
  for (int i = 0; i < kMaxDecisions; ++i) {
    const analysis::RunDecision decision = analysis::decide(run.world, now);
    run.look_again_at = decision.look_again_at;
    bool changed = false;
    for (const analysis::RunAction& action : decision.actions) {
      if (const auto* patch = std::get_if<analysis::PatchRunStatus>(&action)) {
        run.world.status = patch->next;
        run.world.outcomes.clear();
        changed = true;
      }
      const auto* start = std::get_if<analysis::StartMeasurement>(&action);
      if (!start) continue;
      const auto metric = std::ranges::find(run.world.spec.metrics, start->metric, &model::Metric::name);
      if (metric == run.world.spec.metrics.end()) continue;
      model::Measurement measurement = measure(*metric, now);
      if (measurement.phase != AnalysisPhase::kSuccessful) {
        const std::string& what = measurement.phase == AnalysisPhase::kError ? measurement.message : measurement.value;
        notes.push_back(fmt::format("{} {}: {}", metric->name, toString(measurement.phase), what));
      }
      run.world.outcomes.push_back({start->metric, std::move(measurement)});
      changed = true;
    }
    if (!changed) return;
  }
}

model::Measurement Analyses::measure(const model::Metric& metric, WallTime now) {
  const Duration since_update = now - source_.update;
  // The stable version is on its way to where the play begins.
  if (since_update < 0s) return analysis::finishedMeasurement({AnalysisPhase::kSuccessful, ""}, "", now, now);
  measured_.insert(metric.name);
  for (const Fault& fault : source_.faults) {
    if (fault.at <= since_update && (fault.metric.empty() || fault.metric == metric.name)) {
      return analysis::failedMeasurement("the provider does not answer (a fault of this play)", now, now);
    }
  }
  if (!source_.trace.has(metric.name)) {
    const bool known = std::ranges::find(assumed_good_, metric.name) != assumed_good_.end();
    if (!known) assumed_good_.push_back(metric.name);
    return analysis::finishedMeasurement({AnalysisPhase::kSuccessful, ""}, "assumed good", now, now);
  }
  const std::optional<Value> value = source_.trace.at(metric.name, since_update);
  if (!value) return analysis::failedMeasurement("no data in the trace at this time", now, now);
  const Value result = recordedResult(*value, metric);
  return analysis::finishedMeasurement(analysis::assessResult(result, metric, now), analysis::valueText(result), now,
                                       now);
}

std::optional<WallTime> Analyses::nextLook() const {
  std::optional<WallTime> next;
  for (const Run& run : runs_) {
    if (run.look_again_at && (!next || *run.look_again_at < *next)) next = run.look_again_at;
  }
  return next;
}

}  // namespace towpath::play
