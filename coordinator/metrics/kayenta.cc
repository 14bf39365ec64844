// The kayenta provider: a canary analysis of Spinnaker's Kayenta (metric-providers reference, 4; its REST API:
// /canaryConfig and /canary).
//
//   provider:
//     kayenta:
//       address: http://kayenta.example:8090
//       application: shop
//       canaryConfigName: shop-slo
//       metricsAccountName: prometheus
//       configurationAccountName: configs
//       storageAccountName: storage
//       threshold: {pass: 90, marginal: 75}
//       scopes:
//       - name: default
//         controlScope: {scope: "app=shop,hash={{args.stable}}", region: local, step: 60}
//         experimentScope: {scope: "app=shop,hash={{args.latest}}", region: local, step: 60}
//
// The score decides: from `pass` on Successful, from `marginal` on Inconclusive, else Failed. Conditions are not asked.

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "engine/analysis/assess.h"
#include "metrics/exchange.h"
#include "metrics/providers.h"

namespace towpath::metrics {
namespace {

constexpr Duration kTimeout = 15s;
constexpr Duration kLookAgain = 15s;
constexpr const char* kExecution = "canaryExecutionId";

std::unexpected<Error> refused(const http::Response& response) {
  return fail(ErrorKind::kUnavailable, fmt::format("Invalid Response: HTTP {}", response.status));
}

// start and end are both given, or both made.
Result<void> fillTimes(Value& control, Value& experiment, const char* member, const std::string& otherwise) {
  const bool in_control = !std::as_const(control)[member].asStringView().empty();
  const bool in_experiment = !std::as_const(experiment)[member].asStringView().empty();
  if (in_control != in_experiment) {
    return fail(ErrorKind::kInvalid,
                fmt::format("controlScope.{0} and experimentScope.{0} must both be set or be empty", member));
  }
  if (in_control) return {};
  control[member] = otherwise;
  experiment[member] = otherwise;
  return {};
}

// Kayenta calls a region a location.
Result<Value> scopeOf(const Value& scope) {
  const Result<std::int64_t> step = wholeNumberAt(scope, "step", 0);
  if (!step) return std::unexpected(step.error());
  return Value(Object{{"scope", scope["scope"].asString()},
                      {"location", scope["region"].asString()},
                      {"step", *step},
                      {"start", scope["start"].asString()},
                      {"end", scope["end"].asString()}});
}

// The first moment that is compared: the beginning of the run, or one interval ago.
WallTime beginOf(const MetricRequest& request, WallTime now) {
  if (request.provider["kayenta"]["lookback"].asBool() && request.run) {
    const Value run = request.run->parse();
    return parseRfc3339(run["status"]["startedAt"].asStringView()).value_or(now);
  }
  const Result<Duration> interval = parseGoDuration(request.metric.interval);
  return now - (interval && *interval < Duration(24h * 36500) ? *interval : Duration::zero());
}

Result<Value> bodyOf(const MetricRequest& request, WallTime now) {
  const Value& settings = request.provider["kayenta"];
  const std::string start = formatRfc3339(beginOf(request, now));
  const std::string end = formatRfc3339(now);
  Value scopes = Object();
  for (const Value& scope : settings["scopes"].asArray()) {
    Value control = scope["controlScope"], experiment = scope["experimentScope"];
    for (const auto& [member, otherwise] : {std::pair("start", start), std::pair("end", end)}) {
      if (Result<void> done = fillTimes(control, experiment, member, otherwise); !done) {
        return std::unexpected(done.error());
      }
    }
    const Result<Value> one = scopeOf(control);
    if (!one) return one;
    const Result<Value> other = scopeOf(experiment);
    if (!other) return other;
    scopes[scope["name"].asStringView()] = Object{{"controlScope", *one}, {"experimentScope", *other}};
  }
  const Value& threshold = settings["threshold"];
  return Value(Object{{"scopes", std::move(scopes)},
                      {"thresholds", Object{{"pass", threshold["pass"]}, {"marginal", threshold["marginal"]}}}});
}

class Kayenta final : public Provider {
 public:
  explicit Kayenta(const ProviderContext& context) : context_(context), loop_(*context.loop) {}

  loop::Task<model::Measurement> start(MetricRequest request) override {
    const WallTime started = loop_.steadyNow();
    const Result<std::string> execution = co_await begin(request);
    if (!execution) co_return analysis::failedMeasurement(describe(execution.error()), started, loop_.steadyNow());
    model::Measurement measurement;
    measurement.phase = model::AnalysisPhase::kRunning;
    measurement.started_at = std::chrono::floor<std::chrono::seconds>(started);
    measurement.metadata = {{kExecution, *execution}};
    co_return later(std::move(measurement));
  }

