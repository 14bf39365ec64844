// The driver with a real HAProxy, real servers and clients.

#include "proxy/haproxy.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "harness.h"
#include "loop/timeout.h"

namespace towpath::proxy::testing {
namespace {

void checkShare(int got, int of, double wanted) {
  const double sigma = std::sqrt(of * wanted * (1 - wanted));
  CAPTURE(got);
  CAPTURE(of);
  CAPTURE(wanted);
  CHECK(std::abs(got - of * wanted) <= 4 * sigma);
}

const ObservedRule& onlyRule(const Observed& observed) {
  REQUIRE(observed.rules.size() == 1);
  return observed.rules.front();
}

double shareOf(const Observed& observed, const std::string& hash) {
  for (const VersionShare& share : onlyRule(observed).versions) {
    if (share.version.hash == hash) return share.share;
  }
  return 0;
}

TEST_CASE("a proxy without anything to do runs, and answers 404 on no port") {
  Rig rig;
  CHECK(rig.observe().process_id > 0);
  CHECK(rig.observe().workers.size() == 1);
  CHECK(rig.apply(ProxyState()).change != Change::kReload);
}

TEST_CASE("shares are exact for two and three versions, and change without a reload") {
  Rig rig;
  const TestServer one("one"), two("two"), three("three");
  StateBuilder builder;
  builder.version("v1", {&one}).version("v2", {&two}).version("v3", {&three});
  const std::vector<std::map<std::string, int>> all_weights = {{{"v1", 10000}},
                                                               {{"v1", 8000}, {"v2", 2000}},
                                                               {{"v1", 5000}, {"v2", 5000}},
                                                               {{"v1", 9900}, {"v2", 100}},
                                                               {{"v1", 2000}, {"v2", 3000}, {"v3", 5000}},
                                                               {{"v3", 10000}}};
  for (std::size_t i = 0; i < all_weights.size(); ++i) {
    const Applied applied = rig.apply(builder.weights(all_weights[i]).state);
    CHECK(applied.change == (i == 0 ? Change::kReload : Change::kRuntime));
    constexpr int kRequests = 4000;
    Tally tally = requests(kAddress, builder.port(), kRequests);
    CHECK(tally.failures.empty());
    checkShare(tally.bodies["one"], kRequests, (all_weights[i].contains("v1") ? all_weights[i].at("v1") : 0) / 10000.0);
    checkShare(tally.bodies["two"], kRequests, (all_weights[i].contains("v2") ? all_weights[i].at("v2") : 0) / 10000.0);
    checkShare(tally.bodies["three"], kRequests,
               (all_weights[i].contains("v3") ? all_weights[i].at("v3") : 0) / 10000.0);
    for (const auto& [hash, weight] : all_weights[i])
      CHECK(shareOf(rig.observe(), hash) == doctest::Approx(weight / 10000.0));
  }
}

TEST_CASE("nothing ready is a 503, for the share of that version only, and no target at all too") {
  Rig rig;
  const TestServer one("one"), two("two");
  StateBuilder builder;
  builder.version("v1", {&one}).version("v2", {&two}, ServerState::kNotReady).weights({{"v1", 5000}, {"v2", 5000}});
  rig.apply(builder.state);
  Tally tally = requests(kAddress, builder.port(), 2000);
  CHECK(two.served() == 0);
  checkShare(tally.bodies["one"], 2000, 0.5);
  CHECK(tally.failures[503] == 2000 - tally.bodies["one"]);
  CHECK(onlyRule(rig.observe()).unavailable_share == doctest::Approx(0.5));
  builder.weights({});
  rig.apply(builder.state);
  CHECK(requests(kAddress, builder.port(), 10).failures[503] == 10);
}

// Version after version, each: add and prove ready, shift, drain, stop; `between` after each round. All servers of a
// former version are killed as soon as they are drained.
void rollOut(int rounds, const std::function<void(Rig&, StateBuilder&, int)>& between) {
  Rig rig;
  StateBuilder builder;
  std::map<std::string, std::vector<std::unique_ptr<TestServer>>> servers;
  const auto start = [&](const std::string& hash) {
    std::vector<const TestServer*> started;
    for (int i = 0; i < 2; ++i) started.push_back(servers[hash].emplace_back(std::make_unique<TestServer>(hash)).get());
    builder.version(hash, started);
  };
  start("v0");
  rig.apply(builder.weights({{"v0", 10000}}).state);
  const int process_id = rig.observe().process_id;
  Load load(kAddress, builder.port());
  for (int round = 1; round <= rounds; ++round) {
    const std::string hash = "v" + std::to_string(round);
    const std::string former = "v" + std::to_string(round - 1);
    start(hash);
    CHECK(rig.apply(builder.state).change == Change::kRuntime);
    for (const int weight : {2000, 5000, 10000}) {
      CHECK(rig.apply(builder.weights({{former, 10000 - weight}, {hash, weight}}).state).change == Change::kRuntime);
    }
    const std::vector<Server> leaving =
        findVersion(builder.state, {builder.state.backends[0].service, former})->servers;
    CHECK(rig.apply(builder.weights({{hash, 10000}}).version(former, {}).state).change == Change::kRuntime);
    for (const Server& server : leaving) {
      const Result<Drained> drained = loop::blockOn(rig.loop(), rig.proxy().waitDrained(server.instance, 60s));
      REQUIRE(drained);
      CHECK(*drained == Drained::kYes);
    }
    servers.erase(former);
    between(rig, builder, round);
  }
  const Tally tally = load.stop();
  for (const auto& [status, number] : tally.failures) CHECK_MESSAGE(number == 0, "status ", status);
  CHECK(tally.sent > 10 * rounds);
  CHECK(rig.observe().process_id == process_id);
}

TEST_CASE("rollouts under load fail no request and need no reload: add, shift, drain, stop") {
  rollOut(8, [](Rig&, StateBuilder&, int) {});
}

TEST_CASE("rollouts under load fail no request: with reloads and new drivers in between") {
  rollOut(15, [](Rig& rig, StateBuilder& builder, int round) {
    if (round % 5 == 0) CHECK(rig.apply(builder.listener(freePort()).state).change == Change::kReload);
    if (round % 7 == 0) {
      rig.restartDriver();
      rig.apply(builder.state);
    }
  });
}

TEST_CASE("an instance with a running request is not drained until it is answered") {
  Rig rig;
  TestServer slow("slow");
  const TestServer other("other");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&slow}).version("v2", {&other}).weights({{"v1", 10000}}).state);
  const std::string instance = builder.state.backends[0].versions[0].servers[0].instance;
  CHECK(loop::blockOn(rig.loop(), rig.proxy().waitDrained(instance, 1s)).error().kind == ErrorKind::kConflict);
  CHECK(*loop::blockOn(rig.loop(), rig.proxy().waitDrained("never-seen", 1s)) == Drained::kYes);
  Reply reply;
  std::thread client([&] { reply = Client(kAddress, builder.port()).get("/hold"); });
  waitUntil([&] { return slow.running() == 1; });
  rig.apply(builder.version("v1", {}).weights({{"v2", 10000}}).state);
  CHECK(*loop::blockOn(rig.loop(), rig.proxy().waitDrained(instance, 50ms)) == Drained::kTimedOut);
  slow.release();
  CHECK(*loop::blockOn(rig.loop(), rig.proxy().waitDrained(instance, 60s)) == Drained::kYes);
  CHECK(slow.running() == 0);
  client.join();
  CHECK(reply.body == "slow");
}

