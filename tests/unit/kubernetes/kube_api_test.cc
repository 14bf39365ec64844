#include "harness.h"

using namespace towpath;
using namespace towpath::access;
using namespace towpath::kubernetes;
using cluster::kConfigMaps;

namespace {

std::string nextOf(Harness& harness, cluster::Watch& watch) {
  const auto event = harness.run(watch.next());
  if (!event) return std::string(toString(event.error().kind));
  const char* const signs[] = {"+", "~", "-", "="};
  return signs[static_cast<int>(event->type)] + event->object->meta().name;
}

}  // namespace

TEST_CASE("objects are made, read, changed in each way, and deleted") {
  Harness harness;
  KubeApi& api = harness.api;
  const auto made = harness.run(api.create(kConfigMaps, configMap("a", "data: {one: '1'}")));
  REQUIRE_MESSAGE(made, (made ? "" : describe(made.error())));
  CHECK(!(*made)->meta().uid.empty());
  const auto again = harness.run(api.create(kConfigMaps, configMap("a")));
  REQUIRE(!again);
  CHECK(again.error().kind == ErrorKind::kAlreadyExists);

  auto got = harness.run(api.get(kConfigMaps, "default", "a"));
  REQUIRE(got);
  CHECK((*got)->json() == (*made)->json());
  CHECK(harness.run(api.get(kConfigMaps, "default", "b")).error().kind == ErrorKind::kNotFound);

  got = harness.run(
      api.patch(kConfigMaps, "default", "a", cluster::PatchType::kMerge, yaml("data: {one: null, two: '2'}")));
  REQUIRE(got);
  CHECK((*got)->parse()["data"] == yaml("{two: '2'}"));
  got = harness.run(
      api.patch(kConfigMaps, "default", "a", cluster::PatchType::kStrategicMerge, yaml("data: {three: '3'}")));
  REQUIRE(got);
  got = harness.run(
      api.patch(kConfigMaps, "default", "a", cluster::PatchType::kJson, yaml("[{op: remove, path: /data/two}]")));
  REQUIRE_MESSAGE(got, (got ? "" : describe(got.error())));
  CHECK((*got)->parse()["data"] == yaml("{three: '3'}"));

  // A dry run answers and changes nothing.
  Value changed = (*got)->parse();
  changed["data"] = yaml("{dry: run}");
  REQUIRE(harness.run(api.update(kConfigMaps, changed, {.dry_run = cluster::DryRun::kYes})));
  CHECK((*harness.run(api.get(kConfigMaps, "default", "a")))->parse()["data"] == yaml("{three: '3'}"));
  REQUIRE(harness.run(api.update(kConfigMaps, changed)));
  const auto stale = harness.run(api.update(kConfigMaps, changed));
  REQUIRE(!stale);
  CHECK(stale.error().kind == ErrorKind::kConflict);

  const auto other = harness.run(api.remove(kConfigMaps, "default", "a", {.uid = "of-another"}));
  REQUIRE(!other);
  CHECK(other.error().kind == ErrorKind::kConflict);
  CHECK(harness.run(api.remove(kConfigMaps, "default", "a", {.uid = (*made)->meta().uid})));
  CHECK(harness.run(api.remove(kConfigMaps, "default", "a")).error().kind == ErrorKind::kNotFound);
}

