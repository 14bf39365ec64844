#include "telemetry/deltas.h"

#include <doctest/doctest.h>

namespace towpath::telemetry {
namespace {

proxy::TrafficCount count(const std::string& hash, int status, int bucket, std::uint64_t number) {
  const proxy::RouteRef ref{"HTTPRoute", "shop", "web", 0};
  return {proxy::makeRuleId(ref), ref, {{"shop", "web", "http"}, hash}, status, bucket, number};
}

const Window kWindow{WallTime(Duration(100s)), 5s};

TEST_CASE("a window has what was counted since the last, by class and latency") {
  Deltas deltas;
  CHECK(deltas.take({{"w1", {count("a", 200, 0, 7)}}}, kWindow).empty());  // since when, nobody knows
  const auto samples = deltas.take({{"w1",
                                     {count("a", 200, 0, 10), count("a", 200, 2, 1), count("a", 503, 13, 2),
                                      count("a", 0, 0, 4), count("a", 301, 1, 1), count("b", 404, 1, 5)}}},
                                   kWindow);
  REQUIRE(samples.size() == 2);
  const wire::TrafficSample& a = samples[0];
  CHECK(a.window_start_unix_ms == 100000);
  CHECK(a.window_ms == 5000);
  CHECK(a.ns == "shop");
  CHECK(a.service == "web");
  CHECK(a.route == "web");
  CHECK(a.requests == 11);
  CHECK(a.status_2xx == 4);
  CHECK(a.status_3xx == 1);
  CHECK(a.status_5xx == 2);
  CHECK(a.connection_errors == 4);
  CHECK(a.latency_buckets == std::vector<std::uint64_t>{3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
  CHECK(samples[1].status_4xx == 5);
}

TEST_CASE("a reload's two workers are both counted, and a number that steps back is counted once") {
  Deltas deltas;
  deltas.take({{"w1", {}}}, kWindow);
  auto samples = deltas.take({{"w2", {count("a", 200, 0, 3)}}, {"w1", {count("a", 200, 0, 10)}}}, kWindow);
  CHECK(samples.at(0).requests == 13);
  CHECK(deltas.take({{"w2", {count("a", 200, 0, 2)}}}, kWindow).empty());
  samples = deltas.take({{"w2", {count("a", 200, 0, 4)}}, {"w1", {count("a", 200, 0, 12)}}}, kWindow);
  CHECK(samples.at(0).requests == 3);
}

TEST_CASE("a snapshot lets another go on exactly there") {
  Deltas first;
  first.take({{"w1", {count("a", 200, 0, 10), count("", 200, 0, 1)}}}, kWindow);
  Deltas second;
  REQUIRE(second.restore(first.snapshot()));
  CHECK(second.snapshot() == first.snapshot());
  CHECK(second.take({{"w1", {count("a", 200, 0, 15)}}}, kWindow).at(0).requests == 5);
  CHECK_FALSE(second.restore("towpath-counters 1\nnonsense\n"));
  CHECK_FALSE(second.restore("something else\n"));
}

TEST_CASE("merging keeps every count and widens the window") {
  Deltas deltas;
  deltas.take({}, kWindow);
  auto samples = deltas.take({{"w", {count("a", 200, 0, 1), count("b", 200, 0, 5)}}}, kWindow);
  auto later = deltas.take({{"w", {count("a", 500, 3, 2)}}}, {WallTime(Duration(110s)), 5s});
  samples.insert(samples.end(), later.begin(), later.end());
  const auto merged = merge(samples);
  REQUIRE(merged.size() == 2);
  CHECK(merged[0].requests == 3);
  CHECK(merged[0].window_ms == 15000);
  CHECK(merged[0].latency_buckets[3] == 2);
  CHECK(merged[1].window_ms == 5000);
}

TEST_CASE("quantiles come from the buckets") {
  wire::TrafficSample sample;
  CHECK(latencyQuantileMs(sample, 0.5) == 0);
  sample.latency_buckets = {0, 50, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  CHECK(latencyQuantileMs(sample, 0.25) == doctest::Approx(1.505));
  CHECK(latencyQuantileMs(sample, 0.9) == doctest::Approx(4.454));
  CHECK(latencyQuantileMs(sample, 1) == 10000);
}

}  // namespace
}  // namespace towpath::telemetry