TEST_CASE("a change of structure reloads and fails no request, on new and on kept connections") {
  Rig rig;
  const TestServer one("one");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).weights({{"v1", 10000}}).state);
  const int process_id = rig.observe().process_id;
  Client idle(kAddress, builder.port());
  CHECK(idle.get().status == 200);
  Load load(kAddress, builder.port());
  for (int i = 0; i < 5; ++i) CHECK(rig.apply(builder.listener(freePort()).state).change == Change::kReload);
  const Tally tally = load.stop();
  CHECK(tally.failures.empty());
  CHECK(tally.sent > 50);
  CHECK(rig.observe().process_id == process_id);
  CHECK(idle.get().status == 200);  // a connection that idled through all reloads
  CHECK(requests(kAddress, builder.state.listeners.back().port, 5).bodies["one"] == 5);
}

TEST_CASE("weights reach connections that an old worker still holds") {
  Rig rig;
  const TestServer one("one"), two("two");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 10000}}).state);
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 10; ++i) {
    idle.push_back(std::make_unique<Client>(kAddress, builder.port()));
    CHECK(idle.back()->get().body == "one");
  }
  rig.apply(builder.listener(freePort()).state);
  CHECK(rig.observe().workers.size() >= 2);
  rig.apply(builder.weights({{"v2", 10000}}).state);
  for (const auto& client : idle) CHECK(client->get().body == "two");
}

