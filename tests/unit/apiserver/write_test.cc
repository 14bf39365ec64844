#include "harness.h"

namespace towpath::apiserver {
namespace {

using cluster::PatchType;
constexpr auto kConfigMap = "{metadata: {name: settings}, data: {a: '1'}}";
constexpr auto kReplicaSet = R"(
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: 'shop:1'}, {name: side, image: 'side:1'}]}
)";
constexpr auto kPod = "{metadata: {name: one}, spec: {nodeName: n1, containers: [{name: app, image: x}]}}";

TEST_CASE("a created object gets its metadata from the server") {
  Harness api;
  const auto made = api.made(cluster::kReplicaSets, kReplicaSet);
  const auto& metadata = made["metadata"];
  CHECK(made["apiVersion"].asString() == "apps/v1");
  CHECK(made["kind"].asString() == "ReplicaSet");
  CHECK(metadata["namespace"].asString() == "default");
  CHECK(metadata["uid"].asString().size() == 36);
  CHECK(metadata["creationTimestamp"].asString() == "2026-01-01T00:00:00Z");
  CHECK(metadata["generation"].asInt() == 1);
  CHECK(!metadata["resourceVersion"].asString().empty());
}

TEST_CASE("creating twice, in no namespace, or under a bad name is refused") {
  Harness api;
  api.made(cluster::kConfigMaps, kConfigMap);
  CHECK(api.create(cluster::kConfigMaps, kConfigMap).error().reason == Reason::kAlreadyExists);
  const auto nowhere = api.create(cluster::kConfigMaps, "{metadata: {name: a, namespace: nowhere}}");
  CHECK(nowhere.error().reason == Reason::kNotFound);
  CHECK(nowhere.error().message == "namespaces \"nowhere\" not found");
  const auto bad = api.create(cluster::kConfigMaps, "{metadata: {name: Not_A_Name}}");
  CHECK(bad.error().reason == Reason::kInvalid);
  CHECK(bad.error().causes.at(0).field == "metadata.name");
  CHECK(api.create(cluster::kConfigMaps, "{data: {}}").error().causes.at(0).type == "FieldValueRequired");
}

TEST_CASE("generateName makes a different name each time") {
  Harness api;
  const auto first = api.made(cluster::kConfigMaps, "{metadata: {generateName: run-}}")["metadata"]["name"].asString();
  const auto second = api.made(cluster::kConfigMaps, "{metadata: {generateName: run-}}")["metadata"]["name"].asString();
  CHECK(first.starts_with("run-"));
  CHECK(first.size() == 9);
  CHECK(first != second);
}

TEST_CASE("a stale resourceVersion is a conflict, no resourceVersion is not") {
  Harness api;
  auto object = api.made(cluster::kConfigMaps, kConfigMap);
  object["data"]["a"] = "2";
  REQUIRE(api.update(cluster::kConfigMaps, object));
  object["data"]["a"] = "3";
  const auto stale = api.update(cluster::kConfigMaps, object);
  CHECK(stale.error().reason == Reason::kConflict);
  CHECK(api.get(cluster::kConfigMaps, "settings")["data"]["a"].asString() == "2");
  object["metadata"].makeObject().erase("resourceVersion");
  CHECK(api.update(cluster::kConfigMaps, object));
}

TEST_CASE("generation rises with the spec alone, and each part has its own address") {
  Harness api;
  auto object = api.made(cluster::kReplicaSets, kReplicaSet);
  object["status"]["replicas"] = 7;
  object["metadata"]["labels"]["a"] = "b";
  auto main = api.update(cluster::kReplicaSets, object);
  REQUIRE(main);
  CHECK(main->object->parse()["status"]["replicas"].asInt() == 0);
  CHECK(main->object->meta().generation == 1);
  auto status = api.patch(cluster::kReplicaSets, "web", PatchType::kMerge,
                          "{status: {replicas: 7}, spec: {replicas: 9}}", {.subresource = "status"});
  REQUIRE(status);
  CHECK(status->object->parse()["status"]["replicas"].asInt() == 7);
  CHECK(status->object->parse()["spec"]["replicas"].asInt() == 2);
  CHECK(status->object->meta().generation == 1);
  auto spec = api.patch(cluster::kReplicaSets, "web", PatchType::kMerge, "{spec: {replicas: 3}}");
  REQUIRE(spec);
  CHECK(spec->object->meta().generation == 2);
}

TEST_CASE("an update that changes nothing writes nothing") {
  Harness api;
  const auto object = api.made(cluster::kConfigMaps, kConfigMap);
  const auto before = api.store->stats().revision;
  const auto same = api.update(cluster::kConfigMaps, object);
  REQUIRE(same);
  CHECK(api.store->stats().revision == before);
  CHECK(same->object->meta().resource_version == object["metadata"]["resourceVersion"].asString());
}

