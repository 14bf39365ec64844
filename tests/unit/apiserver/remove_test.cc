#include "harness.h"

namespace towpath::apiserver {
namespace {

using cluster::PatchType;
using cluster::Propagation;

TEST_CASE("finalizers hold an object back until the last is taken off") {
  Harness api;
  api.made(cluster::kConfigMaps, "{metadata: {name: a, finalizers: [x.dev/one]}}");
  const auto removed = api.remove(cluster::kConfigMaps, "a");
  REQUIRE(removed);
  CHECK(!removed->gone);
  CHECK(api.get(cluster::kConfigMaps, "a")["metadata"]["deletionTimestamp"].isString());
  const auto revision = api.store->stats().revision;
  CHECK(api.remove(cluster::kConfigMaps, "a"));
  CHECK(api.store->stats().revision == revision);
  REQUIRE(api.patch(cluster::kConfigMaps, "a", PatchType::kMerge, "{metadata: {finalizers: null}}"));
  CHECK(api.names(cluster::kConfigMaps).empty());
}

TEST_CASE("preconditions of a deletion") {
  Harness api;
  const auto made = api.made(cluster::kConfigMaps, "{metadata: {name: a}}");
  CHECK(api.remove(cluster::kConfigMaps, "a", {.uid = "other"}).error().reason == Reason::kConflict);
  CHECK(api.remove(cluster::kConfigMaps, "a", {.resource_version = "1"}).error().reason == Reason::kConflict);
  CHECK(api.remove(cluster::kConfigMaps, "a", {.uid = made["metadata"]["uid"].asString()}));
  CHECK(api.remove(cluster::kConfigMaps, "a").error().reason == Reason::kNotFound);
}

TEST_CASE("a pod on a node is given time, one without goes at once") {
  Harness api;
  api.made(cluster::kPods, "{metadata: {name: placed}, spec: {nodeName: n1, containers: [{name: c, image: i}]}}");
  api.made(cluster::kPods, "{metadata: {name: free}, spec: {containers: [{name: c, image: i}]}}");
  CHECK(api.remove(cluster::kPods, "free")->gone);
  CHECK(!api.remove(cluster::kPods, "placed")->gone);
  const auto pod = api.get(cluster::kPods, "placed");
  CHECK(pod["metadata"]["deletionGracePeriodSeconds"].asInt() == 30);
  CHECK(pod["metadata"]["deletionTimestamp"].asString() == "2026-01-01T00:00:30Z");
  REQUIRE(
      api.patch(cluster::kPods, "placed", PatchType::kMerge, "{status: {phase: Running}}", {.subresource = "status"}));
  CHECK(api.names(cluster::kPods) == "placed");
  CHECK(api.remove(cluster::kPods, "placed", {.grace_period_seconds = 0})->gone);
  CHECK(api.names(cluster::kPods).empty());
}

TEST_CASE("orphan frees the dependents, foreground waits for the collector") {
  Harness api;
  const auto owner = api.made(cluster::kConfigMaps, "{metadata: {name: owner}}")["metadata"]["uid"].asString();
  const auto reference = "[{apiVersion: v1, kind: ConfigMap, name: owner, uid: " + owner + "}]";
  api.made(cluster::kSecrets, "{metadata: {name: child, ownerReferences: " + reference + "}}");
  CHECK(!api.remove(cluster::kConfigMaps, "owner", {.propagation = Propagation::kForeground})->gone);
  CHECK(api.get(cluster::kConfigMaps, "owner")["metadata"]["finalizers"] == Value(Array{"foregroundDeletion"}));
  REQUIRE(api.patch(cluster::kConfigMaps, "owner", PatchType::kMerge, "{metadata: {finalizers: [x.dev/keep]}}"));
  CHECK(api.remove(cluster::kConfigMaps, "owner", {.propagation = Propagation::kOrphan}));
  CHECK(api.get(cluster::kSecrets, "child")["metadata"]["ownerReferences"].isNull());
}

TEST_CASE("a namespace that ends takes nothing new and goes when it is finalized") {
  Harness api;
  api.made(cluster::kNamespaces, "{metadata: {name: shop}}");
  CHECK(!api.remove(cluster::kNamespaces, "shop")->gone);
  CHECK(api.get(cluster::kNamespaces, "shop")["status"]["phase"].asString() == "Terminating");
  CHECK(api.create(cluster::kConfigMaps, "{metadata: {name: a, namespace: shop}}").error().reason ==
        Reason::kForbidden);
  REQUIRE(api.patch(cluster::kNamespaces, "shop", PatchType::kMerge, "{spec: {finalizers: []}}",
                    {.subresource = "finalize"}));
  CHECK(api.get(cluster::kNamespaces, "shop").isNull());
  CHECK(api.remove(cluster::kNamespaces, "default").error().reason == Reason::kForbidden);
}

TEST_CASE("deleting a collection deletes what is selected") {
  Harness api;
  api.made(cluster::kConfigMaps, "{metadata: {name: a, labels: {x: '1'}}}");
  api.made(cluster::kConfigMaps, "{metadata: {name: b, labels: {x: '2'}}}");
  const auto removed = api.run(
      api.registry.removeCollection(api.kind(cluster::kConfigMaps), {.ns = "default", .label_selector = "x=1"}));
  REQUIRE(removed);
  CHECK(removed->items.size() == 1);
  CHECK(api.names(cluster::kConfigMaps) == "b");
}

}  // namespace
}  // namespace towpath::apiserver
