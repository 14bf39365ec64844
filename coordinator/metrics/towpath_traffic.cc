// towpath/traffic: what the nodes' proxies counted for a version, with no metric system in sight.
//
//   provider:
//     plugin:
//       towpath/traffic:
//         metric: error-ratio        # or request-rate (per second), requests, latency (milliseconds)
//         quantile: 0.99             # of latency
//         service: shop-canary       # or route: shop
//         version: "{{args.hash}}"   # a pod template hash; absent: all versions
//         window: 30s                # the latest requests that count
//         minRequests: 20            # fewer are no data (error-ratio and latency)
//
// No data is an empty list, so that a condition must say what that means: "len(result) == 0" is an answer, a comparison
// is an error, and neither is ever taken for good. Otherwise the result is a number.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "engine/analysis/assess.h"
#include "metrics/own_settings.h"
#include "metrics/providers.h"

namespace towpath::metrics {
namespace {

constexpr Duration kDefaultWindow = 30s;

enum class Kind { kErrorRatio, kRequestRate, kRequests, kLatency };

struct Settings {
  Kind kind = Kind::kErrorRatio;
  std::string service, route, version;
  Duration window = kDefaultWindow;
  std::uint64_t min_requests = 1;
  double quantile = 0.99;
};

std::optional<Kind> parseKind(std::string_view text) {
  if (text == "error-ratio") return Kind::kErrorRatio;
  if (text == "request-rate") return Kind::kRequestRate;
  if (text == "requests") return Kind::kRequests;
  if (text == "latency") return Kind::kLatency;
  return std::nullopt;
}

// minRequests may be written as a text, since arguments are.
std::int64_t wholeNumber(const Value& value, std::int64_t otherwise) {
  if (const std::string* text = value.ifString()) return text->empty() ? otherwise : std::atoll(text->c_str());
  return value.asInt(otherwise);
}

Result<Settings> readSettings(const Value& config) {
  const Result<void> known =
      refuseUnknown(config, {"metric", "minRequests", "quantile", "route", "service", "version", "window"});
  if (!known) return std::unexpected(known.error());
  Settings settings;
  const std::string metric = config["metric"].asString("error-ratio");
  const std::optional<Kind> kind = parseKind(metric);
  if (!kind) {
    return fail(ErrorKind::kInvalid, "\"" + metric + "\" is none of error-ratio, request-rate, requests and latency",
                "metric");
  }
  settings.kind = *kind;
  settings.service = config["service"].asString();
  settings.route = config["route"].asString();
  settings.version = config["version"].asString();
  if (settings.service.empty() && settings.route.empty()) {
    return fail(ErrorKind::kInvalid, "name the service or the route whose traffic is meant", "service");
  }
  if (!config["window"].isNull()) {
    const Result<Duration> window = parseGoDuration(config["window"].asStringView());
    if (!window || *window <= Duration::zero()) {
      return fail(ErrorKind::kInvalid, "a duration such as \"30s\" is wanted", "window");
    }
    settings.window = *window;
  }
  if (!config["quantile"].isNull()) {
    const std::string* text = config["quantile"].ifString();
    settings.quantile = text ? std::strtod(text->c_str(), nullptr) : config["quantile"].asDouble();
    if (!(settings.quantile > 0 && settings.quantile < 1))
      return fail(ErrorKind::kInvalid, "a number between 0 and 1 is wanted, such as 0.99", "quantile");
  }
  settings.min_requests = static_cast<std::uint64_t>(std::max<std::int64_t>(wholeNumber(config["minRequests"], 1), 1));
  return settings;
}

// nullopt: no data.
std::optional<Value> resultOf(const Settings& settings, const TrafficSums& sums) {
  if (sums.samples == 0) return std::nullopt;
  switch (settings.kind) {
    case Kind::kErrorRatio:
      if (sums.requests < settings.min_requests || sums.requests == 0) return std::nullopt;
      return Value(static_cast<double>(sums.errors()) / static_cast<double>(sums.requests));
    case Kind::kRequestRate:
      return Value(static_cast<double>(sums.requests) / std::chrono::duration<double>(settings.window).count());
    case Kind::kRequests:
      return Value(static_cast<double>(sums.requests));
    case Kind::kLatency:
      if (sums.latency.count() < settings.min_requests || sums.latency.empty()) return std::nullopt;
      return Value(sums.latency.quantile(settings.quantile) / 1000);
  }
  return std::nullopt;
}

class TowpathTraffic final : public Provider {
 public:
  explicit TowpathTraffic(const ProviderContext& context) : loop_(*context.loop), traffic_(*context.traffic) {}

  loop::Task<model::Measurement> start(MetricRequest request) override {
    const WallTime now = loop_.steadyNow();
    // Samples are dated by the wall clocks of the nodes that made them.
    const WallTime wall = loop_.wallNow();
    const Result<Settings> settings = readSettings(request.provider["plugin"]["towpath/traffic"]);
    if (!settings) co_return analysis::failedMeasurement(describe(settings.error()), now, now);
    const TrafficSums sums = traffic_.sums({.ns = request.ns,
                                            .service = settings->service,
                                            .route = settings->route,
                                            .pod_template_hash = settings->version,
                                            .from = wall - settings->window,
                                            .to = wall});
    const Value result = resultOf(*settings, sums).value_or(Value());
    const bool judged = !request.metric.success_condition.empty() || !request.metric.failure_condition.empty();
    if (result.isNull() && !judged)
      co_return analysis::failedMeasurement("no data: nobody reported such traffic", now, now);
    model::Measurement measurement = analysis::finishedMeasurement(analysis::assessResult(result, request.metric, wall),
                                                                   analysis::valueText(result), now, now);
    measurement.metadata["requests"] = std::to_string(sums.requests);
    measurement.metadata["errors"] = std::to_string(sums.errors());
    co_return measurement;
  }

 private:
  loop::Loop& loop_;
  const TrafficSource& traffic_;
};

}  // namespace

Result<void> checkTrafficSettings(const Value& config) {
  const Result<Settings> settings = readSettings(config);
  if (!settings) return std::unexpected(settings.error());
  return {};
}

std::unique_ptr<Provider> makeTowpathTraffic(const ProviderContext& context) {
  if (!context.traffic) return nullptr;
  return std::make_unique<TowpathTraffic>(context);
}

}  // namespace towpath::metrics
