#include "cluster/cache.h"

#include <doctest/doctest.h>

#include "apiserver/local_api.h"
#include "cluster/events.h"
#include "json/yaml.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "store/memory_store.h"

namespace towpath::cluster {
namespace {

struct Bench {
  explicit Bench(std::size_t history = 10000)
      : store(store::makeMemoryStore(history)), registry(loop, *store), api(registry, "test") {
    REQUIRE(loop::blockOn(loop, registry.start()).has_value());
  }
  template <class T>
  T run(loop::Task<T> task) {
    return loop::blockOn(loop, std::move(task));
  }
  ObjectRef make(std::string_view name, std::string_view labels = "{}", std::string_view owner = "") {
    std::string text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + std::string(name) +
                       ", namespace: default, labels: " + std::string(labels);
    if (!owner.empty()) {
      text +=
          ", ownerReferences: [{apiVersion: v1, kind: X, name: x, controller: true, uid: " + std::string(owner) + "}]";
    }
    auto made = done(api.create(kConfigMaps, *json::parseYamlDocument(text + "}}")));
    REQUIRE(made.has_value());
    return *made;
  }
  // Caches never come to rest, so the loop is only run as far as needed.
  template <class T>
  T done(loop::Task<T> task) {
    std::optional<T> value;
    loop::Scope scope(loop, "test");
    scope.spawn([](loop::Task<T> inner, std::optional<T>& into) -> loop::Task<void> {
      into.emplace(co_await std::move(inner));
    }(std::move(task), value));
    loop.runUntilIdle();
    REQUIRE(value.has_value());
    return std::move(*value);
  }

  loop::VirtualLoop loop;
  std::unique_ptr<store::Store> store;
  apiserver::Registry registry;
  apiserver::LocalApi api;
};

std::string names(const std::vector<ObjectRef>& objects) {
  std::string text;
  for (const ObjectRef& object : objects) text += (text.empty() ? "" : " ") + object->meta().name;
  return text;
}

}  // namespace

TEST_CASE("a cache has what was there, in pages, and what comes") {
  Bench bench;
  for (const char* name : {"a", "b", "c", "d", "e"}) bench.make(name);
  Cache cache(bench.loop, bench.api, kConfigMaps, {.ns = "default", .page_size = 2});
  cache.start();
  CHECK_FALSE(cache.synced());
  bench.loop.advance(1s);
  CHECK(cache.synced());
  CHECK(names(cache.list()) == "a b c d e");

  bench.make("f");
  REQUIRE(bench.done(bench.api.remove(kConfigMaps, "default", "b")).has_value());
  bench.loop.advance(1s);
  CHECK(names(cache.list("default")) == "a c d e f");
  CHECK(cache.find("default", "b") == nullptr);
}

TEST_CASE("owners and labels are found by index, also after they changed") {
  Bench bench;
  Cache cache(bench.loop, bench.api, kConfigMaps, {.ns = "default", .label_indexes = {"app"}});
  cache.start();
  bench.make("a", "{app: shop}", "u1");
  bench.make("b", "{app: shop}", "u2");
  bench.loop.advance(1s);
  CHECK(names(cache.controlledBy("u1")) == "a");
  CHECK(names(cache.withLabel("", "app", "shop")) == "a b");
  Value patch;
  patch["metadata"]["labels"]["app"] = "other";
  patch["metadata"]["ownerReferences"] = Value();
  REQUIRE(bench.done(bench.api.patch(kConfigMaps, "default", "a", PatchType::kMerge, patch)).has_value());
  bench.loop.advance(1s);
  CHECK(names(cache.controlledBy("u1")).empty());
  CHECK(names(cache.withLabel("default", "app", "shop")) == "b");
}

TEST_CASE("an own write is seen at once and is not undone by an older event") {
  Bench bench;
  const ObjectRef first = bench.make("a");
  Cache cache(bench.loop, bench.api, kConfigMaps, {.ns = "default"});
  cache.start();
  bench.loop.advance(1s);
  Value patch;
  patch["data"]["k"] = "v";
  const auto second = bench.done(bench.api.patch(kConfigMaps, "default", "a", PatchType::kMerge, patch));
  REQUIRE(second.has_value());
  cache.observe(*second);
  cache.observe(first);
  CHECK(cache.find("default", "a") == *second);
}

TEST_CASE("listeners hear of each difference, also when a deletion fell into a gap of the history") {
  Bench bench(4);
  bench.make("kept");
  bench.make("lost");
  Cache cache(bench.loop, bench.api, kConfigMaps, {.ns = "default"});
  cache.start();
  bench.loop.advance(1s);
  std::string heard;
  const Cache::Listener listener = cache.listen([&heard](const CacheChange& change) {
    heard += std::string(change.before ? (change.after ? "~" : "-") : "+") + change.meta().name + " ";
  });
  CHECK(heard == "+kept +lost ");
  heard.clear();
  REQUIRE(bench.done(bench.api.remove(kConfigMaps, "default", "lost")).has_value());
  for (int i = 0; i < 10; ++i) bench.make("n" + std::to_string(i));
  bench.loop.advance(1min);
  CHECK(heard.find("-lost ") != std::string::npos);
  CHECK(heard.find("kept") == std::string::npos);
  CHECK(cache.size() >= 11);
}

TEST_CASE("the same event again is counted, and a flood is cut") {
  Bench bench;
  EventRecorder events(bench.loop, bench.api, "tester");
  const EventSubject subject{"v1", "ConfigMap", "default", "a", "u", ""};
  for (int i = 0; i < 3; ++i) events.record(subject, EventType::kWarning, "Broken", "it broke");
  bench.loop.runUntilIdle();
  auto list = bench.done(bench.api.list(kEvents, {.ns = "default"}));
  REQUIRE(list.has_value());
  REQUIRE(list->items.size() == 1);
  const Value event = list->items[0]->parse();
  CHECK(event["count"].asInt() == 3);
  CHECK(event["involvedObject"]["name"].asString() == "a");
  CHECK(event["source"]["component"].asString() == "tester");

  for (int i = 0; i < 100; ++i) events.record(subject, EventType::kNormal, "Noise", std::to_string(i));
  bench.loop.runUntilIdle();
  list = bench.done(bench.api.list(kEvents, {.ns = "default"}));
  CHECK(list->items.size() <= 12);
  CHECK(events.dropped() >= 70);
}

}  // namespace towpath::cluster
