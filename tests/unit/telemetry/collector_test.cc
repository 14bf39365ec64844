// Samples from a real HAProxy, over reloads and restarts of the agent.

#include "telemetry/collector.h"

#include <doctest/doctest.h>

#include "../proxy/harness.h"
#include "loop/timeout.h"

namespace towpath::telemetry {
namespace {

using namespace proxy::testing;

constexpr const char* kAddress = "127.64.0.9";

std::uint64_t requestsOf(const std::vector<wire::TrafficSample>& samples) {
  std::uint64_t sum = 0;
  for (const wire::TrafficSample& sample : samples) sum += sample.requests;
  return sum;
}

TEST_CASE("every request is in exactly one sample, over reloads under load and a restart of the agent") {
  Rig rig;
  const TestServer one("one"), two("two");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 5000}, {"v2", 5000}}).state);
  const CollectorOptions options{.interval = 1h, .snapshot_file = rig.directory() + "/counters"};
  std::uint64_t seen = 0;
  int sent = 0;
  {
    Collector collector(rig.loop(), rig.proxy(), options);
    loop::blockOn(rig.loop(), collector.start());
    Load load(kAddress, builder.port());
    for (int i = 0; i < 4; ++i) rig.apply(builder.listener(freePort()).state);
    const Tally tally = load.stop();
    CHECK(tally.failures.empty());
    sent = tally.sent;
    CHECK(loop::blockOn(rig.loop(), collector.collect()));
    const auto samples = merge(collector.takeSamples(1000));
    seen = requestsOf(samples);
    REQUIRE(samples.size() == 2);
    CHECK(samples[0].pod_template_hash == "v1");
    CHECK(samples[0].status_2xx == samples[0].requests);
    const auto latency = sketch::Sketch::decode(samples[0].latency_sketch);
    REQUIRE(latency.has_value());
    CHECK(latency->count() == samples[0].requests);
    CHECK(latency->quantile(0.5) < 1e6);
  }
  rig.restartDriver();
  rig.apply(builder.state);
  Collector collector(rig.loop(), rig.proxy(), options);
  loop::blockOn(rig.loop(), collector.start());
  sent += proxy::testing::requests(kAddress, builder.port(), 25).sent;
  CHECK(loop::blockOn(rig.loop(), collector.collect()));
  seen += requestsOf(collector.takeSamples(1000));
  CHECK(seen == static_cast<std::uint64_t>(sent));
}

TEST_CASE("it is known which instance answered what, also when one takes another's place") {
  Rig rig;
  const TestServer one("one"), two("two");
  auto three = std::make_unique<TestServer>("three");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one, three.get()}).weights({{"v1", 10000}}).state);
  const std::string first = builder.state.backends[0].versions[0].servers[0].instance;
  const std::string third = builder.state.backends[0].versions[0].servers[1].instance;
  builder.state.backends[0].versions[0].servers[0].name = "pod-one";
  rig.apply(builder.state);
  Collector collector(rig.loop(), rig.proxy(), {.interval = 1h, .snapshot_file = ""});
  loop::blockOn(rig.loop(), collector.start());
  const auto instances = [&] {
    CHECK(loop::blockOn(rig.loop(), collector.collect()));
    std::map<std::string, wire::InstanceTraffic> by_name;
    for (const wire::TrafficSample& sample : merge(collector.takeSamples(100))) {
      for (const wire::InstanceTraffic& instance : sample.instances) by_name[instance.instance] = instance;
    }
    return by_name;
  };
  Client client(kAddress, builder.port());
  std::uint64_t failed_by_one = 0;
  for (int i = 0; i < 40; ++i) failed_by_one += client.get("/status/500").body == "one" ? 1 : 0;
  auto seen = instances();
  CHECK(failed_by_one > 0);
  CHECK(seen["pod-one"].requests == failed_by_one);
  CHECK(seen["pod-one"].errors == failed_by_one);
  CHECK(seen[third].errors == 40 - failed_by_one);
  CHECK(seen[third].latency_sketch.empty());  // errors have none
  // The place of "three" goes to "two".
  rig.apply(builder.version("v1", {&one}).state);
  CHECK(*loop::blockOn(rig.loop(), rig.proxy().waitDrained(third, 60s)) == proxy::Drained::kYes);
  rig.apply(builder.version("v1", {&one, &two}).state);
  const std::string second = builder.state.backends[0].versions[0].servers[1].instance;
  for (int i = 0; i < 40; ++i) client.get("/");
  seen = instances();
  CHECK(seen[first].requests + seen[second].requests == 40);
  CHECK(seen[second].requests > 0);
  CHECK(seen[second].errors == 0);
  for (const std::string& name : {first, second}) {
    const auto latency = sketch::Sketch::decode(seen[name].latency_sketch);
    CHECK(latency.value_or(sketch::Sketch()).count() == seen[name].requests);
  }
  CHECK(!seen.contains(third));
}

TEST_CASE("samples that nobody takes are merged within the bound, and none is lost") {
  Rig rig;
  const TestServer one("one");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).weights({{"v1", 10000}}).state);
  int calls = 0;
  Collector collector(rig.loop(), rig.proxy(), {.interval = 1h, .snapshot_file = "", .pending = 3},
                      [&calls] { ++calls; });
  loop::blockOn(rig.loop(), collector.start());
  for (int i = 0; i < 12; ++i) {
    proxy::testing::requests(kAddress, builder.port(), 2);
    CHECK(loop::blockOn(rig.loop(), collector.collect()));
    CHECK(collector.pending() <= 3);
  }
  CHECK(calls == 12);
  CHECK(requestsOf(collector.takeSamples(100)) == 24);
  CHECK(collector.pending() == 0);
}

}  // namespace
}  // namespace towpath::telemetry
