#include "judge/sequential.h"

#include <doctest/doctest.h>

#include <cmath>

#include "judge/latency.h"

namespace towpath::judge {
namespace {

SequentialOptions errorsOnly() { return {.metrics = {{.name = "errors"}}}; }

Window errors(int number, Arm canary, Arm stable, std::vector<InstanceArm> instances = {}) {
  return {.start = number * 10s,
          .canary_requests = canary.requests,
          .stable_requests = stable.requests,
          .metrics = {{.arms = {canary, stable}, .instances = std::move(instances)}}};
}

// Windows until a verdict; -1: none in a hundred.
int windowsUntil(SequentialJudge& judge, Verdict verdict, const auto& window) {
  for (int i = 0; i < 100; ++i) {
    REQUIRE(judge.observe(window(i)));
    if (judge.verdict() == verdict) return i + 1;
  }
  return -1;
}

}  // namespace

TEST_CASE("a canary that fails one request in twenty is bad within five windows") {
  SequentialJudge judge(errorsOnly());
  const int windows = windowsUntil(judge, Verdict::kBad, [](int i) { return errors(i, {100, 5}, {400, 0}); });
  CHECK(windows >= 2);
  CHECK(windows <= 5);
  const Report report = judge.report();
  CHECK(report.reason.starts_with("errors: 5 % on the canary, 0 % on the stable version"));
  CHECK(report.metrics[0].difference == doctest::Approx(0.05));
}

TEST_CASE("an outage of both versions is no verdict on the canary") {
  SequentialJudge judge(errorsOnly());
  for (int i = 0; i < 30; ++i) REQUIRE(judge.observe(errors(i, {100, 30}, {400, 120})));
  CHECK(judge.verdict() != Verdict::kBad);
}

TEST_CASE("an equal canary is good once an effect worth an abort is ruled out") {
  SequentialJudge judge(errorsOnly());
  CHECK(windowsUntil(judge, Verdict::kGood, [](int i) { return errors(i, {1000, 10}, {4000, 40}); }) > 0);
  SequentialJudge clean(errorsOnly());
  // No error at all: no ratio can be told, but half a point is ruled out.
  CHECK(windowsUntil(clean, Verdict::kGood, [](int i) { return errors(i, {1000, 0}, {4000, 0}); }) > 0);
}

TEST_CASE("an effect below the smallest worth an abort is not bad, however sure it is") {
  SequentialJudge judge(errorsOnly());
  for (int i = 0; i < 100; ++i) REQUIRE(judge.observe(errors(i, {100'000, 1200}, {400'000, 4000})));
  CHECK(judge.report().metrics[0].bad_evidence > judge.report().metrics[0].bad_needed);
  CHECK(judge.verdict() != Verdict::kBad);
}

TEST_CASE("one bad host is not a bad version") {
  SequentialJudge judge(errorsOnly());
  const auto window = [](int i) {
    return errors(i, {300, 30}, {900, 9}, {{"pod-a", {100, 28}}, {"pod-b", {100, 1}}, {"pod-c", {100, 1}}});
  };
  CHECK(windowsUntil(judge, Verdict::kBad, window) == -1);
  CHECK(judge.report().reason == "errors: what is wrong is wrong on pod-a alone");
  SequentialJudge all(errorsOnly());
  const auto spread = [](int i) {
    return errors(i, {300, 30}, {900, 9}, {{"pod-a", {100, 10}}, {"pod-b", {100, 10}}, {"pod-c", {100, 10}}});
  };
  CHECK(windowsUntil(all, Verdict::kBad, spread) > 0);
}

TEST_CASE("a canary of one instance is judged as it is") {
  SequentialJudge judge(errorsOnly());
  const auto window = [](int i) { return errors(i, {100, 10}, {400, 4}, {{"pod-a", {100, 10}}}); };
  CHECK(windowsUntil(judge, Verdict::kBad, window) > 0);
}

TEST_CASE("the warm-up, and windows in which a version is idle, are left out") {
  SequentialOptions options = errorsOnly();
  options.warm_up = 60s;
  SequentialJudge judge(options);
  for (int i = 0; i < 6; ++i) REQUIRE(judge.observe(errors(i, {100, 100}, {400, 0})));
  for (int i = 6; i < 12; ++i) REQUIRE(judge.observe(errors(i, {100, 100}, {0, 0})));
  CHECK(judge.verdict() == Verdict::kNotEnoughYet);
  CHECK(judge.report().windows == 0);
  CHECK(judge.report().left_out == 12);
}

TEST_CASE("the window in which the weight moves, and the next, tell nothing") {
  SequentialJudge judge(errorsOnly());
  REQUIRE(judge.observe(errors(0, {50, 0}, {950, 0})));
  REQUIRE(judge.observe(errors(1, {275, 150}, {725, 50})));  // half of it at 5 %, half at 50 % with an outage
  REQUIRE(judge.observe(errors(2, {500, 100}, {500, 100})));
  REQUIRE(judge.observe(errors(3, {500, 100}, {500, 100})));
  CHECK(judge.report().windows == 2);
  CHECK(judge.report().left_out == 2);
}

TEST_CASE("fewer requests than asked for are no verdict, and the report says what lacks") {
  SequentialJudge judge(errorsOnly());
  for (int i = 0; i < 4; ++i) REQUIRE(judge.observe(errors(i, {12, 12}, {48, 0})));
  CHECK(judge.verdict() == Verdict::kNotEnoughYet);
  CHECK(judge.report().reason.starts_with("4 windows with 48 requests on the canary"));
  REQUIRE(judge.observe(errors(4, {12, 12}, {48, 0})));
  CHECK(judge.verdict() == Verdict::kBad);
}

TEST_CASE("several metrics split the bound") {
  SequentialOptions options = errorsOnly();
  const double one = SequentialJudge(options).report().metrics[0].bad_needed;
  options.metrics.push_back({.name = "latency", .kind = MetricKind::kLatency, .smallest_ratio = 1.1});
  const double two = SequentialJudge(options).report().metrics[0].bad_needed;
  CHECK(std::exp(two - one) == doctest::Approx(2));
}

TEST_CASE("what a judge learnt comes back from its state") {
  SequentialOptions options = errorsOnly();
  options.metrics.push_back({.name = "latency", .kind = MetricKind::kLatency, .smallest_ratio = 1.1});
  const auto window = [](int i) {
    Window made = errors(i, {100, 2}, {400, 3}, {{"pod-a", {50, 2}}, {"pod-b", {50, 0}}});
    made.metrics.push_back(
        {.arms = {{100, 14}, {400, 36}}, .tolerated = ArmPair{{100, 9}, {400, 41}}, .log_ratio = 0.1});
    return made;
  };
  SequentialJudge whole(options);
  SequentialJudge first(options);
  for (int i = 0; i < 5; ++i) REQUIRE(whole.observe(window(i)));
  for (int i = 0; i < 3; ++i) REQUIRE(first.observe(window(i)));
  SequentialJudge second(options);
  REQUIRE(second.restore(first.state()));
  for (int i = 3; i < 5; ++i) REQUIRE(second.observe(window(i)));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(second.report().metrics[i].bad_evidence == doctest::Approx(whole.report().metrics[i].bad_evidence));
    CHECK(second.report().metrics[i].good_evidence == doctest::Approx(whole.report().metrics[i].good_evidence));
    CHECK(second.report().metrics[i].ratio == doctest::Approx(whole.report().metrics[i].ratio));
  }
  CHECK(SequentialJudge(errorsOnly()).restore(whole.state()).error().kind == ErrorKind::kCorrupt);
  CHECK(second.restore("j1 2 5").error().kind == ErrorKind::kCorrupt);
  CHECK(second.restore("").error().kind == ErrorKind::kCorrupt);
  CHECK(second.restore(whole.state() + " 1").error().kind == ErrorKind::kCorrupt);
}

