#include "agents/assigner.h"

#include <algorithm>
#include <set>

#include "support.h"

namespace towpath::agents {
namespace {

using namespace cluster;

struct Fixture : World {
  Fixture() { REQUIRE(assigner.start()); }

  // "pods/a +, services/b -", sorted, of what the node is sent now.
  std::string send(const std::string& node) {
    std::optional<wire::Assignment> assignment = assigner.difference(node, holding[node]);
    if (!assignment) return "";
    std::set<std::string> words;
    for (const wire::ObjectState& object : assignment->objects) {
      words.insert(object.resource.substr(0, object.resource.find('.')) + "/" + object.name +
                   (object.deleted ? " -" : " +"));
    }
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
  }

  std::set<std::string> dirty;
  Assigner assigner{*store, [this](const std::string& node) { dirty.insert(node.empty() ? "*" : node); }};
  std::map<std::string, Assigner::Holding> holding;
};

const char* const kRoute =
    "{metadata: {name: shop, namespace: default}, spec: {parentRefs: [{name: front}], rules: [{backendRefs: "
    "[{name: shop-stable, port: 80, weight: 100}, {name: shop-canary, port: 80, weight: 0}]}]}}";

std::string service(const std::string& name, const std::string& ns = "default") {
  return "{metadata: {name: " + name + ", namespace: " + ns + "}, spec: {clusterIP: 127.64.0.9, ports: [{port: 80}]}}";
}

TEST_CASE_FIXTURE(Fixture, "a node gets its own pods and nobody else's") {
  makePod("a", "node-1");
  makePod("b", "node-2");
  CHECK(send("node-1") == "pods/a +");
  CHECK(send("node-2") == "pods/b +");
  CHECK(send("node-3").empty());
  CHECK(send("node-1").empty());
}

TEST_CASE_FIXTURE(Fixture, "only ConfigMaps and Secrets that a pod of the node names go with it") {
  for (const char* name : {"named", "volume", "other"}) {
    make(kSecrets, std::string("{metadata: {name: ") + name + ", namespace: default}}");
    make(kConfigMaps, std::string("{metadata: {name: ") + name + ", namespace: default}, data: {a: b}}");
  }
  make(kPods,
       "{metadata: {name: a, namespace: default}, spec: {nodeName: node-1, volumes: [{name: v, configMap: {name: "
       "volume}}, "
       "{name: s, secret: {secretName: volume}}], containers: [{name: web, image: shop, envFrom: [{secretRef: {name: "
       "named}}], "
       "env: [{name: XX, valueFrom: {configMapKeyRef: {name: named, key: a}}}, {name: YY, valueFrom: {secretKeyRef: "
       "{name: absent, "
       "key: a, optional: true}}}]}]}}");
  makePod("b", "node-2");
  CHECK(send("node-1") == "configmaps/named +, configmaps/volume +, pods/a +, secrets/named +, secrets/volume +");
  CHECK(send("node-2") == "pods/b +");

  dirty.clear();
  patch(kConfigMaps, "named", "{data: {a: c}}");
  CHECK(dirty == std::set<std::string>{"node-1"});
  CHECK(send("node-1") == "configmaps/named +");
  dirty.clear();
  make(kSecrets, "{metadata: {name: absent, namespace: default}}");
  CHECK(dirty == std::set<std::string>{"node-1"});
  CHECK(send("node-1") == "secrets/absent +");
  remove(kPods, "a");
  CHECK(send("node-1") ==
        "configmaps/named -, configmaps/volume -, pods/a -, secrets/absent -, secrets/named -, secrets/volume -");
}

TEST_CASE_FIXTURE(Fixture, "a node's own status reports do not come back to it") {
  makePod("a", "node-1");
  make(kGateways,
       "{metadata: {name: front, namespace: default}, spec: {gatewayClassName: towpath, listeners: [{name: http, port: "
       "8080, protocol: HTTP}]}}");
  make(kHttpRoutes, kRoute);
  send("node-1");
  dirty.clear();
  patch(kPods, "a", "{status: {phase: Running}}", "status");
  patch(kHttpRoutes, "shop", "{status: {parents: [], towpath: {nodes: []}}}", "status");
  CHECK(dirty.empty());
  CHECK(send("node-1").empty());
}

TEST_CASE_FIXTURE(Fixture, "a node without pods gets what it needs to serve a Gateway, and no more") {
  make(kServices, service("shop-stable"));
  make(kServices, service("shop-canary"));
  make(kServices, service("inner"));
  make(kEndpointSlices,
       "{metadata: {name: shop-stable-1, namespace: default, labels: {kubernetes.io/service-name: shop-stable}}, "
       "addressType: IPv4, endpoints: []}");
  make(kEndpointSlices,
       "{metadata: {name: inner-1, namespace: default, labels: {kubernetes.io/service-name: inner}}, addressType: "
       "IPv4, endpoints: []}");
  CHECK(send("node-1").empty());
  make(kGateways,
       "{metadata: {name: front, namespace: default}, spec: {gatewayClassName: towpath, listeners: [{name: http, port: "
       "8080, protocol: HTTP}]}}");
  make(kHttpRoutes, kRoute);
  CHECK(send("node-1") ==
        "endpointslices/shop-stable-1 +, gateways/front +, httproutes/shop +, services/shop-canary +, "
        "services/shop-stable +");
  SUBCASE("a pod of the namespace may call every Service of it") {
    makePod("a", "node-1");
    CHECK(send("node-1") == "endpointslices/inner-1 +, pods/a +, services/inner +");
  }
  SUBCASE("a Gateway may be for some nodes only") {
    make(kNodes, "{metadata: {name: node-1, labels: {role: edge}}}");
    make(kNodes, "{metadata: {name: node-2, labels: {role: inner}}}");
    patch(kGateways, "front", "{metadata: {annotations: {towpath.dev/node-selector: role=edge}}}");
    CHECK(send("node-2").empty());
    CHECK(send("node-1") == "gateways/front +");
    patch(kNodes, "node-2", "{metadata: {labels: {role: edge}}}");
    CHECK(dirty.contains("node-2"));
    CHECK(send("node-2").contains("gateways/front +"));
    patch(kNodes, "node-1", "{metadata: {labels: {role: inner}}}");
    CHECK(send("node-1").contains("gateways/front -"));
  }
  SUBCASE("a change of weights is one object") {
    patch(kHttpRoutes, "shop",
          "{spec: {rules: [{backendRefs: [{name: shop-stable, port: 80, weight: 80}, {name: shop-canary, port: 80, "
          "weight: 20}]}]}}");
    CHECK(dirty.contains("*"));
    CHECK(send("node-1") == "httproutes/shop +");
  }
}

TEST_CASE_FIXTURE(Fixture, "a Service with a nodePort concerns every node") {
  make(kServices,
       "{metadata: {name: door, namespace: default}, spec: {type: NodePort, clusterIP: 127.64.0.9, ports: [{port: 80, "
       "nodePort: 30080}]}}");
  CHECK(send("node-1") == "services/door +");
}

TEST_CASE_FIXTURE(Fixture,
                  "an agent that comes back gets what differs from what it holds, also from another Assigner") {
  makePod("a", "node-1");
  makePod("b", "node-1");
  send("node-1");
  Assigner::Holding held = holding["node-1"];
  remove(kPods, "b");
  makePod("c", "node-1");
  Assigner restarted(*store, [](const std::string&) {});
  REQUIRE(restarted.start());
  std::optional<wire::Assignment> assignment = restarted.difference("node-1", held);
  REQUIRE(assignment);
  REQUIRE(assignment->objects.size() == 2);
  CHECK(assignment->objects[0].name == "b");
  CHECK(assignment->objects[0].deleted);
  CHECK(assignment->objects[1].name == "c");
  CHECK(!restarted.difference("node-1", held));
}

TEST_CASE_FIXTURE(Fixture, "what a node is sent has neither status nor bookkeeping, and keeps what a node needs") {
  makePod("a", "node-1");
  std::optional<wire::Assignment> assignment = assigner.difference("node-1", holding["node-1"]);
  REQUIRE(assignment);
  Value pod = yaml(assignment->objects[0].json);
  CHECK(pod["status"].isNull());
  CHECK(pod.at({"metadata", "resourceVersion"}).isNull());
  CHECK(!cluster::uidOf(pod).empty());
  CHECK(pod.at({"spec", "containers"})[0]["image"].asStringView() == "shop");
}

}  // namespace
}  // namespace towpath::agents
