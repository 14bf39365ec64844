// towpath/judge: is the canary worse than the stable version that serves at the same time? (common/judge; the fields
// are in docs/analysis.md.)
//
// One measurement is the whole comparison. It is Running while there is not enough evidence: it is looked at once a
// window, and what the judge learnt is kept in its metadata, so that after a crash the comparison goes on from the last
// window that was committed with the run's status. Bad is Failed, good is Successful; at the end of `duration` without
// either, `onNoEvidence` says what it is. successCondition and failureCondition are not looked at.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "engine/analysis/assess.h"
#include "json/serialize.h"
#include "metrics/judge_windows.h"
#include "metrics/providers.h"
#include "metrics/registry.h"

namespace towpath::metrics {
namespace {

using model::AnalysisPhase;

constexpr const char* kState = "state";  // of the judge
constexpr const char* kUntil = "until";  // Unix milliseconds of the nodes' clocks: windows before it are judged
constexpr const char* kFrom = "from";    //
// In one look; after a longer absence the rest is for the next.
constexpr int kWindowsAtOnce = 500;

std::int64_t toMs(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}
WallTime fromMs(std::int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

std::optional<std::int64_t> number(const model::Measurement& measurement, const char* key) {
  const auto found = measurement.metadata.find(key);
  if (found == measurement.metadata.end()) return std::nullopt;
  std::int64_t value = 0;
  const char* end = found->second.data() + found->second.size();
  if (std::from_chars(found->second.data(), end, value).ptr != end) return std::nullopt;
  return value;
}

// A ratio may be infinite, which JSON has no word for.
Value finite(double value) { return std::isfinite(value) ? Value(value) : Value(); }

Value evidenceOf(const judge::Report& report) {
  Value evidence;
  evidence["verdict"] = toString(report.verdict);
  evidence["windows"] = report.windows;
  evidence["windowsLeftOut"] = report.left_out;
  evidence["canaryRequests"] = static_cast<std::int64_t>(report.canary_requests);
  evidence["stableRequests"] = static_cast<std::int64_t>(report.stable_requests);
  for (const judge::MetricReport& metric : report.metrics) {
    Value& one = evidence["metrics"][metric.name];
    one["ratio"] = finite(metric.ratio);
    one["canaryEvents"] = static_cast<std::int64_t>(metric.canary.events);
    one["stableEvents"] = static_cast<std::int64_t>(metric.stable.events);
    // 1: the bound is reached.
    one["evidenceBad"] = std::max(metric.bad_evidence / metric.bad_needed, 0.0);
    one["evidenceGood"] = std::max(metric.good_evidence / metric.good_needed, 0.0);
    if (!metric.worst_instance.empty()) one["worstInstance"] = metric.worst_instance;
    if (metric.windows_to_bad) one["windowsToBad"] = std::ceil(*metric.windows_to_bad);
  }
  return evidence;
}

class TowpathJudge final : public Provider {
 public:
  explicit TowpathJudge(const ProviderContext& context) : context_(context), loop_(*context.loop) {}

  loop::Task<model::Measurement> start(MetricRequest request) override {
    const WallTime now = loop_.steadyNow();
    const Result<JudgeSettings> settings = readJudgeSettings(request.provider["plugin"]["towpath/judge"]);
    if (!settings) co_return analysis::failedMeasurement(describe(settings.error()), now, now);
    if (settings->series.empty() && !context_.traffic) {
      co_return analysis::failedMeasurement(
          "no proxy of ours counts requests here: compare series of other providers (metrics, with method: classical)",
          now, now);
    }
    followInstances(request, *settings);
    const std::int64_t window_ms = settings->window / 1ms;
    // Whole windows only, and none that had begun before.
    const std::int64_t from = (toMs(loop_.wallNow()) / window_ms + 1) * window_ms;
    model::Measurement measurement;
    measurement.phase = AnalysisPhase::kRunning;
    measurement.started_at = now;
    measurement.metadata[kFrom] = measurement.metadata[kUntil] = std::to_string(from);
    waitForNext(measurement, *settings, from);
    co_return measurement;
  }

  loop::Task<model::Measurement> resume(MetricRequest request, model::Measurement measurement) override {
    const Result<JudgeSettings> settings = readJudgeSettings(request.provider["plugin"]["towpath/judge"]);
    const WallTime now = loop_.steadyNow();
    const WallTime started = measurement.started_at.value_or(now);
    if (!settings) co_return analysis::failedMeasurement(describe(settings.error()), started, now);
    if (!number(measurement, kFrom) || !number(measurement, kUntil))
      co_return analysis::failedMeasurement("the measurement's metadata was lost", started, now);
    const bool classical = settings->method == JudgeMethod::kClassical;
    if (!settings->series.empty()) co_return co_await lookAtSeries(request, std::move(measurement), *settings);
    if (!context_.traffic) co_return analysis::failedMeasurement("no proxy of ours counts requests here", started, now);
    followInstances(request, *settings);
    co_return classical ? lookClassically(request, std::move(measurement), *settings)
                        : look(request, std::move(measurement), *settings);
  }

  loop::Task<model::Measurement> terminate(MetricRequest, model::Measurement measurement) override {
    measurement.phase = AnalysisPhase::kInconclusive;
    measurement.finished_at = loop_.steadyNow();
    measurement.message = "ended before there was a verdict";
    co_return measurement;
  }

 private:
  // Renewed with each look; nobody keeps them for a comparison that has ended.
  void followInstances(const MetricRequest& request, const JudgeSettings& settings) const {
    const bool compared = settings.method == JudgeMethod::kSequential && !settings.quantiles.empty();
    if (!compared || context_.traffic == nullptr) return;
    context_.traffic->followInstances(request.ns, settings.canary,
                                      loop_.wallNow() + 10 * (settings.window + settings.settle));
  }

  // Past the end of the window that begins at `until`, and the time that its counts need. A clock that jumped makes
  // nobody wait longer than that. A status has whole seconds: rounded up, or the next look would come too early and
  // again and again until the second is over.
  void waitForNext(model::Measurement& measurement, const JudgeSettings& settings, std::int64_t until) const {
    const Duration ahead = fromMs(until) + settings.window + settings.settle - loop_.wallNow();
    measurement.resume_at = std::chrono::ceil<std::chrono::seconds>(
        loop_.steadyNow() + std::clamp<Duration>(ahead, 100ms, 2 * settings.window + settings.settle));
  }

  // The comparison is over by the clock that does not jump; its last window's counts are in.
  bool isOver(const model::Measurement& measurement, const JudgeSettings& settings) const {
    return loop_.steadyNow() >=
           measurement.started_at.value_or(WallTime()) + settings.duration + settings.window + settings.settle;
  }

  void finish(model::Measurement& measurement, AnalysisPhase phase, std::string message) const {
    measurement.phase = phase;
    measurement.message = std::move(message);
    measurement.finished_at = loop_.steadyNow();
    measurement.resume_at.reset();
    measurement.metadata.erase(kState);
  }

  void finishWithoutEvidence(model::Measurement& measurement, const JudgeSettings& settings, std::string why) const {
    const std::string message = fmt::format("no verdict within {}: {}", formatGoDuration(settings.duration), why);
    switch (settings.no_evidence) {
      case NoEvidence::kInconclusive:
        return finish(measurement, AnalysisPhase::kInconclusive, message);
      case NoEvidence::kPass:
        return finish(measurement, AnalysisPhase::kSuccessful, message);
      case NoEvidence::kFail:
        return finish(measurement, AnalysisPhase::kFailed, message);
    }
  }

  model::Measurement look(const MetricRequest& request, model::Measurement measurement,
                          const JudgeSettings& settings) const;
  model::Measurement lookClassically(const MetricRequest& request, model::Measurement measurement,
                                     const JudgeSettings& settings) const;
  loop::Task<model::Measurement> lookAtSeries(const MetricRequest& request, model::Measurement measurement,
                                              const JudgeSettings& settings) const;
  void waitForTheEnd(model::Measurement& measurement, const JudgeSettings& settings) const;
  void finishClassically(model::Measurement& measurement, const JudgeSettings& settings,
                         const std::vector<judge::SeriesMetric>& series) const;

  const ProviderContext& context_;
  loop::Loop& loop_;
};

model::Measurement TowpathJudge::look(const MetricRequest& request, model::Measurement measurement,
                                      const JudgeSettings& settings) const {
  judge::SequentialJudge judge(settings.sequential);
  if (const auto state = measurement.metadata.find(kState); state != measurement.metadata.end()) {
    if (const Result<void> restored = judge.restore(state->second); !restored) {
      finish(measurement, AnalysisPhase::kError, restored.error().message);
      return measurement;
    }
  }
  const std::int64_t from = *number(measurement, kFrom);
  std::int64_t until = *number(measurement, kUntil);
  const std::int64_t window_ms = settings.window / 1ms;
  const std::int64_t complete = toMs(loop_.wallNow() - settings.settle);
  bool decided = false;
  for (int i = 0; i < kWindowsAtOnce && until + window_ms <= complete && !decided; ++i, until += window_ms) {
    const BothVersions traffic = trafficOf(*context_.traffic, request.ns, settings, fromMs(until));
    const Duration start = std::chrono::milliseconds(until - from);
    if (const Result<void> seen = judge.observe(judgeWindow(settings, traffic, start)); !seen) {
      finish(measurement, AnalysisPhase::kError, describe(seen.error()));
      return measurement;
    }
    decided = judge.verdict() != judge::Verdict::kNotEnoughYet;
  }
  const judge::Report report = judge.report();
  measurement.metadata[kUntil] = std::to_string(until);
  measurement.metadata[kState] = judge.state();
  measurement.value = json::serialize(evidenceOf(report));
  measurement.message = report.reason;
  switch (report.verdict) {
    case judge::Verdict::kBad:
      finish(measurement, AnalysisPhase::kFailed, report.reason);
      break;
    case judge::Verdict::kGood:
      finish(measurement, AnalysisPhase::kSuccessful, report.reason);
      break;
    case judge::Verdict::kNotEnoughYet:
      if (isOver(measurement, settings))
        finishWithoutEvidence(measurement, settings, report.reason);
      else
        waitForNext(measurement, settings, until);
      break;
  }
  return measurement;
}

// Once, at the end, from what the store has: nothing is learnt on the way.
model::Measurement TowpathJudge::lookClassically(const MetricRequest& request, model::Measurement measurement,
                                                 const JudgeSettings& settings) const {
  if (!isOver(measurement, settings)) {
    waitForTheEnd(measurement, settings);
    return measurement;
  }
  std::vector<judge::SeriesMetric> series;
  const std::int64_t from = *number(measurement, kFrom);
  for (std::uint64_t i = 0; i < settings.windows(); ++i) {
    const WallTime start = fromMs(from) + settings.window * static_cast<std::int64_t>(i);
    if (start - fromMs(from) < settings.sequential.warm_up) continue;
    appendTo(series, settings, trafficOf(*context_.traffic, request.ns, settings, start));
  }
  finishClassically(measurement, settings, series);
  return measurement;
}

loop::Task<model::Measurement> TowpathJudge::lookAtSeries(const MetricRequest& request, model::Measurement measurement,
                                                          const JudgeSettings& settings) const {
  if (!isOver(measurement, settings)) {
    waitForTheEnd(measurement, settings);
    co_return measurement;
  }
  const auto series = co_await askForSeries(context_, request, settings.series);
  if (series)
    finishClassically(measurement, settings, *series);
  else
    finish(measurement, AnalysisPhase::kError, describe(series.error()));
  co_return measurement;
}

void TowpathJudge::waitForTheEnd(model::Measurement& measurement, const JudgeSettings& settings) const {
  measurement.resume_at = std::chrono::ceil<std::chrono::seconds>(
      measurement.started_at.value_or(loop_.steadyNow()) + settings.duration + settings.window + settings.settle);
}

void TowpathJudge::finishClassically(model::Measurement& measurement, const JudgeSettings& settings,
                                     const std::vector<judge::SeriesMetric>& series) const {
  const judge::ClassicalReport report = judge::judgeClassically(series, settings.classical);
  measurement.value = fmt::format("{:.4g}", report.score);
  for (const judge::SeriesResult& metric : report.metrics)
    measurement.metadata[metric.name] =
        fmt::format("{}, mean ratio {:.3g}", toString(metric.classification), metric.ratio);
  switch (report.classification) {
    case judge::ScoreClass::kPass:
      finish(measurement, AnalysisPhase::kSuccessful, report.reason);
      break;
    case judge::ScoreClass::kMarginal:
      finish(measurement, AnalysisPhase::kInconclusive, report.reason);
      break;
    case judge::ScoreClass::kFail:
      finish(measurement, AnalysisPhase::kFailed, report.reason);
      break;
    case judge::ScoreClass::kNoData:
      finishWithoutEvidence(measurement, settings, report.reason);
      break;
  }
}

}  // namespace

std::unique_ptr<Provider> makeTowpathJudge(const ProviderContext& context) {
  return std::make_unique<TowpathJudge>(context);
}

}  // namespace towpath::metrics
