#include "edge/endpoints_plan.h"

#include "support.h"

using namespace towpath;
using namespace towpath::edge;

namespace {

PodFacts instance(const std::string& name, int host_port, const std::string& address = "10.0.0.1", bool ready = true,
                  bool deleting = false, const std::string& phase = "Running") {
  return pod(fmt::format(
      R"({{"metadata":{{"namespace":"default","name":"{0}","uid":"uid-{0}","labels":{{"app":"web"}}{4}}},"spec":{{"nodeName":"n1"}},
         "status":{{"phase":"{5}","podIP":"{2}","conditions":[{{"type":"Ready","status":"{3}"}}],
         "towpath":{{"ports":[{{"name":"http","containerPort":8080,"hostPort":{1},"protocol":"TCP"}}]}}}}}})",
      name, host_port, address, ready ? "True" : "False",
      deleting ? R"(,"deletionTimestamp":"2026-11-23T11:59:00Z")" : "", phase));
}

Value service(const std::string& ports, const std::string& more = "") {
  return parsed(fmt::format(
      R"({{"metadata":{{"namespace":"default","name":"web","uid":"s"}},"spec":{{"selector":{{"app":"web"}},"ports":{}{}}}}})",
      ports, more));
}

std::vector<Value> slicesOf(const Value& of, const std::vector<PodFacts>& pods) {
  std::vector<const PodFacts*> refs;
  for (const PodFacts& one : pods) refs.push_back(&one);
  return endpointSlices(of, refs);
}

constexpr const char* kHttp = R"([{"name":"http","port":80,"targetPort":"http","protocol":"TCP"}])";

}  // namespace

TEST_CASE("endpoints have the instance's own port, grouped by it") {
  const auto slices = slicesOf(
      service(kHttp), {instance("a", 20001), instance("b", 20002, "10.0.0.2"), instance("c", 20001, "10.0.0.3")});
  REQUIRE(slices.size() == 2);
  CHECK_FALSE(slices[0]["metadata"]["name"] == slices[1]["metadata"]["name"]);
  const Value& first = slices[0];
  CHECK(first["ports"][0]["port"] == Value(20001));
  CHECK(first["ports"][0]["name"] == Value("http"));
  CHECK(first["metadata"]["labels"]["kubernetes.io/service-name"] == Value("web"));
  REQUIRE(first["endpoints"].asArray().size() == 2);
  CHECK(first["endpoints"][0]["addresses"][0] == Value("10.0.0.1"));
  CHECK(first["endpoints"][0]["nodeName"] == Value("n1"));
  CHECK(first["endpoints"][0]["targetRef"]["name"] == Value("a"));
  CHECK(first["endpoints"][1]["targetRef"]["name"] == Value("c"));
  CHECK(first["addressType"] == Value("IPv4"));
}

TEST_CASE("a target port is a name, a declared number, or taken as it is") {
  struct Case {
    const char* ports;
    std::int64_t port;  // 0: the endpoint has no such port
  };
  for (const Case& each : std::vector<Case>{{R"([{"port":80,"targetPort":"http"}])", 20001},
                                            {R"([{"port":80,"targetPort":8080}])", 20001},
                                            {R"([{"port":8080}])", 20001},
                                            {R"([{"port":80,"targetPort":9999}])", 9999},
                                            {R"([{"port":80,"targetPort":"admin"}])", 0},
                                            {R"([{"port":80,"targetPort":8080,"protocol":"UDP"}])", 8080}}) {
    const auto slices = slicesOf(service(each.ports), {instance("a", 20001)});
    REQUIRE(slices.size() == 1);
    CHECK_MESSAGE(slices[0]["ports"][0]["port"].asInt() == each.port, each.ports);
  }
}

TEST_CASE("ready, serving and terminating tell the states apart; the finished and unaddressed are left out") {
  const auto slices = slicesOf(
      service(kHttp), {instance("a", 1), instance("b", 1, "10.0.0.1", false), instance("c", 1, "10.0.0.1", true, true),
                       instance("d", 1, "10.0.0.1", false, false, "Failed"), instance("e", 1, "")});
  REQUIRE(slices.size() == 1);
  const auto state = [&](std::size_t i) {
    const Value& conditions = slices[0]["endpoints"][i]["conditions"];
    return std::array{conditions["ready"].asBool(), conditions["serving"].asBool(), conditions["terminating"].asBool()};
  };
  REQUIRE(slices[0]["endpoints"].asArray().size() == 3);
  CHECK(state(0) == std::array{true, true, false});
  CHECK(state(1) == std::array{false, false, false});
  CHECK(state(2) == std::array{false, true, true});
  const auto published =
      slicesOf(service(kHttp, R"(,"publishNotReadyAddresses":true)"), {instance("b", 1, "10.0.0.1", false)});
  CHECK(published[0]["endpoints"][0]["conditions"]["ready"] == Value(true));
}

TEST_CASE("services without a selector are left to others; slices hold a hundred endpoints") {
  CHECK(slicesOf(parsed(R"({"metadata":{"name":"x"},"spec":{"ports":[{"port":80}]}})"), {instance("a", 1)}).empty());
  CHECK(slicesOf(service(kHttp, R"(,"type":"ExternalName")"), {instance("a", 1)}).empty());
  std::vector<PodFacts> many;
  for (int i = 0; i < 250; ++i) many.push_back(instance(fmt::format("p{:03}", i), 20001));
  const auto slices = slicesOf(service(kHttp), many);
  REQUIRE(slices.size() == 3);
  CHECK(slices[2]["endpoints"].asArray().size() == 50);
  CHECK_FALSE(slices[0]["metadata"]["name"] == slices[1]["metadata"]["name"]);
  CHECK(slicesOf(service(kHttp), many) == slices);
}