  loop::Task<model::Measurement> resume(MetricRequest request, model::Measurement measurement) override {
    const Value& settings = request.provider["kayenta"];
    const std::string path = "/canary/" + http::percentEncode(measurement.metadata[kExecution]);
    const Result<Value> answer = co_await get(settings, path);
    if (!answer) co_return ended(std::move(measurement), model::AnalysisPhase::kError, describe(answer.error()));
    const bool* complete = (*answer)["complete"].ifBool();
    if (!complete) co_return ended(std::move(measurement), model::AnalysisPhase::kError, "Missing Complete Status");
    if (!*complete) co_return later(std::move(measurement));
    const Value& score = answer->at({"result", "judgeResult", "score", "score"});
    if (!score.isNumber()) co_return ended(std::move(measurement), model::AnalysisPhase::kError, "Missing Score");
    const double whole = std::trunc(score.asDouble());
    measurement.value = analysis::valueText(whole);
    co_return ended(std::move(measurement), phaseOf(whole, settings["threshold"]), "");
  }

 private:
  static model::AnalysisPhase phaseOf(double score, const Value& threshold) {
    if (score >= threshold["pass"].asDouble()) return model::AnalysisPhase::kSuccessful;
    if (score >= threshold["marginal"].asDouble()) return model::AnalysisPhase::kInconclusive;
    return model::AnalysisPhase::kFailed;
  }

  // The identifier of the analysis that Kayenta has begun.
  loop::Task<Result<std::string>> begin(const MetricRequest& request) {
    const Value& settings = request.provider["kayenta"];
    if (!isUrl(settings["address"].asStringView())) {
      co_return fail(ErrorKind::kInvalid, "a URL such as http://kayenta.example:8090 is wanted", "address");
    }
    const Result<std::string> config = co_await configId(settings);
    if (!config) co_return std::unexpected(config.error());
    const Result<Value> body = bodyOf(request, loop_.wallNow());
    if (!body) co_return std::unexpected(body.error());
    const std::string form = encodeForm({{"application", settings["application"].asString()},
                                         {"metricsAccountName", settings["metricsAccountName"].asString()},
                                         {"configurationAccountName", settings["configurationAccountName"].asString()},
                                         {"storageAccountName", settings["storageAccountName"].asString()}});
    const std::string path = fmt::format("/canary/{}?{}", http::percentEncode(*config), form);
    const auto response =
        co_await context_.fetch(jsonRequest(joinUrl(settings["address"].asStringView(), path), *body, kTimeout));
    if (!response) co_return std::unexpected(response.error());
    if (response->status != 200) co_return refused(*response);
    const Result<Value> answer = jsonOf(response->body);
    if (!answer) co_return std::unexpected(answer.error());
    std::string execution = (*answer)[kExecution].asString();
    if (execution.empty()) co_return fail(ErrorKind::kInvalid, "Invalid canaryExecutionId");
    co_return execution;
  }

  // The storage account is sent as the configuration account, as the peer does.
  loop::Task<Result<std::string>> configId(const Value& settings) {
    const std::string form = encodeForm({{"application", settings["application"].asString()},
                                         {"configurationAccountName", settings["storageAccountName"].asString()}});
    const Result<Value> configs = co_await get(settings, "/canaryConfig?" + form);
    if (!configs) co_return std::unexpected(configs.error());
    for (const Value& config : configs->asArray()) {
      if (config["name"] == settings["canaryConfigName"]) co_return config["id"].asString();
    }
    co_return fail(ErrorKind::kNotFound, "Canary config not found");
  }

  loop::Task<Result<Value>> get(const Value& settings, std::string path) {
    const auto response =
        co_await context_.fetch(requestTo("GET", joinUrl(settings["address"].asStringView(), path), kTimeout));
    if (!response) co_return std::unexpected(response.error());
    if (response->status != 200) co_return refused(*response);
    co_return jsonOf(response->body);
  }

  model::Measurement later(model::Measurement measurement) const {
    measurement.resume_at = std::chrono::floor<std::chrono::seconds>(loop_.steadyNow() + kLookAgain);
    return measurement;
  }
  model::Measurement ended(model::Measurement measurement, model::AnalysisPhase phase, std::string message) const {
    measurement.phase = phase;
    measurement.message = std::move(message);
    measurement.finished_at = std::chrono::floor<std::chrono::seconds>(loop_.steadyNow());
    return measurement;
  }

  const ProviderContext& context_;
  loop::Loop& loop_;
};

}  // namespace

std::unique_ptr<Provider> makeKayenta(const ProviderContext& context) {
  if (!context.fetch) return nullptr;
  return std::make_unique<Kayenta>(context);
}

}  // namespace towpath::metrics