TEST_CASE("a refused connection is tried again on another instance of the version") {
  Rig rig;
  TestServer good("good"), dying("dying");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&good, &dying}).weights({{"v1", 10000}}).state);
  CHECK(requests(kAddress, builder.port(), 20).failures.empty());
  dying.kill();
  CHECK(requests(kAddress, builder.port(), 100).bodies["good"] == 100);
  Client client(kAddress, builder.port());
  for (int i = 0; i < 20; ++i) CHECK(client.get("/", "content-length: 0\r\n", "POST").status == 200);
}

// A version whose only instances are of another node.
StateBuilder& remoteVersion(StateBuilder& builder, const std::vector<const TestServer*>& servers) {
  builder.version("v1", servers).weights({{"v1", 10000}});
  for (Server& server : builder.state.backends[0].versions[0].servers) server.locality = Locality::kRemote;
  return builder;
}

void awaitReadyServers(Rig& rig, int count) {
  const auto found_out = [](Rig& r, int wanted) -> loop::Task<bool> {
    for (int i = 0; i < 6000; ++i) {
      const Result<Observed> observed = co_await r.proxy().observe();
      int ready = 0;
      if (observed) {
        for (const VersionShare& version : onlyRule(*observed).versions) ready += version.ready_servers;
        if (ready == wanted) co_return true;
      }
      co_await loop::sleep(r.loop(), 10ms);
    }
    co_return false;
  };
  REQUIRE(loop::blockOn(rig.loop(), found_out(rig, count)));
}

TEST_CASE("an instance of another node that does not answer is found out by the proxy's own checks") {
  Rig rig;
  const TestServer good("good");
  auto lost = std::make_unique<TestServer>("lost");
  StateBuilder builder;
  rig.apply(remoteVersion(builder, {&good, lost.get()}).state);
  CHECK(onlyRule(rig.observe()).versions.at(0).ready_servers == 2);
  lost.reset();
  awaitReadyServers(rig, 1);
}

TEST_CASE("an instance that follows a dead one gets requests at once, not after the next check") {
  Rig rig;
  auto dead = std::make_unique<TestServer>("dead");
  const TestServer between("between"), next("next");
  StateBuilder builder;
  rig.apply(remoteVersion(builder, {dead.get(), &between}).state);
  dead.reset();
  awaitReadyServers(rig, 1);
  rig.apply(remoteVersion(builder, {&between}).state);
  rig.apply(remoteVersion(builder, {&next}).state);  // takes the place of the dead one
  CHECK(requests(kAddress, builder.port(), 20).bodies["next"] == 20);
}

TEST_CASE("two drivers that start at once share one HAProxy") {
  const TestDirectory directory;
  loop::UvLoop loop;
  const auto one = makeHaproxy(loop, {.run_dir = directory.path()});
  const auto two = makeHaproxy(loop, {.run_dir = directory.path()});
  std::vector<loop::Task<Result<void>>> starts;
  starts.push_back(one->start());
  starts.push_back(two->start());
  for (const Result<void>& started : loop::blockOn(loop, loop::whenAll(loop, std::move(starts)))) CHECK(started);
  const Result<Observed> first = loop::blockOn(loop, one->observe());
  const Result<Observed> second = loop::blockOn(loop, two->observe());
  REQUIRE((first && second));
  CHECK(first->process_id == second->process_id);
  CHECK(first->starts + second->starts == 1);
  loop::blockOn(loop, two->close());
  CHECK(loop::blockOn(loop, one->shutdown(300ms)));
}

TEST_CASE("a damaged layout file and a configuration that no longer works do not keep the proxy from serving") {
  Rig rig;
  const TestServer one("one");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).weights({{"v1", 10000}}).state);
  CHECK(loop::blockOn(rig.loop(), rig.proxy().shutdown(100ms)));
  REQUIRE(writeFileAtomically(rig.directory() + "/layout", "garbage"));
  REQUIRE(writeFileAtomically(rig.directory() + "/haproxy.cfg", "global\n  nonsense\n"));
  rig.restartDriver();
  rig.apply(builder.state);
  CHECK(requests(kAddress, builder.port(), 10).bodies["one"] == 10);
}

