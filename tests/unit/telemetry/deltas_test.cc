#include "telemetry/deltas.h"

#include <doctest/doctest.h>

namespace towpath::telemetry {
namespace {

proxy::TrafficCount count(const std::string& hash, int status, std::uint64_t number) {
  const proxy::RouteRef ref{"HTTPRoute", "shop", "web", 0};
  return {.rule = proxy::makeRuleId(ref),
          .ref = ref,
          .version = {{"shop", "web", "http"}, hash},
          .status = status,
          .count = number};
}
proxy::TrafficCount latency(const std::string& hash, std::uint64_t microseconds, std::uint64_t number) {
  proxy::TrafficCount made = count(hash, 0, number);
  made.latency_us = microseconds;
  return made;
}

const Window kWindow{WallTime(Duration(100s)), 5s};

TEST_CASE("a window has what was counted since the last, by class and latency") {
  Deltas deltas;
  CHECK(deltas.take({{"w1", {count("a", 200, 7)}}}, kWindow).empty());  // since when, nobody knows
  const auto samples =
      deltas.take({{"w1",
                    {count("a", 200, 11), count("a", 503, 2), count("a", 0, 4), count("a", 301, 1), count("b", 404, 5),
                     latency("a", 800, 3), latency("a", 1500, 1), latency("a", 4000, 1), latency("a", 20'000'000, 2)}}},
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
  const auto sketch = sketch::Sketch::decode(a.latency_sketch);
  REQUIRE(sketch.has_value());
  CHECK(sketch->count() == 7);
  CHECK(sketch->quantile(0) == doctest::Approx(800).epsilon(0.01));
  CHECK(sketch->quantile(1) == doctest::Approx(20'000'000).epsilon(0.01));
  CHECK(samples[1].status_4xx == 5);
}

TEST_CASE("a reload's two workers are both counted, and a number that steps back is counted once") {
  Deltas deltas;
  deltas.take({{"w1", {}}}, kWindow);
  auto samples = deltas.take({{"w2", {count("a", 200, 3)}}, {"w1", {count("a", 200, 10)}}}, kWindow);
  CHECK(samples.at(0).requests == 13);
  CHECK(deltas.take({{"w2", {count("a", 200, 2)}}}, kWindow).empty());
  samples = deltas.take({{"w2", {count("a", 200, 4)}}, {"w1", {count("a", 200, 12)}}}, kWindow);
  CHECK(samples.at(0).requests == 3);
}

TEST_CASE("a snapshot lets another go on exactly there") {
  Deltas first;
  first.take({{"w1", {count("a", 200, 10), count("", 200, 1)}}}, kWindow);
  Deltas second;
  REQUIRE(second.restore(first.snapshot()));
  CHECK(second.snapshot() == first.snapshot());
  CHECK(second.take({{"w1", {count("a", 200, 15)}}}, kWindow).at(0).requests == 5);
  CHECK_FALSE(second.restore("towpath-counters 2\nnonsense\n"));
  CHECK_FALSE(second.restore("something else\n"));
}

TEST_CASE("merging keeps every count and widens the window") {
  Deltas deltas;
  deltas.take({}, kWindow);
  auto samples = deltas.take({{"w", {count("a", 200, 1), count("b", 200, 5)}}}, kWindow);
  auto later = deltas.take({{"w", {count("a", 500, 2), latency("a", 9000, 2)}}}, {WallTime(Duration(110s)), 5s});
  samples.insert(samples.end(), later.begin(), later.end());
  const auto merged = merge(samples);
  REQUIRE(merged.size() == 2);
  CHECK(merged[0].requests == 3);
  CHECK(merged[0].window_ms == 15000);
  CHECK(merged[0].latency_buckets[3] == 2);
  CHECK(sketch::Sketch::decode(merged[0].latency_sketch)->count() == 2);
  CHECK(merged[1].window_ms == 5000);
}

TEST_CASE("how fast each instance answers: of one alone it is said once, and merging tells them apart") {
  const auto by = [](proxy::TrafficCount made, const std::string& instance) {
    made.server = made.instance = instance;
    return made;
  };
  Deltas deltas;
  deltas.take({}, kWindow);
  auto samples = deltas.take({{"w", {by(count("a", 200, 2), "one"), by(latency("a", 100, 2), "one")}}}, kWindow);
  REQUIRE(samples.size() == 1);
  CHECK(samples[0].instances[0].latency_sketch.empty());
  CHECK(wire::latencyOf(samples[0], samples[0].instances[0]) == samples[0].latency_sketch);
  const auto later = deltas.take({{"w",
                                   {by(count("a", 200, 5), "one"), by(count("a", 200, 1), "two"),
                                    by(latency("a", 100, 4), "one"), by(latency("a", 9000, 1), "two")}}},
                                 kWindow);
  samples.push_back(later.at(0));
  const auto merged = merge(samples);
  REQUIRE(merged.size() == 1);
  std::map<std::string, sketch::Sketch> latencies;
  for (const wire::InstanceTraffic& instance : merged[0].instances) {
    latencies[instance.instance] = *sketch::Sketch::decode(wire::latencyOf(merged[0], instance));
  }
  CHECK(latencies["one"].count() == 4);
  CHECK(latencies["two"].count() == 1);
  CHECK(latencies["two"].quantile(0.5) == doctest::Approx(9000).epsilon(0.01));
}

}  // namespace
}  // namespace towpath::telemetry
