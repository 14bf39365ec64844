#include "traffic_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "json/serialize.h"

namespace towpath::coordinator {
namespace {

constexpr double kQuantiles[] = {0.5, 0.9, 0.95, 0.99};

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\' || c == '"') result += '\\';
    result += c;
    if (c == '\n') result.replace(result.size() - 1, 1, "\\n");
  }
  return result;
}

std::string labelsOf(const store::SampleSeries& series) {
  return fmt::format(R"(namespace="{}",service="{}",version="{}",route="{}")", escaped(series.ns),
                     escaped(series.service), escaped(series.pod_template_hash), escaped(series.route));
}

void addRequests(std::string& text, const store::SampleSeries& series, const std::string& labels) {
  const store::SampleSums& t = series.totals;
  const std::pair<const char*, std::uint64_t> classes[] = {{"2xx", t.status_2xx},
                                                           {"3xx", t.status_3xx},
                                                           {"4xx", t.status_4xx},
                                                           {"5xx", t.status_5xx},
                                                           {"none", t.connection_errors}};
  for (const auto& [name, count] : classes)
    text += fmt::format("towpath_traffic_requests_total{{{},class=\"{}\"}} {}\n", labels, name, count);
}

void addLatency(std::string& text, const store::SampleSeries& series, const std::string& labels) {
  std::uint64_t up_to = 0;
  for (std::size_t i = 0; i < std::size(wire::kLatencyBoundsMs); ++i) {
    up_to += series.totals.latency[i];
    text += fmt::format("towpath_traffic_latency_seconds_bucket{{{},le=\"{:g}\"}} {}\n", labels,
                        wire::kLatencyBoundsMs[i] / 1000.0, up_to);
  }
  up_to += series.totals.latency.back();
  text += fmt::format("towpath_traffic_latency_seconds_bucket{{{},le=\"+Inf\"}} {}\n", labels, up_to);
  text += fmt::format("towpath_traffic_latency_seconds_count{{{}}} {}\n", labels, up_to);
}

void addRecent(std::string& text, const store::SampleSeries& series, const std::string& labels) {
  if (series.recent.latency_sketch.empty()) return;
  for (const double quantile : kQuantiles) {
    text += fmt::format("towpath_traffic_latency_recent_seconds{{{},quantile=\"{:g}\"}} {:.6g}\n", labels, quantile,
                        series.recent.latency_sketch.quantile(quantile) / 1e6);
  }
}

std::int64_t whole(std::uint64_t count) { return static_cast<std::int64_t>(count); }

}  // namespace

std::string trafficMetrics(const std::vector<store::SampleSeries>& series) {
  using Add = void (*)(std::string&, const store::SampleSeries&, const std::string&);
  const std::tuple<const char*, const char*, const char*, Add> families[] = {
      {"requests_total", "counter", "Requests that the nodes' proxies counted, by class of answer.", addRequests},
      {"latency_seconds", "histogram", "Time to the first byte of answers below 500.", addLatency},
      {"latency_recent_seconds", "gauge", "Quantiles of the last minute, to 1 %.", addRecent}};
  std::string text;
  const std::size_t shown = std::min(series.size(), kTrafficSeriesMax);
  for (const auto& [name, type, help, add] : families) {
    text += fmt::format("# HELP towpath_traffic_{0} {1}\n# TYPE towpath_traffic_{0} {2}\n", name, help, type);
    for (std::size_t i = 0; i < shown; ++i) add(text, series[i], labelsOf(series[i]));
  }
  text += fmt::format(
      "# HELP towpath_traffic_series_left_out Series beyond the most that are shown.\n"
      "# TYPE towpath_traffic_series_left_out gauge\ntowpath_traffic_series_left_out {}\n",
      series.size() - shown);
  return text;
}

Value trafficItems(const std::vector<store::SampleSeries>& series, std::string_view ns) {
  Array items;
  for (const store::SampleSeries& one : series) {
    if ((!ns.empty() && one.ns != ns) || items.size() >= kTrafficSeriesMax) continue;
    const store::SampleSums& recent = one.recent;
    Object item{{"namespace", one.ns},
                {"service", one.service},
                {"version", one.pod_template_hash},
                {"route", one.route},
                {"requests", whole(recent.requests)},
                {"errors", whole(std::min(recent.status_5xx + recent.connection_errors, recent.requests))},
                {"status2xx", whole(recent.status_2xx)},
                {"status3xx", whole(recent.status_3xx)},
                {"status4xx", whole(recent.status_4xx)},
                {"status5xx", whole(recent.status_5xx)},
                {"noAnswer", whole(recent.connection_errors)}};
    Object latency;
    for (const double quantile : kQuantiles) {
      if (recent.latency_sketch.empty()) break;
      latency.set(fmt::format("p{:g}", quantile * 100), recent.latency_sketch.quantile(quantile) / 1000);
    }
    item.set("latencyMs", std::move(latency));
    items.push_back(std::move(item));
  }
  return Object{{"seconds", 60}, {"items", std::move(items)}};
}

loop::Task<void> serveTraffic(const apiserver::Authenticator& users, const store::SampleStore& samples,
                              http::Request& request, http::ResponseWriter& response) {
  const tls::Identity* certificate = request.peer.certificate ? &*request.peer.certificate : nullptr;
  if (!users.authenticate(request.headers.get("Authorization"), certificate)) {
    co_await response.send(401, {}, "a token or a client certificate is needed\n");
    co_return;
  }
  if (request.method != "GET") {
    co_await response.send(405, {{"Allow", "GET"}}, "only GET\n");
    co_return;
  }
  const std::string* ns = request.queryValue("namespace");
  co_await response.send(200, {{"Content-Type", "application/json"}},
                         json::serialize(trafficItems(samples.series(), ns ? *ns : "")) + "\n");
}

}  // namespace towpath::coordinator
