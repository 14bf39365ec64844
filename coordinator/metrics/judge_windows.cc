#include "metrics/judge_windows.h"

#include <fmt/format.h>

#include <cmath>

#include "judge/latency.h"

namespace towpath::metrics {
namespace {

TrafficSums sumsOf(const TrafficSource& traffic, const std::string& ns, const JudgeSettings& settings,
                   const std::string& hash, WallTime from) {
  return traffic.sums({.ns = ns,
                       .service = settings.service,
                       .route = settings.route,
                       .pod_template_hash = hash,
                       .from = from,
                       .to = from + settings.window});
}

judge::Arm errorsOf(const TrafficSums& sums) { return {.requests = sums.requests, .events = sums.errors()}; }

double errorRatio(const TrafficSums& sums) {
  return sums.requests == 0 ? std::nan("") : static_cast<double>(sums.errors()) / static_cast<double>(sums.requests);
}

double latencyMs(const TrafficSums& sums, double quantile) {
  return sums.latency.empty() ? std::nan("") : sums.latency.quantile(quantile) / 1000;
}

}  // namespace

BothVersions trafficOf(const TrafficSource& traffic, const std::string& ns, const JudgeSettings& settings,
                       WallTime from) {
  return {.canary = sumsOf(traffic, ns, settings, settings.canary, from),
          .stable = sumsOf(traffic, ns, settings, settings.stable, from)};
}

judge::Window judgeWindow(const JudgeSettings& settings, const BothVersions& traffic, Duration start) {
  judge::Window window{.start = start,
                       .canary_requests = traffic.canary.requests,
                       .stable_requests = traffic.stable.requests,
                       .metrics = {}};
  if (settings.errors) {
    judge::Observation& errors = window.metrics.emplace_back();
    errors.arms = {.canary = errorsOf(traffic.canary), .stable = errorsOf(traffic.stable)};
    for (const TrafficSums::Instance& instance : traffic.canary.instances) {
      errors.instances.push_back({instance.name, {.requests = instance.requests, .events = instance.errors}});
    }
  }
  std::vector<judge::InstanceLatency> instances;
  for (const TrafficSums::Instance& instance : traffic.canary.instances) {
    if (!instance.latency.empty()) instances.push_back({instance.name, &instance.latency});
  }
  const std::size_t first = window.metrics.size();
  for (std::size_t i = 0; i < settings.quantiles.size(); ++i) {
    window.metrics.push_back(
        judge::latencyObservation(traffic.canary.latency, traffic.stable.latency, settings.quantiles[i],
                                  settings.sequential.metrics[first + i].smallest_ratio, instances));
  }
  return window;
}

void appendTo(std::vector<judge::SeriesMetric>& series, const JudgeSettings& settings, const BothVersions& traffic) {
  if (series.empty()) {
    for (const judge::MetricOptions& metric : settings.sequential.metrics) {
      series.push_back({.name = metric.name,
                        .direction = judge::SeriesDirection::kIncrease,
                        .allowed_increase = metric.smallest_ratio});
    }
  }
  std::size_t at = 0;
  if (settings.errors) {
    series[at].experiment.push_back(errorRatio(traffic.canary));
    series[at++].control.push_back(errorRatio(traffic.stable));
  }
  for (const double quantile : settings.quantiles) {
    series[at].experiment.push_back(latencyMs(traffic.canary, quantile));
    series[at++].control.push_back(latencyMs(traffic.stable, quantile));
  }
}

}  // namespace towpath::metrics
