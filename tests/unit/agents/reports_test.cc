#include "agents/reports.h"

#include <fmt/format.h>

#include "agents/node_object.h"
#include "support.h"

namespace towpath::agents {
namespace {

using namespace cluster;

struct Fixture : World {
  Fixture() {
    make(kNodes, "{metadata: {name: node-1}}");
    make(kNodes, "{metadata: {name: node-2}}");
    makePod("a", "node-1");
  }

  wire::PodReport running(const std::string& name) {
    return {.ns = "default",
            .name = name,
            .uid = std::string(cluster::uidOf(get(kPods, name))),
            .status_json = R"({"phase":"Running"})"};
  }
  Result<void> take(const std::string& node, wire::Report report) {
    if (report.session_nonce.empty()) report.session_nonce = "nonce";
    if (report.sequence == 0) report.sequence = ++sequence;
    Result<void> taken = run(reports.take(node, std::move(report)));
    loop.advance(50ms);
    return taken;
  }

  std::uint64_t sequence = 0;
  std::vector<std::pair<std::string, std::size_t>> samples;
  Reports reports{
      {loop, *store, api, [this](std::string node, std::vector<wire::TrafficSample> batch) -> loop::Task<Result<void>> {
         samples.emplace_back(node, batch.size());
         co_return Result<void>();
       }}};
};

TEST_CASE_FIXTURE(Fixture, "a pod's status is written, once, and only if it changed") {
  REQUIRE(take("node-1", {.pods = {running("a")}}));
  Value pod = get(kPods, "a");
  CHECK(pod.at({"status", "phase"}).asStringView() == "Running");
  std::string version = pod.at({"metadata", "resourceVersion"}).asString();
  REQUIRE(take("node-1", {.pods = {running("a")}}));
  CHECK(get(kPods, "a").at({"metadata", "resourceVersion"}).asStringView() == version);
}

TEST_CASE_FIXTURE(Fixture, "conditions that the coordinator owns survive a report") {
  patch(kPods, "a", "{status: {conditions: [{type: PodScheduled, status: 'True'}, {type: Ready, status: 'False'}]}}",
        "status");
  wire::PodReport report = running("a");
  report.status_json = R"({"phase":"Running","conditions":[{"type":"Ready","status":"True"}]})";
  REQUIRE(take("node-1", {.pods = {report}}));
  CHECK(conditionStatus(get(kPods, "a"), "PodScheduled") == "True");
  CHECK(conditionStatus(get(kPods, "a"), "Ready") == "True");
}

TEST_CASE_FIXTURE(Fixture, "when a pod became ready is told by our clock, and again after a restart of its container") {
  auto report = [&](const char* node_time, int restarts) {
    wire::PodReport ready = running("a");
    ready.status_json = fmt::format(
        R"({{"phase":"Running","conditions":[{{"type":"Ready","status":"True","lastTransitionTime":"{}"}}],)"
        R"("containerStatuses":[{{"name":"web","restartCount":{}}}]}})",
        node_time, restarts);
    REQUIRE(take("node-1", {.pods = {ready}}));
    return get(kPods, "a").at({"status", "conditions"})[0]["lastTransitionTime"].asString();
  };
  const std::string first = formatRfc3339(loop.steadyNow());
  CHECK(report("1970-01-01T00:00:09Z", 0) == first);
  loop.setWall(loop.wallNow() + 48h);
  loop.advance(10s);
  CHECK(report("2030-01-01T00:00:00Z", 0) == first);
  const std::string restarted = formatRfc3339(loop.steadyNow());
  CHECK(report("2030-01-01T00:00:05Z", 1) == restarted);
}

TEST_CASE_FIXTURE(Fixture, "a repeated report is acknowledged and changes nothing") {
  wire::Report report{.session_nonce = "n", .sequence = 5, .samples = {{.requests = 1}}};
  REQUIRE(take("node-1", report));
  REQUIRE(take("node-1", report));
  CHECK(samples.size() == 1);
  CHECK(reports.stats().repeated == 1);
  SUBCASE("another agent process counts anew") {
    report.session_nonce = "m";
    REQUIRE(take("node-1", report));
    CHECK(samples.size() == 2);
  }
}

TEST_CASE_FIXTURE(Fixture, "a node cannot write about another's pod") {
  REQUIRE(take("node-2", {.pods = {running("a")}}));
  CHECK(get(kPods, "a").at({"status", "phase"}).asStringView() != "Running");
  CHECK(reports.stats().foreign_parts == 1);
}

TEST_CASE_FIXTURE(Fixture, "a report about a pod that was made anew is left out") {
  wire::PodReport old = running("a");
  old.uid = "another";
  REQUIRE(take("node-1", {.pods = {old}}));
  CHECK(get(kPods, "a").at({"status", "phase"}).asStringView() != "Running");
}

TEST_CASE_FIXTURE(Fixture, "a deleted pod goes when its node says that it is gone, not before") {
  REQUIRE(run(api.remove(kPods, "default", "a")));
  REQUIRE(!get(kPods, "a").isNull());
  REQUIRE(take("node-1", {.pods = {running("a")}}));
  REQUIRE(!get(kPods, "a").isNull());
  wire::PodReport gone = running("a");
  gone.gone = true;
  REQUIRE(take("node-1", {.pods = {gone}}));
  CHECK(get(kPods, "a").isNull());
  CHECK(take("node-1", {.pods = {gone}}));
}

TEST_CASE_FIXTURE(Fixture, "garbage for a status is left out and the rest of the report is kept") {
  wire::PodReport bad = running("a");
  bad.status_json = "{";
  REQUIRE(take("node-1", {.pods = {bad}, .samples = {{.requests = 1}}}));
  CHECK(reports.stats().bad_parts == 1);
  CHECK(samples.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a node that is heard is Ready, and its pressure shows") {
  REQUIRE(take("node-1", {.condition = wire::NodeCondition{
                              .disk_pressure = true, .proxy_ready = false, .message = "no haproxy"}}));
  Value node = get(kNodes, "node-1");
  CHECK(conditionStatus(node, "Ready") == "True");
  CHECK(conditionStatus(node, "DiskPressure") == "True");
  CHECK(conditionStatus(node, "ProxyReady") == "False");
  std::string version = node.at({"metadata", "resourceVersion"}).asString();
  loop.advance(10s);
  REQUIRE(take("node-1", {.condition = wire::NodeCondition{
                              .disk_pressure = true, .proxy_ready = false, .message = "no haproxy"}}));
  CHECK(get(kNodes, "node-1").at({"metadata", "resourceVersion"}).asStringView() == version);
}

TEST_CASE_FIXTURE(Fixture, "events come once, about the node's own pods only") {
  wire::NodeEvent event{.ns = "default",
                        .involved_kind = "Pod",
                        .involved_name = "a",
                        .type = "Warning",
                        .reason = "BackOff",
                        .message = "again",
                        .unix_ms = 1'700'000'000'000};
  wire::NodeEvent foreign = event;
  foreign.involved_kind = "Secret";
  REQUIRE(take("node-1", {.events = {event, foreign}}));
  REQUIRE(take("node-2", {.events = {event}}));
  Result<ObjectList> events = run(api.list(kEvents, {}));
  REQUIRE(events);
  REQUIRE(events->items.size() == 1);
  CHECK(events->items[0]->parse()["reason"].asStringView() == "BackOff");
}

TEST_CASE_FIXTURE(Fixture, "a node that reports in a tight loop is slowed down, the others are not") {
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    wire::Report report{.session_nonce = "n", .sequence = static_cast<std::uint64_t>(i) + 1};
    Result<void> taken = run(reports.take("node-1", std::move(report)));
    if (!taken) {
      CHECK(taken.error().kind == ErrorKind::kTooManyRequests);
      ++refused;
    }
  }
  CHECK(refused > 40);
  CHECK(take("node-2", {}));
  loop.advance(1s);
  CHECK(take("node-1", {.session_nonce = "n", .sequence = 1000}));
}

TEST_CASE_FIXTURE(Fixture, "what the nodes' proxies do stands in the route's status") {
  make(kGateways,
       "{metadata: {name: front, namespace: default}, spec: {gatewayClassName: towpath, listeners: [{name: http, port: "
       "8080, protocol: HTTP}]}}");
  make(kServices, "{metadata: {name: canary, namespace: default}, spec: {clusterIP: 127.64.0.9, ports: [{port: 80}]}}");
  make(kHttpRoutes,
       "{metadata: {name: shop, namespace: default}, spec: {parentRefs: [{name: front}], rules: [{backendRefs: [{name: "
       "canary, port: 80}]}]}}");
  wire::RouteReport route{
      .ns = "default",
      .name = "shop",
      .generation = 1,
      .weights = {{.service = "canary", .pod_template_hash = "h", .share = 0.2, .ready_servers = 2}}};
  REQUIRE(take("node-1", {.routes = {route}}));
  route.weights[0].share = 0.5;
  REQUIRE(take("node-2", {.routes = {route}}));
  Value status = get(kHttpRoutes, "shop")["status"];
  const Value& nodes = std::as_const(status).at({"towpath", "nodes"});
  REQUIRE(nodes.asArray().size() == 2);
  CHECK(nodes[0]["node"].asStringView() == "node-1");
  CHECK(nodes[0]["weights"][0]["share"].asDouble() == doctest::Approx(0.2));
  CHECK(nodes[1]["weights"][0]["share"].asDouble() == doctest::Approx(0.5));
  const Value& parent = std::as_const(status)["parents"][0];
  CHECK(parent["controllerName"].asStringView() == "towpath.dev/gateway");
  CHECK(parent["conditions"][0]["type"].asStringView() == "Accepted");
  CHECK(parent["conditions"][0]["status"].asStringView() == "True");
  CHECK(parent["conditions"][1]["status"].asStringView() == "True");

  SUBCASE("a silent node is marked, a deleted one is taken out") {
    patch(kNodes, "node-2", "{status: {conditions: [{type: Ready, status: Unknown}]}}", "status");
    reports.nodeChanged("node-2");
    loop.advance(50ms);
    CHECK(get(kHttpRoutes, "shop").at({"status", "towpath", "nodes"})[1]["unknown"].asBool());
    remove(kNodes, "node-2");
    reports.nodeChanged("node-2");
    loop.advance(50ms);
    CHECK(get(kHttpRoutes, "shop").at({"status", "towpath", "nodes"}).asArray().size() == 1);
  }
  SUBCASE("a node that serves it no more is taken out") {
    REQUIRE(take("node-1", {.routes = {{.ns = "default", .name = "shop", .generation = -1}}}));
    CHECK(get(kHttpRoutes, "shop").at({"status", "towpath", "nodes"}).asArray().size() == 1);
  }
}

}  // namespace
}  // namespace towpath::agents