TEST_CASE("the three kinds of patches") {
  Harness api;
  api.made(cluster::kReplicaSets, kReplicaSet);
  auto strategic = api.patch(cluster::kReplicaSets, "web", PatchType::kStrategicMerge,
                             "{spec: {template: {spec: {containers: [{name: side, image: 'side:2'}]}}}}");
  REQUIRE_MESSAGE(strategic.has_value(), (strategic ? "" : strategic.error().message));
  const auto merged = strategic->object->parse();
  const auto& containers = merged["spec"]["template"]["spec"]["containers"];
  CHECK(containers.asArray().size() == 2);
  CHECK(containers[std::size_t{1}]["image"].asString() == "side:2");
  auto json =
      api.patch(cluster::kReplicaSets, "web", PatchType::kJson, "[{op: replace, path: /spec/replicas, value: 5}]");
  REQUIRE(json);
  CHECK(json->object->parse()["spec"]["replicas"].asInt() == 5);
  CHECK(api.patch(cluster::kReplicaSets, "web", PatchType::kJson, "[{op: test, path: /spec/replicas, value: 9}]")
            .error()
            .reason == Reason::kInvalid);
  api.made(cluster::kGatewayClasses, "{metadata: {name: edge}, spec: {controllerName: towpath.dev/proxy}}");
  CHECK(api.patch(cluster::kGatewayClasses, "edge", PatchType::kStrategicMerge, "{spec: {description: x}}")
            .error()
            .reason == Reason::kUnsupportedMedia);
  CHECK(
      api.patch(cluster::kReplicaSets, "web", PatchType::kMerge, "{metadata: {resourceVersion: '1'}}").error().reason ==
      Reason::kConflict);
}

TEST_CASE("types, required fields, unknown fields") {
  Harness api;
  const auto wrong = api.create(cluster::kServices, "{metadata: {name: s}, spec: {ports: [{port: eighty}]}}");
  REQUIRE(!wrong);
  CHECK(wrong.error().reason == Reason::kInvalid);
  CHECK(wrong.error().causes.at(0).field == "spec.ports[0].port");
  const auto text = "{metadata: {name: s}, spec: {ports: [{port: 80, prot: x}]}}";
  const auto strict = api.create(cluster::kServices, text, {.field_validation = FieldValidation::kStrict});
  CHECK(strict.error().reason == Reason::kBadRequest);
  CHECK(strict.error().message.find("unknown field \"spec.ports[0].prot\"") != std::string::npos);
  CHECK(api.names(cluster::kServices).empty());
  const auto warned = api.create(cluster::kServices, text, {.field_validation = FieldValidation::kWarn});
  REQUIRE(warned);
  CHECK(warned->warnings == std::vector<std::string>{"unknown field \"spec.ports[0].prot\""});
}

TEST_CASE("defaults of a Service") {
  Harness api;
  const auto service = api.made(cluster::kServices, "{metadata: {name: s}, spec: {ports: [{port: 80}]}}");
  CHECK(service["spec"]["type"].asString() == "ClusterIP");
  CHECK(service["spec"]["ports"][std::size_t{0}]["targetPort"].asInt() == 80);
  CHECK(service["spec"]["ports"][std::size_t{0}]["protocol"].asString() == "TCP");
}

TEST_CASE("a Secret's plain text becomes data") {
  Harness api;
  const auto secret = api.made(cluster::kSecrets, "{metadata: {name: s}, stringData: {key: hello}}");
  CHECK(secret["data"]["key"].asString() == "aGVsbG8=");
  CHECK(secret["stringData"].isNull());
}

TEST_CASE("what may not change") {
  Harness api;
  api.made(cluster::kReplicaSets, kReplicaSet);
  const auto selector =
      api.patch(cluster::kReplicaSets, "web", PatchType::kMerge,
                "{spec: {selector: {matchLabels: {app: other}}, template: {metadata: {labels: {app: other}}}}}");
  CHECK(selector.error().causes.at(0).field == "spec.selector");
  api.made(cluster::kPods, kPod);
  CHECK(!api.patch(cluster::kPods, "one", PatchType::kMerge, "{spec: {hostname: other}}"));
  CHECK(!api.patch(cluster::kPods, "one", PatchType::kMerge, "{spec: {nodeName: n2}}"));
  api.made(cluster::kConfigMaps, "{metadata: {name: fixed}, immutable: true, data: {a: b}}");
  CHECK(api.patch(cluster::kConfigMaps, "fixed", PatchType::kMerge, "{data: {a: c}}").error().causes.at(0).field ==
        "data");
  const auto renamed = api.patch(cluster::kConfigMaps, "fixed", PatchType::kMerge, "{metadata: {uid: other}}");
  CHECK(renamed.error().reason == Reason::kConflict);
}

TEST_CASE("a pod without a node is bound to one once") {
  Harness api;
  api.made(cluster::kPods, "{metadata: {name: p}, spec: {containers: [{name: app, image: x}]}}");
  CHECK(api.patch(cluster::kPods, "p", PatchType::kMerge, "{spec: {nodeName: n1}}"));
  CHECK(!api.patch(cluster::kPods, "p", PatchType::kMerge, "{spec: {nodeName: n2}}"));
}

