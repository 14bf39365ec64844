#include "store/samples.h"

#include <fstream>

#include "loop/virtual_loop.h"
#include "store/sample_rollup.h"
#include "support.h"

using namespace towpath;
using namespace towpath::store;

namespace {

std::int64_t millisecondsOf(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

wire::TrafficSample sampleAt(WallTime start, std::uint64_t requests, const std::string& hash = "stable",
                             const std::string& service = "web") {
  return {.window_start_unix_ms = millisecondsOf(start),
          .window_ms = 5000,
          .ns = "default",
          .service = service,
          .pod_template_hash = hash,
          .route = "route",
          .requests = requests,
          .status_2xx = requests - requests / 10,
          .status_5xx = requests / 10,
          .latency_buckets = {requests, 0, 1}};
}

struct World {
  TemporaryDirectory directory;
  loop::VirtualLoop loop;
  std::unique_ptr<SampleStore> samples;
  WallTime start = loop.wallNow();

  explicit World(SampleOptions options = {}) { open(std::move(options)); }
  void open(SampleOptions options = {}) {
    samples.reset();
    options.directory = directory.path();
    auto opened = openSampleStore(loop, std::move(options));
    REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : describe(opened.error())));
    samples = std::move(*opened);
  }
  void append(const std::string& node, std::vector<wire::TrafficSample> batch) {
    REQUIRE(loop::blockOn(loop, samples->append(node, std::move(batch))).has_value());
  }
  std::uint64_t requests(SampleFilter filter, WallTime from, WallTime to) {
    filter.from = from;
    filter.to = to;
    const std::uint64_t in_memory = samples->sums(filter).requests;
    const auto groups = loop::blockOn(loop, samples->query(filter, {})).value();
    CHECK((groups.empty() ? 0 : groups[0].sums.requests) == in_memory);
    return in_memory;
  }
};

}  // namespace

TEST_CASE("sums are of the windows that begin in the time asked for, and of the version asked for") {
  World world;
  const WallTime start = world.start - 1min;
  world.append("n1", {sampleAt(start, 100), sampleAt(start, 10, "canary"), sampleAt(start + 5s, 200)});
  world.append("n2", {sampleAt(start, 1000), sampleAt(start, 7, "stable", "other")});
  CHECK(world.requests({.ns = "default", .service = "web", .pod_template_hash = "stable"}, start, start + 10s) == 1300);
  CHECK(world.requests({.ns = "default", .service = "web", .pod_template_hash = "stable"}, start, start + 5s) == 1100);
  CHECK(world.requests({.ns = "default", .service = "web", .pod_template_hash = "canary"}, start, start + 5s) == 10);
  CHECK(world.requests({.ns = "default", .route = "route"}, start, start + 5s) == 1117);
  CHECK(world.requests({.ns = "default", .service = "web", .pod_template_hash = "gone"}, start, start + 5s) == 0);
  CHECK(world.requests({.ns = "elsewhere"}, start, start + 5s) == 0);
  const SampleSums sums = world.samples->sums({.ns = "default", .service = "web", .from = start, .to = start + 1s});
  CHECK(sums.samples == 3);
  CHECK(sums.status_5xx == 111);
  CHECK(sums.latency[0] == 1110);
  CHECK(sums.latency[2] == 3);
}

