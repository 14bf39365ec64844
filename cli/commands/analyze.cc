// towpath analyze: an analysis tried against recorded values in virtual time, against what is measured now, or by a
// server with an AnalysisRun of its own.

#include <algorithm>
#include <array>
#include <exception>
#include <tuple>

#include "api/analysis_view.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/time.h"
#include "cli/analysis_view.h"
#include "cli/command.h"
#include "cli/manifest_files.h"
#include "cli/text.h"
#include "cli/watcher.h"
#include "cluster/kinds.h"
#include "cluster/memory_api.h"
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

constexpr const char* kNamespace = "default";  // of all that is in files
constexpr Duration kDefaultInterval = 10s;     // between measurements of a metric that names none

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

// "[0.5 1770]", as some providers print a list of numbers.
std::optional<Value> spacedNumbers(std::string text) {
  if (!text.starts_with('[')) return std::nullopt;
  std::ranges::replace(text, ' ', ',');
  Result<Value> list = json::parse(text);
  if (!list || !std::ranges::all_of(list->asArray(), &Value::isNumber)) return std::nullopt;
  return *std::move(list);
}

// Of the value as a measurement shows it: JSON, numbers with spaces between them, or plain text.
std::vector<analysis::ConditionValue> conditionsOf(const model::Metric& metric, const model::Measurement& measurement) {
  if (measurement.value.empty()) return {};
  const Result<Value> value = json::parse(measurement.value);
  const WallTime now = measurement.finished_at.value_or(WallTime());
  if (value) return analysis::conditionValues(*value, metric, now);
  return analysis::conditionValues(spacedNumbers(measurement.value).value_or(Value(measurement.value)), metric, now);
}

class Measuring {
 public:
  Measuring(const play::AnalysisSpec& spec, const play::SecretTexts& secrets)
      : spec_(spec), client_(loop_), api_(loop_) {
    for (const auto& [name, texts] : secrets) keepSecret(name, texts);
    context_.loop = &loop_;
    context_.api = &api_;
    context_.runs_jobs = false;
    context_.fetch = [this](http::ClientRequest request) { return client_.fetch(std::move(request)); };
    context_.environment = metrics::processEnvironment();
  }

  play::AnalysisOutcome run() { return loop::blockOn(loop_, measureAll()); }

 private:
  void keepSecret(const std::string& name, const std::map<std::string, std::string>& texts) {
    Value secret;
    secret["apiVersion"] = "v1";
    secret["kind"] = "Secret";
    secret["metadata"]["name"] = name;
    secret["metadata"]["namespace"] = kNamespace;
    for (const auto& [key, text] : texts) secret["data"][key] = encodeBase64(text);
    static_cast<void>(orFail(api_.createNow(cluster::kSecrets, std::move(secret))));
  }

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
    if (!provider) {
      const bool server_has_it = provider.error().kind == ErrorKind::kUnsupported;
      co_return analysis::failedMeasurement(describe(provider.error()) + (server_has_it ? ": try --on-server" : ""),
                                            now, now);
    }
    metrics::MetricRequest request;
    request.ns = kNamespace;
    request.run_name = spec_.name;
    request.run_uid = spec_.name;
    request.attempt = due.attempt;
    request.metric = due.metric;
    request.provider = config["provider"];
    request.config = config;
    if (due.resume && running) co_return co_await (*provider)->resume(std::move(request), *running);
    co_return co_await (*provider)->start(std::move(request));
  }

  const play::AnalysisSpec& spec_;
  loop::UvLoop loop_;
  http::Client client_;
  cluster::MemoryApi api_;  // the Secrets of the files
  metrics::ProviderContext context_;
};