TEST_CASE("a HAProxy that was killed comes back with the same weights by itself") {
  Rig rig;
  const TestServer one("one"), two("two");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 10000}}).state);
  rig.apply(builder.weights({{"v1", 3000}, {"v2", 7000}}).state);
  const int former = rig.observe().process_id;
  REQUIRE(::kill(former, SIGKILL) == 0);
  const auto back = [](Rig& r, int pid) -> loop::Task<bool> {
    for (int i = 0; i < 3000; ++i) {
      const Result<Observed> observed = co_await r.proxy().observe();
      if (observed && observed->process_id != pid) co_return true;
      co_await loop::sleep(r.loop(), 20ms);
    }
    co_return false;
  };
  REQUIRE(loop::blockOn(rig.loop(), back(rig, former)));
  CHECK(shareOf(rig.observe(), "v2") == doctest::Approx(0.7));
  CHECK(rig.observe().starts == 2);
  CHECK(requests(kAddress, builder.port(), 200).failures.empty());
}

TEST_CASE("a new driver adopts the running HAProxy: same process, same connections, and no change to make") {
  Rig rig;
  const TestServer one("one"), two("two");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 3000}, {"v2", 7000}}).state);
  const int process_id = rig.observe().process_id;
  Load load(kAddress, builder.port());
  rig.restartDriver();
  CHECK(rig.apply(builder.state).change == Change::kRuntime);
  CHECK(rig.observe().process_id == process_id);
  CHECK(rig.observe().starts == 0);
  rig.awaitWorkers(1);
  CHECK(rig.apply(builder.state).change == Change::kNone);
  CHECK(load.stop().failures.empty());
}

TEST_CASE("a configuration that HAProxy refuses is kept out, with the reason, and the former goes on") {
  Rig rig;
  const TestServer one("one");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).weights({{"v1", 10000}}).state);
  Load load(kAddress, builder.port());
  ProxyState bad = builder.state;
  bad.listeners[0].entries[0].path = {TextMatch::kRegex, "/(unclosed"};
  const Result<Applied> refused = loop::blockOn(rig.loop(), rig.proxy().apply(bad));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::kInvalid);
  CHECK(refused.error().message.contains("unclosed"));

  CHECK(requests(kAddress, builder.port(), 20).bodies["one"] == 20);
  // And it takes good ones afterwards.
  CHECK(rig.apply(builder.listener(freePort()).state).change == Change::kReload);
  CHECK(load.stop().failures.empty());
}

TEST_CASE("a port that something else has is left out and told, and taken as soon as it is free") {
  Rig rig;
  const TestServer one("one");
  auto owner = std::make_unique<TestServer>("owner");
  const std::uint16_t port = owner->port();
  StateBuilder builder;
  builder.version("v1", {&one}).weights({{"v1", 10000}});
  builder.state.listeners.push_back(
      {.address = "127.0.0.1", .port = port, .entries = {{.rule = builder.state.rules[0].id}}});
  Applied applied = rig.apply(builder.state);
  REQUIRE(applied.refused.size() == 1);
  CHECK(applied.refused[0].reason.contains(std::to_string(port)));
  CHECK(requests(kAddress, builder.port(), 20).bodies["one"] == 20);
  applied = rig.apply(builder.state);
  CHECK(applied.change == Change::kNone);
  CHECK(applied.refused.size() == 1);
  owner.reset();
  applied = rig.apply(builder.state);
  CHECK(applied.change == Change::kReload);
  CHECK(applied.refused.empty());
  CHECK(requests("127.0.0.1", port, 5).bodies["one"] == 5);
}

TEST_CASE("a version outgrows its server slots") {
  Rig rig;
  std::vector<std::unique_ptr<TestServer>> servers;
  std::vector<const TestServer*> pointers;
  for (int i = 0; i < 9; ++i) {
    servers.push_back(std::make_unique<TestServer>("server" + std::to_string(i)));
    pointers.push_back(servers.back().get());
  }
  StateBuilder builder;
  rig.apply(builder.version("v1", {pointers[0]}).weights({{"v1", 10000}}).state);
  CHECK(rig.apply(builder.version("v1", {pointers.begin(), pointers.begin() + 4}).state).change == Change::kRuntime);
  CHECK(rig.apply(builder.version("v1", pointers).state).change == Change::kReload);
  const Tally tally = requests(kAddress, builder.port(), 90);
  CHECK(tally.bodies.size() == 9);
  CHECK(tally.failures.empty());
}

}  // namespace
}  // namespace towpath::proxy::testing