TEST_CASE("latencies are summed as sketches, over nodes and a restart, for half an hour") {
  World world;
  const WallTime start = world.start - 1min;
  const auto latencies = [&](std::uint64_t microseconds) {
    sketch::Sketch sketch;
    sketch.add(microseconds, 50);
    wire::TrafficSample sample = sampleAt(start, 50);
    sample.latency_sketch = sketch.encode();
    return sample;
  };
  world.append("n1", {latencies(1'000)});
  world.append("n2", {latencies(30'000)});
  const SampleFilter filter{.ns = "default", .from = start - 10s, .to = start + 10s};
  for (int restart = 0; restart < 2; ++restart) {
    const sketch::Sketch latency = world.samples->sums(filter).latency_sketch;
    CHECK(latency.count() == 100);
    CHECK(latency.quantile(0.25) == doctest::Approx(1'000).epsilon(0.01));
    CHECK(latency.quantile(0.75) == doctest::Approx(30'000).epsilon(0.01));
    const auto groups = loop::blockOn(world.loop, world.samples->query(filter, {})).value();
    CHECK(groups.at(0).sums.latency_sketch == latency);
    world.open();
  }
  const std::vector<SampleSeries> series = world.samples->series();
  REQUIRE(series.size() == 1);
  CHECK(series[0].service == "web");
  CHECK(series[0].totals.requests == 100);
  world.loop.advance(35min);
  CHECK(world.samples->sums({.ns = "default", .from = start - 10min, .to = start + 10min}).latency_sketch.empty());
  CHECK(world.samples->sums({.ns = "default", .from = start - 10min, .to = start + 10min}).requests == 100);
}

TEST_CASE("who answered is summed over nodes and seconds, for five minutes, by name") {
  World world;
  const WallTime start = world.start - 1min;
  const auto told = [&](WallTime at, std::vector<wire::InstanceTraffic> instances) {
    wire::TrafficSample sample = sampleAt(at, 50);
    sample.instances = std::move(instances);
    return sample;
  };
  world.append("n1", {told(start, {{"pod-b", 30, 3}, {"pod-a", 20, 0}}), told(start + 5s, {{"pod-a", 50, 1}})});
  world.append("n2", {told(start, {{"pod-b", 50, 7}})});
  const auto sums = [&](WallTime to) {
    return world.samples->sums({.ns = "default", .from = start, .to = to}).instances;
  };
  const auto told_of = [&](WallTime to) {
    std::vector<wire::InstanceTraffic> all;
    for (const auto& [name, one] : sums(to)) {
      all.push_back({name, one.requests, one.errors});
      CHECK(one.latency.empty());
    }
    return all;
  };
  CHECK(told_of(start + 10s) == std::vector<wire::InstanceTraffic>{{"pod-a", 70, 1}, {"pod-b", 80, 10}});
  CHECK(told_of(start + 5s) == std::vector<wire::InstanceTraffic>{{"pod-a", 20, 0}, {"pod-b", 80, 10}});
  world.loop.advance(6min);
  CHECK(sums(start + 10s).empty());
}

TEST_CASE("how fast each instance answers is kept while it is asked for") {
  World world;
  const auto sketchOf = [](std::initializer_list<std::uint64_t> all) {
    sketch::Sketch latency;
    for (const std::uint64_t each : all) latency.add(each);
    return latency;
  };
  const auto sample = [&](WallTime at) {
    wire::TrafficSample made = sampleAt(at, 5);
    made.instances = {{"pod-a", 2, 0, sketchOf({100, 200}).encode()}, {"pod-b", 3, 0, sketchOf({900}).encode()}};
    return made;
  };
  const auto latencies = [&](WallTime from) {
    std::map<std::string, sketch::Sketch> all;
    const SampleSums sums = world.samples->sums({.ns = "default", .from = from, .to = from + 1min});
    for (const auto& [name, one] : sums.instances) all[name] = one.latency;
    return all;
  };
  const std::string hash = sample(world.start).pod_template_hash;
  world.append("n1", {sample(world.start)});
  CHECK(latencies(world.start)["pod-a"].empty());
  world.samples->followInstances("default", hash, world.start + 5min);
  const WallTime later = world.start + 1min;
  world.append("n1", {sample(later), sample(later + 1s)});
  // One that answered alone: its latency is the sample's.
  wire::TrafficSample alone = sampleAt(later, 7);
  alone.instances = {{"pod-c", 7, 0}};
  alone.latency_sketch = sketchOf({5000, 6000}).encode();
  world.append("n2", {alone});
  CHECK(latencies(later)["pod-a"] == sketchOf({100, 200, 100, 200}));
  CHECK(latencies(later)["pod-b"] == sketchOf({900, 900}));
  CHECK(latencies(later)["pod-c"] == sketchOf({5000, 6000}));
  // Nobody asks any more.
  world.loop.advance(10min);
  const WallTime last = world.start + 10min;
  world.append("n1", {sample(last)});
  CHECK(latencies(last)["pod-a"].empty());
  CHECK(latencies(last).contains("pod-a"));
}

TEST_CASE("a repeat counts once, after a restart too") {
  World world;
  const std::vector<wire::TrafficSample> batch{sampleAt(world.start, 100), sampleAt(world.start + 5s, 50)};
  world.append("n1", batch);
  world.append("n1", batch);
  CHECK(world.requests({.ns = "default"}, world.start, world.start + 1min) == 150);
  world.open();
  CHECK(world.requests({.ns = "default"}, world.start, world.start + 1min) == 150);
  world.append("n1", batch);
  world.append("n2", batch);
  CHECK(world.requests({.ns = "default"}, world.start, world.start + 1min) == 300);
}

TEST_CASE("sums are grouped as asked") {
  World world;
  world.append("n1", {sampleAt(world.start, 1), sampleAt(world.start, 2, "canary")});
  world.append("n2", {sampleAt(world.start, 4)});
  const auto groups =
      loop::blockOn(world.loop, world.samples->query({.ns = "default", .from = world.start, .to = world.start + 1s},
                                                     {SampleLabel::kNode, SampleLabel::kPodTemplateHash}))
          .value();
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].labels == std::vector<std::string>{"n1", "canary"});
  CHECK(groups[0].sums.requests == 2);
  CHECK(groups[2].labels == std::vector<std::string>{"n2", "stable"});
}

TEST_CASE("samples of a wrong clock are left out, old ones are forgotten by age and by size") {
  World world({.age_max = 1h, .bytes_max = 100000});
  world.append("n1", {sampleAt(world.start + 1h, 1), sampleAt(world.start - 2h, 2), sampleAt(world.start, 4)});
  CHECK(world.requests({.ns = "default"}, world.start - 3h, world.start + 3h) == 4);
  std::vector<wire::TrafficSample> many;
  for (int i = 0; i < 5000; ++i) many.push_back(sampleAt(world.start + i * 100ms, 1));
  world.append("n1", std::move(many));
  world.loop.advance(30min);
  world.open({.age_max = 1h, .bytes_max = 100000});
  const auto left = world.requests({.ns = "default"}, world.start, world.start + 2h);
  CHECK(left < 4500);
  CHECK(left > 100);
  world.loop.advance(2h);
  CHECK(world.requests({.ns = "default"}, world.start, world.start + 2h) == 0);
}

TEST_CASE("old windows are widened without losing a request") {
  SampleRollup rollup;
  loop::VirtualLoop loop;
  const WallTime start = loop.wallNow();
  for (int i = 0; i < 3600; ++i) rollup.add(sampleAt(start + i * 1s, 1));
  const SampleFilter all{.ns = "default", .from = start - 1h, .to = start + 24h};
  for (const Duration now : {Duration(1h), Duration(3h), Duration(12h)}) {
    rollup.compact(millisecondsOf(start + now), millisecondsOf(start - 24h));
    CHECK(rollup.sums(all).requests == 3600);
  }
  CHECK(rollup.sums({.ns = "default", .from = start, .to = start + 30min}).requests == 1800);
  rollup.compact(millisecondsOf(start + 12h), millisecondsOf(start + 30min));
  CHECK(rollup.sums(all).requests == 1800);
}

TEST_CASE("a damaged file is put aside") {
  World world;
  world.append("n1", {sampleAt(world.start, 100)});
  world.samples.reset();
  std::ofstream(world.directory.path() / "samples.db", std::ios::in | std::ios::out) << "this is no database";
  world.open();
  CHECK(world.requests({.ns = "default"}, world.start, world.start + 1min) == 0);
  CHECK(std::filesystem::exists(world.directory.path() / "samples.db.damaged"));
}
