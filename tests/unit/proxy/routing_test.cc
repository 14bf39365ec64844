// Matches, stickiness, filters and counters, as clients of a real HAProxy see them.

#include <doctest/doctest.h>

#include "harness.h"
#include "loop/timeout.h"

namespace towpath::proxy::testing {
namespace {

// Two rules: everything to version v1, what `entry` matches to version v2.
struct TwoRules {
  explicit TwoRules(const Entry& entry) {
    builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 10000}});
    Rule second = builder.state.rules.front();
    second.ref.rule = 1;
    second.id = makeRuleId(second.ref);
    second.targets[0].version.hash = "v2";
    builder.state.rules.push_back(second);
    Entry matched = entry;
    matched.rule = second.id;
    std::vector<Entry>& entries = builder.state.listeners.front().entries;
    entries.insert(entries.begin(), matched);
    rig.apply(builder.state);
  }
  std::string ask(const std::string& path, const std::string& headers = "", const std::string& method = "GET") {
    return Client(kAddress, builder.port()).get(path, headers, method).body;
  }
  TestServer one{"one"}, two{"two"};
  StateBuilder builder;
  Rig rig;
};

TEST_CASE("paths match as the Gateway API says") {
  TwoRules prefix({.path = {TextMatch::kPrefix, "/foo"}});
  CHECK(prefix.ask("/foo") == "two");
  CHECK(prefix.ask("/foo/bar?x=1") == "two");
  CHECK(prefix.ask("/foobar") == "one");
  TwoRules exact({.path = {TextMatch::kExact, "/it's here"}});
  CHECK(exact.ask("/foo") == "one");
  TwoRules regex({.path = {TextMatch::kRegex, "/x[0-9]+"}});
  CHECK(regex.ask("/x12") == "two");
  CHECK(regex.ask("/x12/y") == "one");
}

TEST_CASE("hosts, methods, headers and query parameters all have to match") {
  TwoRules rules({.hostname = "*.example.com",
                  .method = "POST",
                  .headers = {{TextMatch::kExact, "x-user", "it's me, -- \"you\""}},
                  .queries = {{TextMatch::kRegex, "q", "a|b"}}});
  const std::string host = "Host: Shop.Example.com:80\r\n";
  const std::string user = "x-user: it's me, -- \"you\"\r\n";
  CHECK(rules.ask("/?q=a", host + user, "POST") == "two");
  CHECK(rules.ask("/?q=ab", host + user, "POST") == "one");
  CHECK(rules.ask("/?q=a", host, "POST") == "one");
  CHECK(rules.ask("/?q=a", host + user, "GET") == "one");
  CHECK(rules.ask("/?q=a", "Host: example.com\r\n" + user, "POST") == "one");
}

TEST_CASE("no route is a 404") {
  const TestServer one("one");
  StateBuilder builder;
  builder.version("v1", {&one}).weights({{"v1", 10000}});
  builder.state.listeners[0].entries[0].hostname = "only.example.com";
  Rig rig;
  rig.apply(builder.state);
  CHECK(Client(kAddress, builder.port()).get().status == 404);
}

TEST_CASE("a sticky client stays with its version, and weights still move the rest") {
  const TestServer one("one"), two("two");
  for (const Stickiness& stickiness :
       {Stickiness{Stickiness::Kind::kCookie, "towpath"}, Stickiness{Stickiness::Kind::kHeader, "x-user"}}) {
    StateBuilder builder;
    builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 5000}, {"v2", 5000}});
    builder.state.rules[0].stickiness = stickiness;
    Rig rig;
    rig.apply(builder.state);
    int canary = 0;
    for (int user = 0; user < 200; ++user) {
      Client client(kAddress, builder.port());
      std::string headers = "x-user: u" + std::to_string(user) + "\r\n";
      const Reply first = client.get("/", headers);
      if (const std::size_t at = first.headers.find("towpath="); at != std::string::npos) {
        headers += "Cookie: " + first.headers.substr(at, first.headers.find(';', at) - at) + "\r\n";
      }
      canary += first.body == "two";
      for (int i = 0; i < 3; ++i) CHECK(client.get("/", headers).body == first.body);
    }
    CHECK(std::abs(canary - 100) < 4 * 7.1);
  }
}

