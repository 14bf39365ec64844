// The controllers over the Kubernetes client and HTTP that goes wrong, onto our API server, under virtual time:
// whatever is cut, refused, slow or lost, a rollout ends right, and nothing is made twice.

#include <random>
#include <set>

#include "apiserver/rest.h"
#include "harness.h"
#include "http/memory_server.h"
#include "kubernetes/kube_api.h"
#include "support/faulty_transport.h"

using namespace towpath;
using namespace towpath::control;

namespace {

struct OverHttp : Harness {
  explicit OverHttp(std::uint64_t seed)
      : users(*store),
        rest(registry, users, {}),
        server(loop, rest.handler()),
        transport(loop, server),
        credentials(loop, access),
        kube(loop, transport, access, credentials) {
    access.server = "http://memory";
    access.token = loop::blockOn(loop, users.createToken("admin", apiserver::Role::kAdmin)).value();
    transport.plan = testing::randomFaults(seed, {.watches = 0.6, .reads = 0.3, .writes = 0.25});
  }
  ~OverHttp() { coordinator.reset(); }

  void startOver() { coordinator = std::make_unique<Coordinator>(loop, kube, providers, reports, step_plugins); }
  // Faults cost time: requests are slow, and what failed waits for its next turn.
  void eventually(const std::string& what, const std::function<bool()>& holds) {
    bool held = holds();
    for (int i = 0; i < 6000 && !held; ++i) {
      loop.advance(100ms);
      kubelet();
      if (i % 150 == 149) server.cutAll();
      held = holds();
    }
    INFO(what, ": ", json::serialize(get(cluster::kRollouts, "shop")["status"]));
    REQUIRE(held);
  }
  void eventuallyPhase(const std::string& wanted) {
    eventually("shop is " + wanted, [&] {
      const Value rollout = get(cluster::kRollouts, "shop");
      return rollout["status"]["phase"].asStringView() == wanted &&
             rollout["status"]["observedGeneration"].asStringView() ==
                 std::to_string(rollout["metadata"]["generation"].asInt());
    });
  }

  apiserver::Authenticator users;
  apiserver::Rest rest;
  http::MemoryServer server;
  testing::FaultyTransport transport;
  towpath::access::ClusterAccess access;
  towpath::access::Credentials credentials;
  kubernetes::KubeApi kube;
};

}  // namespace

TEST_CASE("a canary over broken HTTP pauses, is promoted, and finishes with one ReplicaSet a version") {
  std::uint64_t faults = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    OverHttp bench(seed);
    bench.startOver();
    bench.apply(cluster::kRollouts, rolloutYaml("shop", kPlainCanary));
    bench.eventuallyPhase("Healthy");
    bench.setImage("v2");
    bench.eventuallyPhase("Paused");
    // Killed in the middle, at another moment for each seed.
    bench.promote();
    bench.loop.advance(std::chrono::milliseconds(seed * 370));
    bench.crash();
    bench.startOver();
    bench.eventuallyPhase("Healthy");
    bench.eventually("all are v2", [&] { return bench.sizes() == "v2 5"; });
    CHECK(bench.list(cluster::kReplicaSets).size() == 2);
    faults += bench.transport.faults;
  }
  CHECK(faults > 100);
}

TEST_CASE("an abort over broken HTTP takes the traffic back") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    OverHttp bench(seed);
    bench.startOver();
    applyRouted(bench);
    bench.eventuallyPhase("Healthy");
    bench.setImage("v2");
    bench.eventually("the canary gets 20 %", [&] { return bench.weight() == 20; });
    bench.eventuallyPhase("Paused");
    bench.abort();
    bench.eventually("the canary gets nothing", [&] { return bench.weight() == 0; });
    bench.eventuallyPhase("Degraded");
    CHECK(bench.served("shop-stable") == "v1");
  }
}