TEST_CASE("latency: a slower canary is bad, an equal one good, from sketches") {
  SequentialOptions options{.metrics = {{.name = "latency p50", .kind = MetricKind::kLatency, .smallest_ratio = 1.1}}};
  const auto window = [](int i, int canary_percent) {
    sketch::Sketch canary;
    sketch::Sketch stable;
    for (int n = 0; n < 2000; ++n) {
      const std::uint64_t took = 10'000 + static_cast<std::uint64_t>((n * 7919 + i * 104729) % 20'000);
      (n % 5 == 0 ? canary : stable).add(n % 5 == 0 ? took * static_cast<std::uint64_t>(canary_percent) / 100 : took);
    }
    Window made{.start = i * 10s, .canary_requests = canary.count(), .stable_requests = stable.count(), .metrics = {}};
    made.metrics.push_back(latencyObservation(canary, stable, 0.5, 1.1));
    return made;
  };
  SequentialJudge slower(options);
  CHECK(windowsUntil(slower, Verdict::kBad, [&](int i) { return window(i, 130); }) > 0);
  CHECK(slower.report().metrics[0].ratio == doctest::Approx(1.3).epsilon(0.03));
  SequentialJudge equal(options);
  CHECK(windowsUntil(equal, Verdict::kGood, [&](int i) { return window(i, 100); }) > 0);
}