void checkOptions(const AnalyzeOptions& options) {
  if (options.output != "json" && options.output != "table") {
    throw Failure{{ErrorKind::kInvalid, fmt::format("\"{}\" is neither table nor json", options.output), "--output"}};
  }
  if ((options.trace.empty() ? 0 : 1) + (options.now ? 1 : 0) + (options.on_server ? 1 : 0) != 1) {
    throw Failure{
        {ErrorKind::kInvalid,
         "give one of --trace FILE, to play recorded values, --now, to measure from here, and --on-server, to "
         "let the coordinator measure",
         ""}};
  }
  if (!options.begin.empty() && options.trace.empty()) {
    throw Failure{{ErrorKind::kInvalid, "only a --trace has a beginning of its own", "--begin"}};
  }
  if (options.files.empty() && !options.on_server) {
    throw Failure{{ErrorKind::kInvalid, "-f FILE is needed: the templates of a server are for --on-server", ""}};
  }
}

WallTime beginOf(const AnalyzeOptions& options) {
  if (options.begin.empty()) return std::chrono::floor<std::chrono::seconds>(loop::UvLoop().wallNow());
  if (const std::optional<WallTime> begin = parseRfc3339(options.begin)) return *begin;
  throw Failure{
      {ErrorKind::kInvalid, fmt::format("\"{}\" is no time such as 2026-01-01T12:00:00Z", options.begin), "--begin"}};
}

std::string countedText(int count) {
  return fmt::format("each metric is measured {} (--count), and its limits are cut to that", counted(count, "time"));
}

void show(const AnalyzeOptions& options, const AnalysisReport& report) {
  print(options.output == "json" ? json::serializePretty(analysisToJson(report)) + "\n" : renderAnalysis(report));
}

// ---- on a server ----

constexpr Duration kTakenUpWithin = 30s;
constexpr int kForgottenAfterSeconds = 600;  // should nobody delete the run
constexpr std::array<const char*, 2> kTemplateKinds = {"AnalysisTemplate", "ClusterAnalysisTemplate"};

loop::Task<std::vector<Value>> templatesOf(Api& api) {
  std::vector<Value> objects;
  for (const char* kind : kTemplateKinds) {
    const ApiResource resource = orFail(co_await api.findKind("argoproj.io/v1alpha1", kind));
    const Value list = orFail(co_await api.list(resource, {resource.namespaced ? api.ns() : "", "", "", {}}));
    for (Value item : list["items"].asArray()) {
      item["apiVersion"] = "argoproj.io/v1alpha1";
      item["kind"] = kind;
      objects.push_back(std::move(item));
    }
  }
  co_return objects;
}

// `metrics` as they are measured here: so often, with limits that so many can reach.
Value runObject(const play::AnalysisSpec& spec) {
  Value object;
  object["apiVersion"] = "argoproj.io/v1alpha1";
  object["kind"] = "AnalysisRun";
  object["metadata"]["generateName"] = spec.name + "-";
  object["spec"] = spec.run_spec;
  object["spec"].makeObject().erase("terminate");
  object["spec"]["ttlStrategy"]["secondsAfterCompletion"] = kForgottenAfterSeconds;
  Array& metrics = object["spec"]["metrics"].makeArray();
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const model::Metric& limited = spec.run.metrics.at(i);
    metrics[i].makeObject().erase("initialDelay");
    metrics[i]["count"] = limited.count;
    metrics[i]["interval"] = limited.interval;
    metrics[i]["failureLimit"] = limited.failure_limit;
    metrics[i]["inconclusiveLimit"] = limited.inconclusive_limit;
    metrics[i]["consecutiveErrorLimit"] = limited.consecutive_error_limit;
    if (limited.consecutive_success_limit > 0)
      metrics[i]["consecutiveSuccessLimit"] = limited.consecutive_success_limit;
  }
  return object;
}

loop::Task<Value> runToItsEnd(Api& api, const std::string& name) {
  LiveList runs(api, kAnalysisRuns, {api.ns(), "", "metadata.name=" + name, Representation::kObject});
  ListGroup group(api);
  group.follow(runs);
  const MonoTime begin = api.loop().now();
  for (;;) {
    const bool there = !runs.byName().empty();
    if (group.synced() && !there)
      throw Failure{{ErrorKind::kNotFound, fmt::format("analysisrun \"{}\" was deleted", name), ""}};
    const std::string phase = there ? runs.byName().begin()->second["status"]["phase"].asString() : "";
    if (model::isCompleted(model::parseAnalysisPhase(phase))) co_return runs.byName().begin()->second;
    if (phase.empty() && api.loop().now() - begin > kTakenUpWithin) {
      throw Failure{
          {ErrorKind::kTimeout,
           "nobody has taken up the run: is a coordinator at work in this namespace (towpath-coordinator, on a "
           "cluster with --kubernetes)?",
           ""}};
    }
    co_await group.changed(1s);
  }
}

