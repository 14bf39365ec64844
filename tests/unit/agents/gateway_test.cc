#include "agents/gateway_status.h"
#include "agents/node_object.h"
#include "support.h"

namespace towpath::agents {
namespace {

using namespace cluster;

struct Fixture : World {
  Fixture() {
    makeNode("node-1", "192.0.2.1");
    makeNode("node-2", "192.0.2.2");
    makeGateway("{name: http, port: 8080, protocol: HTTP}");
    REQUIRE(gateways.start());
    settle();
  }

  void settle() { loop.advance(2s); }
  void makeNode(const std::string& name, const std::string& address) {
    make(kNodes, "{metadata: {name: " + name + ", labels: {shop: " + name + "}}}");
    patch(kNodes, name,
          "{status: {addresses: [{type: InternalIP, address: " + address +
              "}], conditions: [{type: Ready, status: 'True'}]}}",
          "status");
  }
  void makeGateway(const std::string& listeners) {
    make(kGateways, "{metadata: {name: front, namespace: default}, spec: {gatewayClassName: towpath, listeners: [" +
                        listeners + "]}}");
  }
  void makeRoute(const std::string& name, const std::string& spec) {
    make(kHttpRoutes,
         "{metadata: {name: " + name + ", namespace: default}, spec: {parentRefs: [{name: front}]" + spec + "}}");
  }
  wire::GatewayReport word(std::string error = "") {
    Value gateway = get(kGateways, "front");
    return {.ns = "default",
            .name = "front",
            .uid = std::string(uidOf(gateway)),
            .generation = gateway.at({"metadata", "generation"}).asInt(),
            .address = "",
            .listeners = {{.name = "http", .error = std::move(error)}},
            .error = ""};
  }
  void say(const std::string& node, wire::GatewayReport report) {
    gateways.report(node, std::move(report));
    settle();
  }
  Value condition(const char* type) {
    for (const Value& one : get(kGateways, "front").at({"status", "conditions"}).asArray()) {
      if (one["type"].asStringView() == type) return one;
    }
    return {};
  }
  std::string version() { return get(kGateways, "front").at({"metadata", "resourceVersion"}).asString(); }

