// towpath analyze: an analysis tried against recorded values in virtual time, or against what is measured now.

#include "base/file.h"
#include "base/time.h"
#include "cli/analysis_view.h"
#include "cli/command.h"
#include "cli/manifest_files.h"
#include "http/client.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "metrics/registry.h"
#include "metrics/surroundings.h"
#include "play/analysis_spec.h"

namespace towpath::cli {
namespace {

constexpr Duration kDefaultInterval = 10s;  // between measurements of a metric that names none

api::ArgumentValues argumentsOf(const AnalyzeOptions& options) {
  api::ArgumentValues values;
  for (const std::string& text : options.arguments) {
    auto [name, value] = orFail(play::parseArgument(text));
    values[name] = value;
  }
  return values;
}

// So few measurements cannot reach the limits of a whole run: each is cut to what they can.
void limitTo(int count, std::vector<model::Metric>& metrics) {
  for (model::Metric& metric : metrics) {
    metric.count = count;
    metric.initial_delay.clear();
    if (metric.interval.empty()) metric.interval = formatGoDuration(kDefaultInterval);
    metric.consecutive_success_limit = std::min(metric.consecutive_success_limit, count);
    const std::int32_t room = std::min(count - 1, count - metric.consecutive_success_limit);
    metric.failure_limit = std::min(metric.failure_limit, room);
    metric.inconclusive_limit = std::min(metric.inconclusive_limit, count - 1);
    metric.consecutive_error_limit = std::min(metric.consecutive_error_limit, count - 1);
  }
}

class Measuring {
 public:
  explicit Measuring(const play::AnalysisSpec& spec) : spec_(spec), client_(loop_) {
    context_.loop = &loop_;
    context_.fetch = [this](http::ClientRequest request) { return client_.fetch(std::move(request)); };
    context_.environment = metrics::processEnvironment();
  }

  play::AnalysisOutcome run() { return loop::blockOn(loop_, measureAll()); }

 private:
  loop::Task<play::AnalysisOutcome> measureAll() {
    play::AnalysisPlay play(spec_.run);
    play::AnalysisOutcome outcome;
    const WallTime begin = loop_.steadyNow();
    while (!play.ended()) {
      const std::vector<play::AnalysisPlay::Due> wanted = play.turn(loop_.steadyNow());
      for (const play::AnalysisPlay::Due& due : wanted) {
        play::PlayedMeasurement played{.at = std::chrono::floor<std::chrono::seconds>(loop_.steadyNow() - begin),
                                       .metric = due.metric.name,
                                       .measurement = co_await measure(due, play.running(due.metric.name)),
                                       .conditions = {}};
        play.measured(due.metric.name, played.measurement);
        if (!played.measurement.finished_at) continue;
        played.conditions = conditionsOf(due.metric, played.measurement);
        outcome.measurements.push_back(std::move(played));
      }
      if (!wanted.empty() || play.ended()) continue;
      const WallTime now = loop_.steadyNow();
      co_await loop::sleep(loop_, std::max<Duration>(play.nextLook().value_or(now + 1s) - now, 10ms));
    }
    outcome.status = play.status();
    outcome.decided = true;
    outcome.ended_at = std::chrono::floor<std::chrono::seconds>(loop_.steadyNow() - begin);
    co_return outcome;
  }

  loop::Task<model::Measurement> measure(const play::AnalysisPlay::Due& due, const model::Measurement* running) {
    const WallTime now = loop_.steadyNow();
    Value config;
    for (const Value& metric : spec_.metrics.asArray()) {
      if (metric["name"].asStringView() == due.metric.name) config = metric;
    }
    const auto provider = metrics::makeProvider(config["provider"], context_);
    if (!provider) co_return analysis::failedMeasurement(describe(provider.error()), now, now);
    metrics::MetricRequest request;
    request.ns = "default";
    request.run_name = spec_.name;
    request.run_uid = spec_.name;
    request.attempt = due.attempt;
    request.metric = due.metric;
    request.provider = config["provider"];
    request.config = config;
    if (due.resume && running) co_return co_await (*provider)->resume(std::move(request), *running);
    co_return co_await (*provider)->start(std::move(request));
  }

  // The value as a measurement shows it: JSON, or plain text.
  static std::vector<analysis::ConditionValue> conditionsOf(const model::Metric& metric,
                                                            const model::Measurement& measurement) {
    if (measurement.value.empty()) return {};
    Result<Value> value = json::parse(measurement.value);
    return analysis::conditionValues(value ? *value : Value(measurement.value), metric);
  }

  const play::AnalysisSpec& spec_;
  loop::UvLoop loop_;
  http::Client client_;
  metrics::ProviderContext context_;
};

void checkOptions(const AnalyzeOptions& options) {
  if (options.output != "json" && options.output != "table") {
    throw Failure{{ErrorKind::kInvalid, fmt::format("\"{}\" is neither table nor json", options.output), "--output"}};
  }
  if (options.trace.empty() == !options.now) {
    throw Failure{{ErrorKind::kInvalid, "give either --trace FILE, to play recorded values, or --now, to measure", ""}};
  }
}

}  // namespace

int analyze(const AnalyzeOptions& options) {
  checkOptions(options);
  const auto secrets = options.now ? play::Secrets::kMustBeGiven : play::Secrets::kStandIn;
  play::AnalysisSpec spec =
      orFail(play::analysisOf(readManifests(options.files), options.name, argumentsOf(options), secrets));
  AnalysisReport report;
  report.name = spec.name;
  if (options.now) {
    limitTo(options.count, spec.run.metrics);
    report.outcome = Measuring(spec).run();
    report.assumptions.push_back(
        fmt::format("each metric is measured {} time{} (--count), and its limits are cut to that", options.count,
                    options.count == 1 ? "" : "s"));
  } else {
    const play::Trace trace = orFail(play::Trace::parse(orFail(readFile(options.trace)), options.trace));
    report.outcome = orFail(play::playAnalysis(spec.run, trace));
    report.assumptions.push_back(
        "a metric without a count is measured until the trace ends, and the run is ended then");
  }
  print(options.output == "json" ? json::serializePretty(analysisToJson(report)) + "\n" : renderAnalysis(report));
  return exitCodeOf(report.outcome);
}

}  // namespace towpath::cli