TEST_CASE("a selector that misses the template is refused") {
  Harness api;
  const auto bad = api.create(cluster::kReplicaSets, R"({metadata: {name: x}, spec: {selector: {matchLabels: {app: a}},
      template: {metadata: {labels: {app: b}}, spec: {containers: [{name: c, image: i}]}}}})");
  CHECK(bad.error().causes.at(0).field == "spec.template.metadata.labels");
}

TEST_CASE("dry run answers as if and changes nothing") {
  Harness api;
  const auto dry = api.create(cluster::kConfigMaps, kConfigMap, {.dry_run = cluster::DryRun::kYes});
  REQUIRE(dry);
  CHECK(dry->object->meta().name == "settings");
  CHECK(api.names(cluster::kConfigMaps).empty());
  api.made(cluster::kConfigMaps, kConfigMap);
  const auto patched = api.patch(cluster::kConfigMaps, "settings", PatchType::kMerge, "{data: {a: '2'}}",
                                 {.dry_run = cluster::DryRun::kYes});
  CHECK(patched->object->parse()["data"]["a"].asString() == "2");
  CHECK(api.get(cluster::kConfigMaps, "settings")["data"]["a"].asString() == "1");
  CHECK(api.remove(cluster::kConfigMaps, "settings", {.dry_run = cluster::DryRun::kYes}));
  CHECK(api.names(cluster::kConfigMaps) == "settings");
}

TEST_CASE("the scale subresource") {
  Harness api;
  api.made(cluster::kReplicaSets, kReplicaSet);
  const auto scale = api.registry.scaleOf(*api.kind(cluster::kReplicaSets), "default", "web");
  REQUIRE(scale);
  CHECK((*scale)["spec"]["replicas"].asInt() == 2);
  CHECK((*scale)["status"]["selector"].asString() == "app=web");
  REQUIRE(
      api.patch(cluster::kReplicaSets, "web", PatchType::kMerge, "{spec: {replicas: 6}}", {.subresource = "scale"}));
  CHECK(api.get(cluster::kReplicaSets, "web")["spec"]["replicas"].asInt() == 6);
  CHECK(
      !api.patch(cluster::kReplicaSets, "web", PatchType::kMerge, "{spec: {replicas: -1}}", {.subresource = "scale"}));
}

TEST_CASE("admission changes what is stored, and refuses with causes") {
  Harness api;
  api.registry.addMutator("services", [](AdmissionRequest& request) {
    if (request.operation == Operation::kCreate) (*request.object)["spec"]["clusterIP"] = "127.64.0.1";
    return std::vector<Error>();
  });
  api.registry.addValidator("services", [](AdmissionRequest& request) {
    std::vector<Error> errors;
    if (request.object == nullptr)
      errors.push_back({ErrorKind::kForbidden, "this service stays", {}});
    else if ((*request.object)["spec"]["type"].asStringView() == "NodePort") {
      errors.push_back({ErrorKind::kInvalid, "Invalid value: port 80 is taken", "spec.ports[0].nodePort"});
    }
    return errors;
  });
  CHECK(api.made(cluster::kServices, "{metadata: {name: s}, spec: {ports: [{port: 80}]}}")["spec"]["clusterIP"]
            .asString() == "127.64.0.1");
  const auto refused =
      api.create(cluster::kServices, "{metadata: {name: t}, spec: {type: NodePort, ports: [{port: 80}]}}");
  CHECK(refused.error().reason == Reason::kInvalid);
  CHECK(refused.error().causes.at(0).field == "spec.ports[0].nodePort");
  CHECK(api.remove(cluster::kServices, "s").error().reason == Reason::kForbidden);
}

TEST_CASE("a service that is replaced keeps its address") {
  Harness api;
  api.made(cluster::kServices, "{metadata: {name: s}, spec: {clusterIP: 127.64.0.9, ports: [{port: 80}]}}");
  const auto replaced =
      api.update(cluster::kServices, yaml("{metadata: {name: s, namespace: default}, spec: {ports: [{port: 81}]}}"));
  REQUIRE(replaced);
  CHECK(replaced->object->parse()["spec"]["clusterIP"].asString() == "127.64.0.9");
  CHECK(!api.patch(cluster::kServices, "s", PatchType::kMerge, "{spec: {clusterIP: 127.64.0.10}}"));
}

TEST_CASE("an object over the limit is refused") {
  Harness api;
  Value big = yaml(kConfigMap);
  big["data"]["a"] = std::string(2u << 20, 'x');
  const auto refused = api.run(api.registry.create(api.kind(cluster::kConfigMaps), "default", std::move(big)));
  CHECK(refused.error().reason == Reason::kTooLarge);
}

}  // namespace
}  // namespace towpath::apiserver
