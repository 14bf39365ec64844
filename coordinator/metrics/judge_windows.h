#pragma once
// What the nodes' proxies counted, as the windows that the judges compare.

#include "judge/sequential.h"
#include "metrics/judge_settings.h"
#include "metrics/traffic_source.h"

namespace towpath::metrics {

struct BothVersions {
  TrafficSums canary, stable;
};
// Of the window that begins at `from`, by the nodes' clocks.
BothVersions trafficOf(const TrafficSource& traffic, const std::string& ns, const JudgeSettings& settings,
                       WallTime from);

judge::Window judgeWindow(const JudgeSettings& settings, const BothVersions& traffic, Duration start);
// One more value for each series: "errors" first, then the quantiles of latency. NaN: no request.
void appendTo(std::vector<judge::SeriesMetric>& series, const JudgeSettings& settings, const BothVersions& traffic);

}  // namespace towpath::metrics