play::AnalysisOutcome outcomeOf(const Value& run, const std::vector<model::Metric>& metrics) {
  play::AnalysisOutcome outcome;
  outcome.status = api::decodeAnalysisRunStatus(run);
  outcome.decided = true;
  const WallTime begin = outcome.status.started_at.value_or(WallTime());
  WallTime end = begin;
  for (const model::MetricResult& result : outcome.status.metric_results) {
    const auto metric = std::ranges::find(metrics, result.name, &model::Metric::name);
    for (const model::Measurement& measurement : result.measurements) {
      play::PlayedMeasurement played{.at = measurement.started_at.value_or(begin) - begin,
                                     .metric = result.name,
                                     .measurement = measurement,
                                     .conditions = {}};
      if (metric != metrics.end()) played.conditions = conditionsOf(*metric, measurement);
      end = std::max(end, measurement.finished_at.value_or(end));
      outcome.measurements.push_back(std::move(played));
    }
  }
  std::ranges::sort(outcome.measurements, {},
                    [](const play::PlayedMeasurement& played) { return std::tie(played.at, played.metric); });
  outcome.ended_at = outcome.status.completed_at.value_or(end) - begin;
  return outcome;
}

}  // namespace

int analyze(const AnalyzeOptions& options) {
  checkOptions(options);
  const auto secrets = options.now ? play::Secrets::kMustBeGiven : play::Secrets::kStandIn;
  const std::vector<Value> objects = readManifests(options.files);
  play::AnalysisSpec spec = orFail(play::analysisOf(objects, options.name, argumentsOf(options), secrets));
  AnalysisReport report;
  report.name = spec.name;
  if (options.now) {
    limitTo(options.count, spec.run.metrics);
    report.outcome = Measuring(spec, orFail(play::secretsOf(objects))).run();
    report.assumptions.push_back(countedText(options.count));
  } else {
    const play::Trace trace = orFail(play::Trace::parse(orFail(readFile(options.trace)), options.trace));
    report.outcome = orFail(play::playAnalysis(spec.run, trace, beginOf(options)));
    report.assumptions.push_back(
        "a metric without a count is measured until the trace ends, and the run is ended then");
  }
  show(options, report);
  return exitCodeOf(report.outcome);
}

Exit analyzeOnServer(Context context, AnalyzeOptions options) {
  checkOptions(options);
  Api& api = context.api;
  std::vector<Value> objects = options.files.empty() ? co_await templatesOf(api) : readManifests(options.files);
  if (options.files.empty() && options.name.empty())
    throw Failure{{ErrorKind::kInvalid, "name the analysis, or give -f FILE", ""}};
  play::AnalysisSpec spec =
      orFail(play::analysisOf(std::move(objects), options.name, argumentsOf(options), play::Secrets::kStandIn));
  limitTo(options.count, spec.run.metrics);
  const Value made = orFail(co_await api.create(kAnalysisRuns, api.ns(), runObject(spec)));
  const std::string name = made["metadata"]["name"].asString();
  std::exception_ptr failure;
  Value run;
  try {
    run = co_await runToItsEnd(api, name);
  } catch (...) {
    failure = std::current_exception();
  }
  // The time to live does it if this does not.
  static_cast<void>(co_await api.remove(kAnalysisRuns, api.ns(), name, Value()));
  if (failure) std::rethrow_exception(failure);
  AnalysisReport report;
  report.name = spec.name;
  report.outcome = outcomeOf(run, spec.run.metrics);
  report.assumptions.push_back(countedText(options.count));
  show(options, report);
  co_return exitCodeOf(report.outcome);
}

}  // namespace towpath::cli
