#include "metrics/judge_settings.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "metrics/own_settings.h"

namespace towpath::metrics {
namespace {

constexpr std::size_t kQuantilesMax = 5;
constexpr std::uint64_t kWindowsMax = 20'000;

// Reads one setting after the other; the first that is wrong is kept.
class Reader {
 public:
  explicit Reader(const Value& config, std::string prefix = {}) : config_(config), prefix_(std::move(prefix)) {}

  std::string text(const char* key) const { return config_[key].asString(); }

  double number(const char* key, double otherwise, double least, double most) {
    const Value& value = config_[key];
    if (value.isNull()) return otherwise;
    double read = value.asDouble(std::nan(""));
    if (const std::string* written = value.ifString()) {
      const char* end = written->data() + written->size();
      if (std::from_chars(written->data(), end, read).ptr != end || written->empty()) read = std::nan("");
    }
    if (read >= least && read <= most) return read;
    fail(key, fmt::format("a number from {:g} to {:g} is wanted", least, most));
    return otherwise;
  }

  void refuseUnknown(std::initializer_list<std::string_view> known) {
    const Result<void> checked = metrics::refuseUnknown(config_, known);
    if (!checked) fail(checked.error().field.c_str(), checked.error().message);
  }

  Duration duration(const char* key, Duration otherwise, Duration least) {
    const Value& value = config_[key];
    if (value.isNull()) return otherwise;
    const Result<Duration> read = parseGoDuration(value.asStringView());
    if (read && *read >= least) return *read;
    fail(key, fmt::format("a duration of at least {} is wanted, such as \"{}\"", formatGoDuration(least),
                          formatGoDuration(otherwise)));
    return otherwise;
  }