TEST_CASE("a status is written through its subresource, and a refusal names the field") {
  Harness harness;
  const auto made = harness.run(harness.api.create(cluster::kReplicaSets, yaml(R"(
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web, namespace: default}
spec: {replicas: 1, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}
)")));
  REQUIRE_MESSAGE(made, (made ? "" : describe(made.error())));
  const auto patched =
      harness.run(harness.api.patch(cluster::kReplicaSets, "default", "web", cluster::PatchType::kMerge,
                                    yaml("{spec: {replicas: 7}, status: {replicas: 1}}"), {.subresource = "status"}));
  REQUIRE(patched);
  CHECK((*patched)->parse()["status"]["replicas"].asInt() == 1);
  CHECK((*patched)->parse()["spec"]["replicas"].asInt() == 1);

  const auto invalid = harness.run(
      harness.api.create(cluster::kRollouts, yaml("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: "
                                                  "x, namespace: default}\nspec: {replicas: many}")));
  REQUIRE(!invalid);
  CHECK(invalid.error().kind == ErrorKind::kInvalid);
  CHECK(invalid.error().field == "spec.replicas");
}

TEST_CASE("lists come in pages, by selectors, and say where a watch begins") {
  Harness harness;
  for (int i = 0; i < 7; ++i) {
    harness.make(configMap(fmt::format("m{}", i)));
    harness.make(yaml(fmt::format(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: n{}, namespace: default, labels: {{tier: ab}}}}}}", i)));
  }
  cluster::ListOptions query{.ns = "default", .label_selector = "tier,tier notin (x,z)", .limit = 3};
  std::string names;
  std::string version;
  int pages = 0;
  do {
    const auto page = harness.run(harness.api.list(kConfigMaps, query));
    REQUIRE_MESSAGE(page, (page ? "" : describe(page.error())));
    for (const auto& item : page->items) names += item->meta().name + " ";
    query.continue_token = page->continue_token;
    version = page->resource_version;
    ++pages;
  } while (!query.continue_token.empty());
  CHECK(names == "n0 n1 n2 n3 n4 n5 n6 ");
  CHECK(pages == 3);

  auto watch = harness.run(harness.api.watch(kConfigMaps, {.ns = "default", .resource_version = version}));
  REQUIRE(watch);
  harness.make(configMap("new"));
  CHECK(nextOf(harness, **watch) == "+new");
  (void)harness.run(harness.server.inside.remove(kConfigMaps, "default", "m0"));
  CHECK(nextOf(harness, **watch) == "-m0");
}

TEST_CASE("a watch: bookmarks of a quiet resource, the server's end of it, and 410 for a version that is gone") {
  Harness harness(5);
  const auto listed = harness.run(harness.api.list(kConfigMaps, {}));
  auto watch = harness.run(harness.api.watch(kConfigMaps, {.resource_version = listed->resource_version}));
  REQUIRE(watch);
  CHECK(nextOf(harness, **watch) == "=");
  std::string last;
  for (int i = 0; i < 50 && last != "unavailable"; ++i) last = nextOf(harness, **watch);
  CHECK(last == toString(ErrorKind::kUnavailable));

  for (int i = 0; i < 20; ++i) harness.make(configMap(fmt::format("m{}", i)));
  auto old = harness.run(harness.api.watch(kConfigMaps, {.resource_version = listed->resource_version}));
  if (old) CHECK(nextOf(harness, **old) == toString(ErrorKind::kGone));
  if (!old) CHECK(old.error().kind == ErrorKind::kGone);
}

TEST_CASE("a dead watch is noticed by its silence") {
  Harness harness;
  auto watch = harness.run(harness.api.watch(kConfigMaps, {}));
  REQUIRE(watch);
  CHECK(nextOf(harness, **watch) == "=");
  harness.server.http.cutAll();
  CHECK(nextOf(harness, **watch) == toString(ErrorKind::kUnavailable));

  // Headers came, then nothing, not even bookmarks.
  struct Silent final : http::Transport {
    explicit Silent(loop::Loop& loop) : never(loop), on(loop) {}
    struct Stream final : http::ResponseStream {
      explicit Stream(Silent& from) : owner(from) {}
      int status() const override { return 200; }
      const http::Headers& headers() const override { return owner.none; }
      loop::Task<Result<std::optional<std::string>>> wait() {
        co_await owner.never.wait();
        co_return std::nullopt;
      }
      loop::Task<Result<std::optional<std::string>>> read() override {
        co_return co_await loop::withTimeout(owner.on, owner.asked_idle, wait());
      }
      loop::Task<Result<std::optional<std::string>>> readLine(std::size_t) override { co_return co_await read(); }
      Silent& owner;
    };
    loop::Task<Result<http::Response>> fetch(http::ClientRequest) override { co_return http::Response{}; }
    loop::Task<Result<std::unique_ptr<http::ResponseStream>>> open(http::ClientRequest request) override {
      asked_idle = request.idle_timeout;
      co_return std::make_unique<Stream>(*this);
    }
    loop::Event never;
    loop::Loop& on;
    http::Headers none;
    Duration asked_idle{};
  } silent(harness.loop);
  KubeApi api(harness.loop, silent, harness.server.access, harness.credentials);
  auto dead = harness.run(api.watch(kConfigMaps, {}));
  REQUIRE(dead);
  CHECK(nextOf(harness, **dead) == toString(ErrorKind::kTimeout));
}

