#include "traffic_page.h"

#include <doctest/doctest.h>

namespace towpath::coordinator {
namespace {

store::SampleSeries shop() {
  store::SampleSeries series{.ns = "default",
                             .service = "shop-canary",
                             .pod_template_hash = "6d4f",
                             .route = "shop",
                             .totals = {},
                             .recent = {}};
  series.totals.requests = 1000;
  series.totals.status_2xx = 990;
  series.totals.status_5xx = 7;
  series.totals.connection_errors = 3;
  series.totals.latency[0] = 600;
  series.totals.latency[4] = 390;
  series.recent.requests = 100;
  series.recent.status_5xx = 5;
  series.recent.latency_sketch.add(2'000, 90);
  series.recent.latency_sketch.add(100'000, 10);
  return series;
}

bool has(const std::string& page, std::string_view line) { return page.find(line) != std::string::npos; }

}  // namespace

TEST_CASE("traffic as Prometheus reads it: counters by class, a cumulative histogram, quantiles of the last minute") {
  const std::string page = trafficMetrics({shop()});
  const std::string labels = R"(namespace="default",service="shop-canary",version="6d4f",route="shop")";
  CHECK(has(page, "# TYPE towpath_traffic_requests_total counter\n"));
  CHECK(has(page, "towpath_traffic_requests_total{" + labels + ",class=\"2xx\"} 990\n"));
  CHECK(has(page, "towpath_traffic_requests_total{" + labels + ",class=\"none\"} 3\n"));
  CHECK(has(page, "towpath_traffic_latency_seconds_bucket{" + labels + ",le=\"0.001\"} 600\n"));
  CHECK(has(page, "towpath_traffic_latency_seconds_bucket{" + labels + ",le=\"0.02\"} 990\n"));
  CHECK(has(page, "towpath_traffic_latency_seconds_bucket{" + labels + ",le=\"+Inf\"} 990\n"));
  CHECK(has(page, "towpath_traffic_latency_seconds_count{" + labels + "} 990\n"));
  const std::string quantile = "towpath_traffic_latency_recent_seconds{" + labels + ",quantile=\"0.99\"} ";
  const std::size_t at = page.find(quantile);
  REQUIRE(at != std::string::npos);
  CHECK(std::stod(page.substr(at + quantile.size())) == doctest::Approx(0.1).epsilon(0.01));
  CHECK(has(page, "towpath_traffic_series_left_out 0\n"));
}

TEST_CASE("names that would break a line are escaped, and a page has a bound") {
  store::SampleSeries odd = shop();
  odd.route = "a\"b\\c\nd";
  CHECK(has(trafficMetrics({odd}), R"(route="a\"b\\c\nd")"));
  const std::string page = trafficMetrics(std::vector<store::SampleSeries>(kTrafficSeriesMax + 3, shop()));
  CHECK(has(page, "towpath_traffic_series_left_out 3\n"));
}

TEST_CASE("traffic as JSON: the last minute of the namespace that was asked for") {
  const Value all = trafficItems({shop()}, "");
  const Value& item = all["items"][0];
  CHECK(item["requests"].asInt() == 100);
  CHECK(item["errors"].asInt() == 5);
  CHECK(item["latencyMs"]["p50"].asDouble() == doctest::Approx(2).epsilon(0.01));
  CHECK(item["latencyMs"]["p99"].asDouble() == doctest::Approx(100).epsilon(0.01));
  CHECK(trafficItems({shop()}, "default")["items"].asArray().size() == 1);
  CHECK(trafficItems({shop()}, "elsewhere")["items"].asArray().empty());
}

}  // namespace towpath::coordinator
