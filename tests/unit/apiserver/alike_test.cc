// The API in memory (cluster/memory_api.h) and the registry behave alike in what controllers rely on: the same calls to
// both, and the same answers.

#include <doctest/doctest.h>

#include <functional>

#include "apiserver/local_api.h"
#include "apiserver/registry.h"
#include "cluster/memory_api.h"
#include "json/yaml.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "store/memory_store.h"

namespace towpath::apiserver {
namespace {

using cluster::ObjectApi;
using cluster::PatchType;

Value yaml(std::string_view text) { return json::parseYamlDocument(text).value(); }

constexpr const char* kSet = R"(
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web, namespace: default, annotations: {}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: v1}]}}
status: {replicas: 9}
)";

struct Both {
  Both() : store(store::makeMemoryStore()), registry(loop, *store), local(registry, "test"), memory(loop) {
    REQUIRE(loop::blockOn(loop, registry.start()).has_value());
  }

  // What the call says, the same of both.
  std::string alike(const std::function<loop::Task<std::string>(ObjectApi&)>& call) {
    const std::string expected = loop::blockOn(loop, call(local));
    CHECK(loop::blockOn(loop, call(memory)) == expected);
    return expected;
  }
  std::string patched(std::string text, std::string subresource = "", PatchType type = PatchType::kMerge) {
    return alike([=](ObjectApi& api) -> loop::Task<std::string> {
      co_return told(
          co_await api.patch(cluster::kReplicaSets, "default", "web", type, yaml(text), {.subresource = subresource}));
    });
  }
  // Generation, size, image and status: what no server may see differently.
  static std::string told(const Result<cluster::ObjectRef>& answer) {
    if (!answer) return toString(answer.error().kind);
    const Value object = (*answer)->parse();
    return fmt::format("generation {}, {} replicas, status {}, {}", object["metadata"]["generation"].asInt(),
                       object["spec"]["replicas"].asInt(), object["status"]["replicas"].asInt(-1),
                       object["metadata"]["deletionTimestamp"].isNull() ? "stays" : "goes");
  }
  std::string create() {
    return alike([](ObjectApi& api) -> loop::Task<std::string> {
      co_return told(co_await api.create(cluster::kReplicaSets, yaml(kSet)));
    });
  }

  loop::VirtualLoop loop;
  std::unique_ptr<store::Store> store;
  Registry registry;
  LocalApi local;
  cluster::MemoryApi memory;
};

}  // namespace

TEST_CASE("in memory as on the server: generation, status apart from the rest, and writes that change nothing") {
  Both both;
  CHECK(both.create() == "generation 1, 2 replicas, status 0, stays");
  CHECK(both.create() == "already exists");
  CHECK(both.patched("spec: {replicas: 3}") == "generation 2, 3 replicas, status 0, stays");
  CHECK(both.patched("{spec: {replicas: 7}, status: {replicas: 3}}", "status") ==
        "generation 2, 3 replicas, status 3, stays");
  CHECK(both.patched("status: {replicas: 5}") == "generation 2, 3 replicas, status 3, stays");
  CHECK(both.patched("metadata: {labels: {a: b}, generation: 9}") == "generation 2, 3 replicas, status 3, stays");
  CHECK(both.patched("metadata: {resourceVersion: '1'}") == "conflict");
  both.patched("metadata: {uid: other}");
  CHECK(both.patched("[{op: replace, path: /spec/replicas, value: 4}]", "", PatchType::kJson) ==
        "generation 3, 4 replicas, status 3, stays");
}

TEST_CASE("in memory as on the server: deletion, finalizers and preconditions") {
  Both both;
  both.create();
  const auto removed = [&both](cluster::DeleteOptions options) {
    return both.alike([=](ObjectApi& api) -> loop::Task<std::string> {
      const Result<void> done = co_await api.remove(cluster::kReplicaSets, "default", "web", options);
      co_return done ? "done" : toString(done.error().kind);
    });
  };
  CHECK(removed({.uid = "other"}) == "conflict");
  both.patched("metadata: {finalizers: [example.com/wait]}");
  CHECK(removed({}) == "done");
  CHECK(both.patched("{}").ends_with("goes"));
  both.patched("metadata: {finalizers: null}");
  CHECK(both.patched("spec: {replicas: 1}") == "not found");
  CHECK(removed({}) == "not found");
}

TEST_CASE("in memory as on the server: a watch resumes after what was seen, and says what came since") {
  Both both;
  both.create();
  const std::string seen = both.alike([](ObjectApi& api) -> loop::Task<std::string> {
    const auto page = co_await api.list(cluster::kReplicaSets, {.ns = "default"});
    auto watch = co_await api.watch(cluster::kReplicaSets, {.resource_version = page->resource_version});
    for (int size : {3, 3, 4}) {
      (void)co_await api.patch(cluster::kReplicaSets, "default", "web", PatchType::kMerge,
                               Object{{"spec", Object{{"replicas", size}}}});
    }
    (void)co_await api.remove(cluster::kReplicaSets, "default", "web");
    std::string text;
    for (int i = 0; i < 3; ++i) {
      const auto event = co_await (*watch)->next();
      text += fmt::format("{} {} ", static_cast<int>(event->type), event->object->parse()["spec"]["replicas"].asInt());
    }
    co_return text;
  });
  CHECK(seen == "1 3 1 4 2 4 ");
}

TEST_CASE("in memory: history that is gone ends a watch, and resuming before it is refused") {
  loop::VirtualLoop loop;
  cluster::MemoryApi api(loop);
  REQUIRE(api.createNow(cluster::kReplicaSets, yaml(kSet)).has_value());
  auto watch = loop::blockOn(loop, api.watch(cluster::kReplicaSets, {.resource_version = "1"}));
  REQUIRE(watch.has_value());
  api.compact();
  CHECK(loop::blockOn(loop, (*watch)->next()).error().kind == ErrorKind::kGone);
  CHECK(loop::blockOn(loop, api.watch(cluster::kReplicaSets, {.resource_version = "1"})).error().kind ==
        ErrorKind::kGone);
}

}  // namespace towpath::apiserver