  void fail(const char* key, std::string message) {
    if (!error_) error_ = Error{ErrorKind::kInvalid, std::move(message), prefix_ + key};
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  const Value& config_;
  std::string prefix_;
  std::optional<Error> error_;
};

void readChoices(Reader& reader, JudgeSettings& settings) {
  const std::string method = reader.text("method");
  if (method == "classical") settings.method = JudgeMethod::kClassical;
  if (!method.empty() && method != "classical" && method != "sequential")
    reader.fail("method", "\"" + method + "\" is neither sequential nor classical");
  const std::string policy = reader.text("onNoEvidence");
  if (policy == "pass") settings.no_evidence = NoEvidence::kPass;
  if (policy == "fail") settings.no_evidence = NoEvidence::kFail;
  if (!policy.empty() && policy != "pass" && policy != "fail" && policy != "inconclusive")
    reader.fail("onNoEvidence", "\"" + policy + "\" is none of fail, pass and inconclusive");
}

std::optional<Error> readErrors(const Value& config, JudgeSettings& settings) {
  if (const Value& enabled = config["enabled"]; !enabled.isNull()) settings.errors = enabled.asBool(true);
  Reader reader(config, "errors.");
  reader.refuseUnknown({"enabled", "smallestPoints", "smallestRatio"});
  judge::MetricOptions metric{.name = "errors"};
  metric.smallest_ratio = reader.number("smallestRatio", metric.smallest_ratio, 1.01, 1000);
  metric.smallest_difference = reader.number("smallestPoints", metric.smallest_difference * 100, 0.001, 99) / 100;
  if (settings.errors) settings.sequential.metrics.push_back(std::move(metric));
  return reader.error();
}

std::optional<Error> readLatency(const Value& config, JudgeSettings& settings) {
  if (config.isNull()) return std::nullopt;
  Reader reader(config, "latency.");
  reader.refuseUnknown({"quantiles", "smallestRatio"});
  const double smallest = reader.number("smallestRatio", 1.1, 1.01, 1000);
  if (config["quantiles"].isNull()) settings.quantiles = {0.5, 0.95};
  for (const Value& quantile : config["quantiles"].asArray()) settings.quantiles.push_back(quantile.asDouble(-1));
  if (settings.quantiles.empty() || settings.quantiles.size() > kQuantilesMax)
    reader.fail("quantiles", "one to five numbers between 0 and 1 are wanted");
  for (const double quantile : settings.quantiles) {
    if (!(quantile >= 0.01 && quantile <= 0.999)) reader.fail("quantiles", "numbers from 0.01 to 0.999 are wanted");
    settings.sequential.metrics.push_back({.name = fmt::format("latency p{:g}", quantile * 100),
                                           .kind = judge::MetricKind::kLatency,
                                           .smallest_ratio = smallest});
  }
  return reader.error();
}

}  // namespace

Result<JudgeSettings> readJudgeSettings(const Value& config) {
  JudgeSettings settings;
  Reader reader(config);
  reader.refuseUnknown({"burst",    "canary", "duration", "errors",      "falseAbort", "groupWeights", "latency",
                        "marginal", "method", "metrics",  "minRequests", "minWindows", "missed",       "onNoEvidence",
                        "pass",     "route",  "service",  "settle",      "stable",     "warmUp",       "window"});
  settings.service = reader.text("service");
  settings.route = reader.text("route");
  settings.canary = reader.text("canary");
  settings.stable = reader.text("stable");
  const bool of_series = !config["metrics"].isNull();
  for (const auto& [key, hash] : {std::pair{"canary", &settings.canary}, std::pair{"stable", &settings.stable}}) {
    if (hash->empty() && !of_series)
      reader.fail(key, "the pod template hash of this version is wanted: an argument with podTemplateHashValue");
  }
  if (!settings.canary.empty() && settings.canary == settings.stable)
    reader.fail("canary", "canary and stable are the same version: there is nothing to compare");
  readChoices(reader, settings);
  const bool classical = settings.method == JudgeMethod::kClassical;
  settings.window = reader.duration("window", classical ? 60s : 10s, 1s);
  settings.duration = reader.duration("duration", classical ? 30min : 10min, settings.window);
  settings.settle = reader.duration("settle", settings.settle, 0s);
  if (settings.windows() > kWindowsMax) reader.fail("window", "too short for so long a duration");
  judge::SequentialOptions& sequential = settings.sequential;
  sequential.false_abort = reader.number("falseAbort", sequential.false_abort, 1e-6, 0.5);
  sequential.missed = reader.number("missed", sequential.missed, 1e-6, 0.5);
  sequential.burst = reader.number("burst", sequential.burst, 0, 1e6);
  if (sequential.burst > 0) sequential.burst_for_good = sequential.burst;
  sequential.warm_up = reader.duration("warmUp", 0s, 0s);
  sequential.min_requests = static_cast<std::uint64_t>(reader.number("minRequests", 50, 1, 1e9));
  sequential.min_windows = static_cast<int>(reader.number("minWindows", 2, 1, kWindowsMax));
  settings.classical.pass = reader.number("pass", settings.classical.pass, 0, 100);
  settings.classical.marginal = reader.number("marginal", settings.classical.marginal, 0, 100);
  Reader weights(config["groupWeights"], "groupWeights.");
  for (const auto& [group, weight] : config["groupWeights"].asObject())
    settings.classical.group_weights[group] = weights.number(group.c_str(), 0, 0, 100);
  if (weights.error()) return std::unexpected(*weights.error());
  if (of_series && !classical) reader.fail("metrics", "only `method: classical` compares series of other providers");
  if (reader.error()) return std::unexpected(*reader.error());
  if (of_series) {
    Result<std::vector<SeriesSource>> series = readSeries(config["metrics"]);
    if (!series) return std::unexpected(series.error());
    settings.series = std::move(*series);
    return settings;
  }
  if (const auto error = readErrors(config["errors"], settings)) return std::unexpected(*error);
  if (const auto error = readLatency(config["latency"], settings)) return std::unexpected(*error);
  if (sequential.metrics.empty())
    return fail(ErrorKind::kInvalid, "nothing is compared: enable errors, or name latency", "errors.enabled");
  return settings;
}

}  // namespace towpath::metrics