  GatewayStatus gateways{{loop, *store, api}};
};

std::string statusOf(const Value& condition) { return condition["status"].asString(); }

TEST_CASE_FIXTURE(Fixture, "the class is there from the start, and accepted; another controller's is left alone") {
  CHECK(conditionStatus(get(kGatewayClasses, "towpath"), "Accepted") == "True");
  make(kGatewayClasses, "{metadata: {name: other}, spec: {controllerName: example.com/other}}");
  settle();
  CHECK(get(kGatewayClasses, "other").at({"status", "conditions"}).asArray().empty());
  std::string before = get(kGatewayClasses, "towpath").at({"metadata", "resourceVersion"}).asString();
  settle();
  CHECK(get(kGatewayClasses, "towpath").at({"metadata", "resourceVersion"}).asString() == before);
}

TEST_CASE_FIXTURE(Fixture, "a Gateway is programmed when each node says that it listens, and not before") {
  CHECK(statusOf(condition("Accepted")) == "True");
  CHECK(statusOf(condition("Programmed")) == "False");
  CHECK(condition("Programmed")["reason"].asStringView() == "Pending");
  say("node-1", word());
  CHECK(statusOf(condition("Programmed")) == "False");
  CHECK(condition("Programmed")["message"].asString() == "waiting for node-2");
  say("node-2", word());
  CHECK(statusOf(condition("Programmed")) == "True");
  CHECK(condition("Programmed")["observedGeneration"].asInt() == 1);
  Value status = get(kGateways, "front")["status"];
  REQUIRE(status["addresses"].asArray().size() == 2);
  CHECK(std::as_const(status)["addresses"][1]["value"].asStringView() == "192.0.2.2");
  CHECK(std::as_const(status)["addresses"][1]["type"].asStringView() == "IPAddress");
}

TEST_CASE_FIXTURE(Fixture, "a refused listener is named with its node and its reason, until it is mended") {
  say("node-1", word());
  say("node-2", word("0.0.0.0:8080 is taken by another program"));
  CHECK(statusOf(condition("Programmed")) == "False");
  CHECK(condition("Programmed")["reason"].asStringView() == "AddressNotUsable");
  CHECK(condition("Programmed")["message"].asString() ==
        "node-2: listener http: 0.0.0.0:8080 is taken by another program");
  const Value listener = get(kGateways, "front").at({"status", "listeners"})[0];
  CHECK(conditionStatus(Object{{"status", listener}}, "Programmed") == "False");
  CHECK(conditionStatus(Object{{"status", listener}}, "Accepted") == "True");
  say("node-2", word());
  CHECK(statusOf(condition("Programmed")) == "True");
}

TEST_CASE_FIXTURE(Fixture, "a change of the spec is programmed only once the nodes have taken it") {
  say("node-1", word());
  say("node-2", word());
  patch(kGateways, "front", "{spec: {listeners: [{name: http, port: 8081, protocol: HTTP}]}}");
  settle();
  CHECK(statusOf(condition("Programmed")) == "False");
  CHECK(condition("Programmed")["observedGeneration"].asInt() == 2);
  say("node-1", word());
  say("node-2", word());
  CHECK(statusOf(condition("Programmed")) == "True");
}

TEST_CASE_FIXTURE(Fixture, "a settled world writes nothing") {
  say("node-1", word());
  say("node-2", word());
  std::string before = version();
  gateways.report("node-1", word());
  patch(kNodes, "node-1", "{metadata: {annotations: {seen: again}}}");
  loop.advance(1h);
  CHECK(version() == before);
}

TEST_CASE_FIXTURE(Fixture, "a silent node is not waited for, a deleted one and one that is not selected do not count") {
  say("node-1", word());
  SUBCASE("silent") { patch(kNodes, "node-2", "{status: {conditions: [{type: Ready, status: Unknown}]}}", "status"); }
  SUBCASE("deleted") { remove(kNodes, "node-2"); }
  SUBCASE("not selected") {
    patch(kGateways, "front", "{metadata: {annotations: {towpath.dev/node-selector: shop=node-1}}}");
  }
  settle();
  CHECK(statusOf(condition("Programmed")) == "True");
}

TEST_CASE_FIXTURE(Fixture, "without a node that could serve it, it is not programmed") {
  remove(kNodes, "node-1");
  remove(kNodes, "node-2");
  settle();
  CHECK(statusOf(condition("Programmed")) == "False");
  CHECK(condition("Programmed")["reason"].asStringView() == "NoResources");
}

TEST_CASE_FIXTURE(Fixture, "a coordinator that starts anew still knows what the nodes have said") {
  say("node-1", word());
  say("node-2", word());
  GatewayStatus again{{loop, *store, api}};
  REQUIRE(again.start());
  std::string before = version();
  settle();
  CHECK(version() == before);
  CHECK(statusOf(condition("Programmed")) == "True");
}

TEST_CASE_FIXTURE(Fixture, "what was said of a Gateway that was deleted does not count for a new one of its name") {
  say("node-1", word());
  say("node-2", word());
  wire::GatewayReport old = word();
  remove(kGateways, "front");
  makeGateway("{name: http, port: 8080, protocol: HTTP}");
  settle();
  say("node-1", old);
  CHECK(statusOf(condition("Programmed")) == "False");
}

TEST_CASE_FIXTURE(Fixture, "a protocol that is not served is refused at its listener; the others go on") {
  patch(kGateways, "front",
        "{spec: {listeners: [{name: http, port: 8080, protocol: HTTP}, {name: tls, port: 8443, protocol: TLS}]}}");
  settle();
  for (const char* node : {"node-1", "node-2"}) {
    wire::GatewayReport report = word();
    report.listeners.push_back({.name = "tls", .error = "only HTTP is served"});
    say(node, report);
  }
  CHECK(statusOf(condition("Accepted")) == "True");
  CHECK(condition("Accepted")["reason"].asStringView() == "ListenersNotValid");
  CHECK(statusOf(condition("Programmed")) == "True");
  const Value tls = get(kGateways, "front").at({"status", "listeners"})[1];
  CHECK(conditionStatus(Object{{"status", tls}}, "Accepted") == "False");
  CHECK(conditionStatus(Object{{"status", tls}}, "Programmed") == "False");
}

TEST_CASE_FIXTURE(Fixture, "attached routes are counted for each listener by port, host name and namespace") {
  patch(kGateways, "front",
        "{spec: {listeners: [{name: http, port: 8080, protocol: HTTP}, {name: shop, port: 8081, protocol: HTTP, "
        "hostname: '*.shop.example'}]}}");
  makeRoute("any", "");
  makeRoute("other", ", hostnames: [www.example]");
  makeRoute("shop", ", hostnames: [a.shop.example]");
  settle();
  auto attached = [&](std::size_t index) {
    return get(kGateways, "front").at({"status", "listeners"})[index]["attachedRoutes"].asInt();
  };
  CHECK(attached(0) == 3);
  CHECK(attached(1) == 2);
  remove(kHttpRoutes, "shop");
  settle();
  CHECK(attached(0) == 2);
  CHECK(attached(1) == 1);
}

TEST_CASE_FIXTURE(Fixture, "a Gateway of another controller's class keeps its status") {
  make(kGatewayClasses, "{metadata: {name: other}, spec: {controllerName: example.com/other}}");
  make(kGateways,
       "{metadata: {name: theirs, namespace: default}, spec: {gatewayClassName: other, listeners: [{name: http, port: "
       "80, protocol: HTTP}]}}");
  settle();
  CHECK(get(kGateways, "theirs")["status"].isNull());
}

}  // namespace
}  // namespace towpath::agents
