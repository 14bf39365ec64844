#include "harness.h"

namespace towpath::apiserver {
namespace {

using cluster::PatchType;

void makePods(Harness& api) {
  api.made(
      cluster::kPods,
      "{metadata: {name: a, labels: {app: web, num: '1'}}, spec: {nodeName: n1, containers: [{name: c, image: i}]}}");
  api.made(
      cluster::kPods,
      "{metadata: {name: b, labels: {app: web, num: '5'}}, spec: {nodeName: n2, containers: [{name: c, image: i}]}}");
  api.made(cluster::kPods, "{metadata: {name: c, labels: {app: db}}, spec: {containers: [{name: c, image: i}]}}");
}

TEST_CASE("label selectors") {
  Harness api;
  makePods(api);
  const std::pair<const char*, const char*> table[] = {
      {"app=web", "a b"},
      {"app==web", "a b"},
      {"app!=web", "c"},
      {"app in (web,db)", "a b c"},
      {"app notin (web)", "c"},
      {"num", "a b"},
      {"!num", "c"},
      {"num>1", "b"},
      {"num<5", "a"},
      {"app=web,num=5", "b"},
      {"app in (web), num!=1", "b"},
      {"", "a b c"},
      {"missing!=x", "a b c"},
      {"missing notin (x)", "a b c"},
  };
  for (const auto& [selector, wanted] : table) {
    CAPTURE(selector);
    CHECK(api.names(cluster::kPods, {.label_selector = selector}) == wanted);
  }
  for (const auto* bad : {"app=web,", "app in web", "=x", "app in (web", "a b", "n>x"}) {
    CAPTURE(bad);
    CHECK(api.registry.list(*api.kind(cluster::kPods), {.label_selector = bad}).error().reason == Reason::kBadRequest);
  }
}

TEST_CASE("field selectors") {
  Harness api;
  makePods(api);
  const std::pair<const char*, const char*> table[] = {
      {"metadata.name=b", "b"},          {"metadata.name!=b", "a c"},
      {"spec.nodeName=n1", "a"},         {"spec.nodeName=", "c"},
      {"status.phase=Pending", "a b c"}, {"status.phase=Pending,spec.nodeName=n2", "b"},
      {"metadata.namespace=other", ""},  {"spec.nodeName!=n1,metadata.name!=c", "b"},
  };
  for (const auto& [selector, wanted] : table) {
    CAPTURE(selector);
    CHECK(api.names(cluster::kPods, {.field_selector = selector}) == wanted);
  }
  const auto unknown = api.registry.list(*api.kind(cluster::kPods), {.field_selector = "spec.hostname=x"});
  CHECK(unknown.error().message == "field label not supported: spec.hostname");
  api.made(cluster::kEvents,
           R"({metadata: {name: e}, involvedObject: {kind: Rollout, name: shop, uid: u1}, reason: R, type: Normal})");
  CHECK(api.names(cluster::kEvents,
                  {.field_selector = "involvedObject.name=shop,involvedObject.kind=Rollout,type=Normal"}) == "e");
}

TEST_CASE("pages are of one state, whatever changes between them") {
  Harness api;
  makePods(api);
  const auto kind = api.kind(cluster::kPods);
  const auto first = api.registry.list(*kind, {.limit = 2});
  REQUIRE(first);
  CHECK(first->items.size() == 2);
  CHECK(first->remaining == 1);
  REQUIRE(!first->continue_token.empty());
  REQUIRE(api.remove(cluster::kPods, "c", {.grace_period_seconds = 0}));
  api.made(cluster::kPods, "{metadata: {name: d}, spec: {containers: [{name: c, image: i}]}}");
  const auto second = api.registry.list(*kind, {.limit = 2, .continue_token = first->continue_token});
  REQUIRE(second);
  CHECK(second->items.at(0)->meta().name == "c");
  CHECK(second->items.size() == 1);
  CHECK(second->continue_token.empty());
  CHECK(second->resource_version == first->resource_version);
  CHECK(api.registry.list(*kind, {.continue_token = "rubbish"}).error().reason == Reason::kBadRequest);
}

TEST_CASE("a list may ask for a version") {
  Harness api;
  makePods(api);
  const auto kind = api.kind(cluster::kPods);
  const auto then = api.registry.list(*kind, {})->resource_version;
  REQUIRE(api.remove(cluster::kPods, "c", {.grace_period_seconds = 0}));
  CHECK(api.registry.list(*kind, {}, {then, "Exact"})->items.size() == 3);
  CHECK(api.registry.list(*kind, {}, {then, "NotOlderThan"})->items.size() == 2);
  CHECK(api.registry.list(*kind, {}, {"999999", ""}).error().reason == Reason::kTimeout);
}

TEST_CASE("a watch shows the state, then what changes") {
  Harness api;
  makePods(api);
  auto watch = api.watch(cluster::kPods, {.label_selector = "app=web"});
  CHECK(events(*watch) == "+a +b");
  CHECK(watch->initialDone());
  // b leaves the selection, c enters it, a changes and goes.
  REQUIRE(api.patch(cluster::kPods, "b", PatchType::kMerge, "{metadata: {labels: {app: db}}}"));
  REQUIRE(api.patch(cluster::kPods, "c", PatchType::kMerge, "{metadata: {labels: {app: web}}}"));
  REQUIRE(api.patch(cluster::kPods, "a", PatchType::kMerge, "{metadata: {labels: {x: z}}}"));
  REQUIRE(api.remove(cluster::kPods, "a", {.grace_period_seconds = 0}));
  CHECK(events(*watch) == "-b +c ~a -a");
}

TEST_CASE("an object that leaves a selection is shown as it last matched, at the new version") {
  Harness api;
  makePods(api);
  auto watch = api.watch(cluster::kPods, {.label_selector = "app=db"});
  CHECK(events(*watch) == "+c");
  REQUIRE(api.patch(cluster::kPods, "c", PatchType::kMerge, "{metadata: {labels: {app: web}}}"));
  const auto event = watch->tryNext();
  REQUIRE(event);
  CHECK(*event->object->meta().label("app") == "db");
  CHECK(event->object->meta().resource_version ==
        api.get(cluster::kPods, "c")["metadata"]["resourceVersion"].asString());
}

TEST_CASE("a watch resumes after a version, and is told when that is gone") {
  Harness api(5);
  makePods(api);
  const auto version = api.registry.list(*api.kind(cluster::kPods), {})->resource_version;
  REQUIRE(api.patch(cluster::kPods, "a", PatchType::kMerge, "{metadata: {labels: {x: z}}}"));
  auto watch = api.watch(cluster::kPods, {.resource_version = version});
  CHECK(events(*watch) == "~a");
  for (int i = 0; i < 10; ++i) {
    REQUIRE(api.patch(cluster::kPods, "a", PatchType::kMerge, "{metadata: {labels: {x: z" + std::to_string(i) + "}}}"));
  }
  CHECK(api.registry.watch(api.kind(cluster::kPods), {.resource_version = version}).error().reason == Reason::kExpired);
}

TEST_CASE("initial events can be asked for or declined") {
  Harness api;
  makePods(api);
  const auto version = api.registry.list(*api.kind(cluster::kPods), {})->resource_version;
  auto state = api.watch(cluster::kPods, {.resource_version = version, .initial = InitialEvents::kState});
  CHECK(events(*state) == "+a +b +c");
  auto fresh = api.watch(cluster::kPods, {.initial = InitialEvents::kNewOnly});
  CHECK(events(*fresh).empty());
}

TEST_CASE("a watcher that never reads is cut off instead of growing without end") {
  Harness api;
  api.made(cluster::kConfigMaps, "{metadata: {name: a}}");
  auto watch = api.watch(cluster::kConfigMaps, {});
  for (std::size_t i = 0; i <= kWatchBacklog; ++i) {
    REQUIRE(api.patch(cluster::kConfigMaps, "a", PatchType::kMerge, "{data: {num: '" + std::to_string(i) + "'}}"));
  }
  REQUIRE(watch->failure());
  CHECK(watch->failure()->reason == Reason::kExpired);
}

}  // namespace
}  // namespace towpath::apiserver