TEST_CASE("filters edit headers and redirect") {
  const TestServer one("one");
  StateBuilder builder;
  builder.version("v1", {&one}).weights({{"v1", 10000}});
  builder.state.rules[0].response_headers.set = {{"x-lane", "100% \"fast\" it's"}};
  Rig rig;
  rig.apply(builder.state);
  CHECK(Client(kAddress, builder.port()).get().headers.contains("x-lane: 100% \"fast\" it's\r\n"));
  builder.state.rules[0].redirect = Redirect{.scheme = "https", .hostname = "shop.example.com", .status = 301};
  rig.apply(builder.state);
  const Reply moved = Client(kAddress, builder.port()).get("/cart?id=1");
  CHECK(moved.status == 301);
  CHECK(moved.headers.contains("location: https://shop.example.com/cart?id=1\r\n"));
}

TEST_CASE("a TCP service is passed through, shared by connections") {
  const TestServer one("one"), two("two");
  StateBuilder builder;
  builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 5000}, {"v2", 5000}});
  builder.state.listeners[0].mode = Mode::kTcp;
  builder.state.backends[0].mode = Mode::kTcp;
  Rig rig;
  rig.apply(builder.state);
  Tally tally;
  for (int i = 0; i < 40; ++i) ++tally.bodies[Client(kAddress, builder.port()).get().body];
  CHECK(tally.bodies["one"] + tally.bodies["two"] == 40);
  CHECK(tally.bodies.size() == 2);
  rig.apply(builder.weights({}).state);
  CHECK(Client(kAddress, builder.port()).get().status == 0);
}

std::map<std::string, std::uint64_t> countsOf(Rig& rig, std::map<std::string, WorkerCounters>& by_worker) {
  const auto counters = loop::blockOn(rig.loop(), rig.proxy().counters());
  REQUIRE(counters);
  for (const WorkerCounters& worker : *counters) by_worker[worker.worker] = worker;
  std::map<std::string, std::uint64_t> sums;
  for (const auto& [name, worker] : by_worker) {
    for (const TrafficCount& count : worker.counts) {
      const std::string what = count.latency_us ? "timed" : std::to_string(count.status);
      sums[count.version.hash + " " + what] += count.count;
    }
  }
  return sums;
}

TEST_CASE("counters are exact by version and status, over reloads, and know what had no answer") {
  const TestServer one("one");
  TestServer two("two");
  StateBuilder builder;
  Rig rig;
  rig.apply(builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 10000}}).state);
  std::map<std::string, WorkerCounters> by_worker;
  Client client(kAddress, builder.port());
  for (int i = 0; i < 30; ++i) client.get(i % 3 == 0 ? "/status/500" : i % 3 == 1 ? "/status/404" : "/");
  rig.apply(builder.listener(freePort()).state);
  for (int i = 0; i < 7; ++i) client.get("/");  // the first of them still on the old worker
  CHECK(countsOf(rig, by_worker) ==
        std::map<std::string, std::uint64_t>{{"v1 200", 17}, {"v1 404", 10}, {"v1 500", 10}, {"v1 timed", 27}});
  client.disconnect();
  rig.awaitWorkers(1);
  CHECK(countsOf(rig, by_worker)["v1 200"] == 17);

  rig.apply(builder.weights({{"v2", 10000}}).state);
  two.kill();
  CHECK(Client(kAddress, builder.port()).get().status == 503);
  CHECK(countsOf(rig, by_worker)["v2 0"] == 1);
}

}  // namespace
}  // namespace towpath::proxy::testing