TEST_CASE("an eviction is asked for once: a disruption budget's 429 is its answer") {
  Harness harness;
  harness.make(yaml("apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: default}\n"
                    "spec: {containers: [{name: c, image: i}]}"),
               cluster::kPods);
  const Value eviction = yaml("{apiVersion: policy/v1, kind: Eviction, metadata: {name: web-1, namespace: default}}");
  std::string asked;
  harness.transport.plan = [&asked](const http::ClientRequest& request) -> testing::Fault {
    asked += request.method + " " + request.url.substr(request.url.find("/api/")) + "\n";
    return testing::statusAnswer(429, "TooManyRequests", 10);
  };
  const auto refused = harness.run(harness.api.create(cluster::kPods, eviction, {.subresource = "eviction"}));
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::kTooManyRequests);
  CHECK(asked == "POST /api/v1/namespaces/default/pods/web-1/eviction?fieldManager=towpath\n");
  harness.transport.plan = {};
  REQUIRE(harness.run(harness.api.create(cluster::kPods, eviction, {.subresource = "eviction"})));
  CHECK(harness.run(harness.api.get(cluster::kPods, "default", "web-1")).error().kind == ErrorKind::kNotFound);
}

TEST_CASE("refused requests are sent again when the server allows it; writes whose fate is unknown are not") {
  Harness harness;
  int left = 2;
  harness.transport.plan = [&left](const http::ClientRequest&) -> testing::Fault {
    if (left-- > 0) return testing::statusAnswer(429, "TooManyRequests", 7);
    return testing::NoFault{};
  };
  const MonoTime began = harness.loop.now();
  REQUIRE(harness.run(harness.api.create(kConfigMaps, configMap("a"))));
  CHECK(harness.loop.now() - began >= 14s);
  CHECK(harness.api.stats().limited == 2);

  // The write happened, the answer was lost: told as such, and not done twice.
  std::uint64_t writes = 0;
  harness.transport.plan = [&writes](const http::ClientRequest& request) -> testing::Fault {
    if (testing::isWrite(request)) ++writes;
    return testing::LoseAnswer{};
  };
  const auto lost = harness.run(harness.api.create(kConfigMaps, configMap("b")));
  REQUIRE(!lost);
  CHECK(lost.error().kind == ErrorKind::kUnavailable);
  CHECK(writes == 1);
  harness.transport.plan = {};
  CHECK(harness.run(harness.api.get(kConfigMaps, "default", "b")));

  // Reads are, a bounded number of times.
  harness.transport.plan = [](const http::ClientRequest&) -> testing::Fault {
    return testing::statusAnswer(500, "InternalError");
  };
  const std::uint64_t before = harness.api.stats().requests;
  CHECK(harness.run(harness.api.get(kConfigMaps, "default", "b")).error().kind == ErrorKind::kUnavailable);
  CHECK(harness.api.stats().requests - before == kMostTries);
}

TEST_CASE("requests say who sends them, and in whose name fields are managed") {
  Harness harness(100, {.user_agent = "towpath-test/1", .field_manager = "me", .rate = {.per_second = 0}});
  std::vector<http::ClientRequest> seen;
  harness.transport.plan = [&seen](const http::ClientRequest& request) -> testing::Fault {
    seen.push_back(request);
    return testing::NoFault{};
  };
  REQUIRE(harness.run(harness.api.create(kConfigMaps, configMap("a"))));
  REQUIRE(harness.run(harness.api.patch(kConfigMaps, "default", "a", cluster::PatchType::kMerge, yaml("data: {a: b}"),
                                        {.field_manager = "other"})));
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].headers.get("User-Agent") == "towpath-test/1");
  CHECK(seen[0].url.contains("fieldManager=me"));
  CHECK(seen[1].url.contains("fieldManager=other"));
  CHECK(seen[1].headers.get("Content-Type") == "application/merge-patch+json");
}

TEST_CASE("a rejected token is renewed once, and then believed to be wrong") {
  Harness harness;
  testing::MemoryApiServer& server = harness.server;
  testing::TempDir files;
  ClusterAccess access = server.access;
  access.token_file = files.file("token", "stale");
  Credentials credentials(harness.loop, access);
  KubeApi api(harness.loop, harness.transport, access, credentials);
  const auto refused = harness.run(api.list(kConfigMaps, {}));
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::kUnauthorized);
  CHECK(api.stats().requests == 2);
  files.file("token", server.access.token);
  CHECK(harness.run(api.list(kConfigMaps, {})));
  CHECK(harness.run(api.watch(kConfigMaps, {})));
}