TEST_CASE("latency: one slow instance is not a slow version, and is named; several are") {
  SequentialOptions options{.metrics = {{.name = "latency p50", .kind = MetricKind::kLatency, .smallest_ratio = 1.1}}};
  // Four instances of the canary, of which so many take twice as long.
  const auto window = [](int i, int slow) {
    std::array<sketch::Sketch, 4> instances;
    sketch::Sketch canary;
    sketch::Sketch stable;
    for (int n = 0; n < 4000; ++n) {
      const std::uint64_t took = 10'000 + static_cast<std::uint64_t>((n * 7919 + i * 104729) % 20'000);
      stable.add(took);
      if (n % 2 == 0) instances[static_cast<std::size_t>(n / 2 % 4)].add(n / 2 % 4 < slow ? 2 * took : took);
    }
    std::vector<InstanceLatency> named;
    for (std::size_t k = 0; k < instances.size(); ++k) {
      canary.merge(instances[k]);
      named.push_back({fmt::format("pod-{}", k), &instances[k]});
    }
    Window made{.start = i * 10s, .canary_requests = canary.count(), .stable_requests = stable.count(), .metrics = {}};
    made.metrics.push_back(latencyObservation(canary, stable, 0.5, 1.1, named));
    return made;
  };
  SequentialJudge one(options);
  for (int i = 0; i < 200; ++i) REQUIRE(one.observe(window(i, 1)));
  CHECK(one.verdict() == Verdict::kNotEnoughYet);
  CHECK(one.report().reason == "latency p50: what is wrong is wrong on pod-0 alone");
  SequentialJudge two(options);
  CHECK(windowsUntil(two, Verdict::kBad, [&](int i) { return window(i, 2); }) > 0);
  SequentialJudge all(options);
  CHECK(windowsUntil(all, Verdict::kBad, [&](int i) { return window(i, 4); }) > 0);
}

TEST_CASE("the forecast tells how long a verdict would take at this traffic") {
  const auto forecastAt = [](std::uint64_t times) {
    SequentialJudge judge(errorsOnly());
    for (int i = 0; i < 3; ++i) REQUIRE(judge.observe(errors(i, {100 * times, times}, {400 * times, 4 * times})));
    return judge.report().metrics[0].windows_to_bad.value();
  };
  CHECK(forecastAt(1) > forecastAt(10));
  SequentialJudge silent(errorsOnly());
  REQUIRE(silent.observe(errors(0, {100, 0}, {400, 0})));
  CHECK(!silent.report().metrics[0].windows_to_bad);
}

TEST_CASE("options and windows that make no sense are refused by name") {
  SequentialOptions options = errorsOnly();
  CHECK(checkOptions(options).has_value());
  CHECK(checkOptions({}).error().field == "metrics");
  options.false_abort = 0.9;
  CHECK(checkOptions(options).error().field == "falseAbort");
  options = errorsOnly();
  options.metrics[0].smallest_ratio = 1;
  CHECK(checkOptions(options).error().field == "smallestEffect.ratio");
  SequentialJudge judge(errorsOnly());
  CHECK(judge.observe(errors(0, {1, 2}, {1, 0})).error().kind == ErrorKind::kInvalid);
  CHECK(judge.observe({}).error().kind == ErrorKind::kInvalid);
}

}  // namespace towpath::judge
