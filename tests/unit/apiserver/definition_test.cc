#include "apiserver/discovery.h"
#include "harness.h"

namespace towpath::apiserver {
namespace {

using cluster::PatchType;

const cluster::Resource kShops{"towpath.test", "v1", "shops", "Shop"};
constexpr auto kDefinition = R"(
metadata: {name: shops.towpath.test}
spec:
  group: towpath.test
  scope: Namespaced
  names: {plural: shops, kind: Shop, shortNames: [sh]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema: &schema
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, required: [size], properties: {size: {type: integer, minimum: 1}, town: {type: string, default: Bern}}}
          status: {type: object, properties: {size: {type: integer}}}
  - {name: v1beta1, served: true, storage: false, schema: *schema}
)";

TEST_CASE("an applied definition serves its kind") {
  Harness api;
  CHECK(!api.registry.kinds().find(kShops));
  const auto made = api.made(cluster::kCustomResourceDefinitions, kDefinition);
  CHECK(made["status"]["conditions"][std::size_t{1}]["type"].asString() == "Established");
  CHECK(made["status"]["conditions"][std::size_t{1}]["status"].asString() == "True");
  const auto shop = api.made(kShops, "{metadata: {name: a}, spec: {size: 3, colour: red}}");
  CHECK(shop["spec"]["town"].asString() == "Bern");
  CHECK(shop["spec"]["colour"].isNull());
  CHECK(api.create(kShops, "{metadata: {name: b}, spec: {size: 0}}").error().causes.at(0).field == "spec.size");
  CHECK(api.create(kShops, "{metadata: {name: b}, spec: {}}").error().causes.at(0).type == "FieldValueRequired");
  REQUIRE(api.patch(kShops, "a", PatchType::kMerge, "{spec: {replicas: 9}}", {.subresource = "scale"}));
  CHECK(resourceList(api.registry.kinds(), "towpath.test", "v1").has_value());
}

TEST_CASE("all served versions show the same objects") {
  Harness api;
  api.made(cluster::kCustomResourceDefinitions, kDefinition);
  api.made(kShops, "{metadata: {name: a}, spec: {size: 3}}");
  auto beta = kShops;
  beta.version = "v1beta1";
  CHECK(api.get(beta, "a")["apiVersion"].asString() == "towpath.test/v1beta1");
  CHECK(api.get(kShops, "a")["apiVersion"].asString() == "towpath.test/v1");
}

TEST_CASE("deleting a definition deletes its objects and its kind") {
  Harness api;
  api.made(cluster::kCustomResourceDefinitions, kDefinition);
  api.made(kShops, "{metadata: {name: a}, spec: {size: 3}}");
  REQUIRE(api.run(api.registry.remove(api.kind(cluster::kCustomResourceDefinitions), "", "shops.towpath.test")));
  CHECK(!api.registry.kinds().find(kShops));
  api.made(cluster::kCustomResourceDefinitions, kDefinition);
  CHECK(api.names(kShops).empty());
}

TEST_CASE("definitions are there again after a restart") {
  Harness api;
  api.made(cluster::kCustomResourceDefinitions, kDefinition);
  Registry again(api.loop, *api.store);
  REQUIRE(api.run(again.start()));
  CHECK(again.kinds().find(kShops));
}

TEST_CASE("a definition that cannot be served is refused") {
  Harness api;
  const auto misnamed = api.create(cluster::kCustomResourceDefinitions, R"({metadata: {name: x.towpath.test}, spec: {
      group: towpath.test, scope: Namespaced, names: {plural: shops, kind: Shop},
      versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}})");
  CHECK(misnamed.error().causes.at(0).field == "metadata.name");
  const auto schemaless =
      api.create(cluster::kCustomResourceDefinitions, R"({metadata: {name: shops.towpath.test}, spec: {
      group: towpath.test, scope: Namespaced, names: {plural: shops, kind: Shop},
      versions: [{name: v1, served: true, storage: true}]}})");
  CHECK(schemaless.error().causes.at(0).field == "spec.versions[0].schema.openAPIV3Schema");
}

}  // namespace
}  // namespace towpath::apiserver
