// The plugin provider: a program that a person configured measures (metric_programs.h; metric-providers reference, 12).
//
//   provider:
//     plugin:
//       acme/check: {anything: "{{args.url}}"}
//
//   → {"operation": "Run", "name", "attempt", "config", "metric", "measurement", "analysisRun": {…}}
//   ← {"result": …} for the metric's conditions to judge, or {"phase": "Successful", "value", "message"};
//     {"phase": "Running", "resumeAfter": "30s", "metadata": {…}}: "Resume" then hands the measurement over.

#include <fmt/format.h>

#include <utility>

#include "engine/analysis/assess.h"
#include "json/parse.h"
#include "metrics/exchange.h"
#include "metrics/metric_programs.h"
#include "metrics/providers.h"

namespace towpath::metrics {
namespace {

using model::AnalysisPhase;

constexpr Duration kLookAgain = 15s;
constexpr Duration kLongestPause = 24h;

std::string nameOf(const MetricRequest& request) {
  const Object& plugins = request.provider["plugin"].asObject();
  return plugins.empty() ? std::string() : plugins.begin()->key;
}

Value measurementOf(const model::Measurement& measurement) {
  Value metadata = Object();
  for (const auto& [key, value] : measurement.metadata) metadata[key] = value;
  Value out = Object{{"phase", toString(measurement.phase)},
                     {"value", measurement.value},
                     {"message", measurement.message},
                     {"metadata", std::move(metadata)}};
  if (measurement.started_at) out["startedAt"] = formatRfc3339(*measurement.started_at);
  return out;
}

std::optional<AnalysisPhase> phaseOf(std::string_view text) {
  for (const AnalysisPhase phase : {AnalysisPhase::kRunning, AnalysisPhase::kSuccessful, AnalysisPhase::kFailed,
                                    AnalysisPhase::kInconclusive, AnalysisPhase::kError}) {
    if (text == toString(phase)) return phase;
  }
  return std::nullopt;
}

// What an answer makes of a measurement; `begun` has its start and the metadata so far. `wall` is for the conditions.
Result<model::Measurement> read(const Value& answer, const model::Metric& metric, model::Measurement begun,
                                WallTime now, WallTime wall) {
  const std::string_view text = answer["phase"].asStringView();
  const std::optional<AnalysisPhase> phase = phaseOf(text);
  const bool judged = text.empty() && answer.asObject().contains("result");
  if (!phase && !judged) {
    return fail(ErrorKind::kInvalid, fmt::format("the plugin answers neither a result nor a phase that is one of "
                                                 "Running, Successful, Failed, Inconclusive and Error (\"{}\")",
                                                 text));
  }
  for (const auto& [key, value] : answer["metadata"].asObject()) begun.metadata[key] = value.asString();
  begun.message = answer["message"].asString();
  begun.value = answer["value"].asString();
  if (phase == AnalysisPhase::kRunning) {
    const Result<Duration> pause = durationAt(answer, "resumeAfter", kLookAgain);
    if (!pause) return std::unexpected(pause.error());
    begun.phase = *phase;
    begun.resume_at = std::chrono::ceil<std::chrono::seconds>(now + std::clamp<Duration>(*pause, 1s, kLongestPause));
    return begun;
  }
  begun.finished_at = std::chrono::floor<std::chrono::seconds>(now);
  if (!judged) {
    begun.phase = *phase;
    return begun;
  }
  const Value result = json::withDoubles(answer["result"]);
  const analysis::Verdict verdict = analysis::assessResult(result, metric, wall);
  begun.phase = verdict.phase;
  if (!verdict.message.empty()) begun.message = verdict.message;
  if (begun.value.empty()) begun.value = analysis::valueText(result);
  return begun;
}

class Plugin final : public Provider {
 public:
  explicit Plugin(const ProviderContext& context) : loop_(*context.loop), programs_(*context.programs) {}

  loop::Task<model::Measurement> start(MetricRequest request) override {
    model::Measurement begun;
    begun.started_at = std::chrono::floor<std::chrono::seconds>(loop_.steadyNow());
    co_return co_await ask("Run", std::move(request), std::move(begun));
  }
  loop::Task<model::Measurement> resume(MetricRequest request, model::Measurement measurement) override {
    co_return co_await ask("Resume", std::move(request), std::move(measurement));
  }
  loop::Task<model::Measurement> terminate(MetricRequest request, model::Measurement measurement) override {
    co_return co_await ask("Terminate", std::move(request), std::move(measurement));
  }
  loop::Task<Result<void>> collectGarbage(MetricRequest request, int limit) override {
    Value input = inputFor("GarbageCollect", request);
    input["limit"] = limit;
    const Result<Value> answer = co_await programs_.call(nameOf(request), std::move(input));
    if (!answer) co_return std::unexpected(answer.error());
    co_return {};
  }

 private:
  static Value inputFor(const char* operation, const MetricRequest& request) {
    const std::string name = nameOf(request);
    return Object{{"operation", operation},     {"name", name},
                  {"attempt", request.attempt}, {"config", request.provider["plugin"][name]},
                  {"metric", request.config},   {"analysisRun", request.run ? request.run->parse() : Value()}};
  }

  loop::Task<model::Measurement> ask(const char* operation, MetricRequest request, model::Measurement measurement) {
    Value input = inputFor(operation, request);
    if (measurement.phase != AnalysisPhase::kNone) input["measurement"] = measurementOf(measurement);
    const Result<Value> answer = co_await programs_.call(nameOf(request), std::move(input));
    const WallTime now = loop_.steadyNow();
    Result<model::Measurement> next = answer ? read(*answer, request.metric, measurement, now, loop_.wallNow())
                                             : Result<model::Measurement>(std::unexpected(answer.error()));
    if (next) co_return std::move(*next);
    model::Measurement failed =
        analysis::failedMeasurement(describe(next.error()), measurement.started_at.value_or(now), now);
    failed.metadata = std::move(measurement.metadata);
    co_return failed;
  }

  loop::Loop& loop_;
  MetricPrograms& programs_;
};

}  // namespace

std::unique_ptr<Provider> makePlugin(const ProviderContext& context) {
  if (!context.programs) return nullptr;
  return std::make_unique<Plugin>(context);
}

}  // namespace towpath::metrics
