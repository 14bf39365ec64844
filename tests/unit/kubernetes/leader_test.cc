#include "kubernetes/leader.h"

#include <memory>

#include "harness.h"

using namespace towpath;
using namespace towpath::kubernetes;
using cluster::kConfigMaps;

namespace {

// A process that wants to lead, over a network of its own that can be cut.
struct Candidate {
  Candidate(Harness& harness, const std::string& name)
      : transport(harness.loop, harness.server.http),
        api(harness.loop, transport, harness.server.access, harness.credentials, {.rate = {.per_second = 0}}),
        leader(harness.loop, api, {.ns = "kube-system", .identity = name}),
        fenced(harness.loop, api, leader),
        scope(harness.loop, name) {
    scope.spawn([](Candidate& self) -> loop::Task<void> {
      co_await self.leader.acquire();
      ++self.reigns;
      self.why = describe(co_await self.leader.hold());
    }(*this));
  }
  void cutOff() {
    transport.plan = [](const http::ClientRequest&) -> testing::Fault { return testing::RefuseConnection{}; };
  }

  testing::FaultyTransport transport;
  KubeApi api;
  Leader leader;
  FencedApi fenced;
  int reigns = 0;
  std::string why;
  loop::Scope scope;
};

}  // namespace

TEST_CASE("one leads, the other takes over when the first falls silent, and never do both write") {
  Harness harness;
  Candidate first(harness, "first");
  harness.loop.advance(1s);
  CHECK(first.leader.leads());
  Candidate second(harness, "second");
  harness.loop.advance(5min);
  CHECK(first.leader.leads());
  CHECK(!second.leader.leads());
  CHECK(second.leader.holder() == "first");

  first.cutOff();
  for (int i = 0; i < 600 && !second.leader.leads(); ++i) {
    harness.loop.advance(100ms);
    CHECK(!(first.leader.leads() && second.leader.leads()));
  }
  CHECK(second.leader.leads());
  CHECK(first.reigns == 1);
  CHECK(first.why.contains("could not be renewed"));

  // What it still wants to write is refused, even when the network is back.
  first.transport.plan = {};
  const auto late = harness.run(first.fenced.create(kConfigMaps, configMap("late")));
  REQUIRE(!late);
  CHECK(late.error().message.contains("not the leader"));
  CHECK(!harness.run(harness.server.inside.get(kConfigMaps, "default", "late")));
  CHECK(harness.run(second.fenced.create(kConfigMaps, configMap("right"))));
  CHECK(harness.run(first.fenced.get(kConfigMaps, "default", "right")));
}

TEST_CASE("an orderly end hands over at once, without waiting for the lease to run out") {
  Harness harness;
  auto first = std::make_unique<Candidate>(harness, "first");
  harness.loop.advance(1s);
  Candidate second(harness, "second");
  harness.loop.advance(10s);
  first->scope.cancelAll();
  CHECK(harness.run(first->leader.release()));
  CHECK(!first->leader.leads());
  harness.loop.advance(3s);
  CHECK(second.leader.leads());
  const auto lease =
      harness.run(harness.server.inside.get(cluster::kLeases, "kube-system", "argo-rollouts-controller-lock"));
  REQUIRE(lease);
  CHECK((*lease)->parse()["spec"]["holderIdentity"].asStringView() == "second");
  CHECK((*lease)->parse()["spec"]["leaseTransitions"].asInt() == 1);
}

TEST_CASE("a write that hangs is given up before another one may lead") {
  Harness harness;
  Candidate only(harness, "only");
  harness.loop.advance(1s);
  REQUIRE(only.leader.leads());
  only.transport.plan = [](const http::ClientRequest&) -> testing::Fault { return testing::Slow{1h}; };
  const MonoTime began = harness.loop.now();
  const auto stuck = harness.run(only.fenced.create(kConfigMaps, configMap("x")));
  REQUIRE(!stuck);
  CHECK(stuck.error().kind == ErrorKind::kTimeout);
  CHECK(harness.loop.now() - began <= 10s);
}

TEST_CASE("a lease that somebody takes away ends the lead at the next renewal") {
  Harness harness;
  Candidate first(harness, "first");
  harness.loop.advance(1s);
  REQUIRE(first.leader.leads());
  REQUIRE(harness.run(harness.server.inside.patch(cluster::kLeases, "kube-system", "argo-rollouts-controller-lock",
                                                  cluster::PatchType::kMerge, yaml("spec: {holderIdentity: thief}"))));
  harness.loop.advance(3s);
  CHECK(!first.leader.leads());
  CHECK(first.why.contains("thief leads"));
}
