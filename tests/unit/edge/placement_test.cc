#include "edge/placement.h"

#include "support.h"

using namespace towpath;
using namespace towpath::edge;

namespace {

// A world built line by line; addresses of its facts are stable.
struct World {
  std::deque<NodeFacts> nodes;
  std::deque<PodFacts> pods;

  World& withNode(const std::string& name, const std::string& labels = "") {
    nodes.push_back(nodeFacts(nodeObject(name, labels)));
    return *this;
  }
  World& withPod(const std::string& name, const std::string& node, const std::string& owner,
                 const std::string& cpu = "0", const std::string& labels = R"({"app":"web"})") {
    pods.push_back(pod(fmt::format(
        R"({{"metadata":{{"namespace":"default","name":"{0}","uid":"uid-{0}","labels":{4},
           "ownerReferences":[{{"kind":"ReplicaSet","name":"{2}","uid":"{2}","controller":true}}]}},
           "spec":{{"nodeName":"{1}","containers":[{{"resources":{{"requests":{{"cpu":"{3}"}}}}}}]}},
           "status":{{"phase":"Running"}}}})",
        name, node, owner, cpu, labels)));
    return *this;
  }
  // The chosen node, or the message.
  std::string place(const std::string& spec, PlacementRequest request = {}, const std::string& owner = "rs") const {
    const Value object = parsed(fmt::format(
        R"({{"metadata":{{"namespace":"default","name":"new","uid":"new","labels":{{"app":"web"}},
           "ownerReferences":[{{"kind":"ReplicaSet","name":"{0}","uid":"{0}","controller":true}}]}},"spec":{1}}})",
        owner, spec));
    const PodFacts facts = podFacts(object);
    request.pod = &facts;
    request.spec = object["spec"];
    PlacementWorld world;
    for (const NodeFacts& one : nodes) world.nodes.push_back(&one);
    for (const PodFacts& one : pods) world.pods.push_back(&one);
    const PlacementAnswer answer = edge::place(request, world);
    if (const auto* placed = std::get_if<Placed>(&answer)) return placed->node;
    return std::get<NotPlaced>(answer).message;
  }
};

constexpr const char* kPlain = R"({"containers":[{}]})";

std::string requesting(const std::string& cpu, const std::string& memory) {
  return fmt::format(R"({{"containers":[{{"resources":{{"requests":{{"cpu":"{}","memory":"{}"}}}}}}]}})", cpu, memory);
}

}  // namespace

TEST_CASE("without nodes nothing is placed, and the message says so") {
  CHECK(World().place(kPlain) == "no nodes available to schedule pods");
}

TEST_CASE("instances of one replica set spread over nodes, then the least allocated wins, then the name") {
  World world;
  world.withNode("a").withNode("b").withNode("c");
  CHECK(world.place(kPlain) == "a");
  world.withPod("one", "a", "rs");
  CHECK(world.place(kPlain) == "b");
  world.withPod("other", "b", "another", "2");
  CHECK(world.place(kPlain) == "c");
  world.withPod("two", "c", "rs").withPod("three", "b", "rs");
  CHECK(world.place(kPlain) == "a");
}

TEST_CASE("nodes that do not fit are counted by reason") {
  World world;
  world.withNode("a", "disk=ssd").withNode("b", "disk=hdd").withNode("c", "disk=hdd");
  CHECK(world.place(R"({"nodeSelector":{"disk":"ssd"},"containers":[{"resources":{"requests":{"memory":"9Gi"}}}]})") ==
        "0/3 nodes are available: 1 Insufficient memory, 2 node(s) didn't match Pod's node affinity/selector.");
  world.nodes[0].unschedulable = true;
  world.nodes[1].ready = NodeFacts::Ready::kUnknown;
  CHECK(world.place(requesting("5", "0")) ==
        "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) were not ready, 1 node(s) were unschedulable.");
}

TEST_CASE("requests are counted against what is allocatable, limits standing in for requests") {
  World world;
  world.withNode("a").withPod("big", "a", "x", "3500m");
  CHECK(world.place(requesting("500m", "8Gi")) == "a");
  CHECK(world.place(requesting("501m", "1")) == "0/1 nodes are available: 1 Insufficient cpu.");
  CHECK(world.place(R"({"containers":[{"resources":{"limits":{"cpu":"1"}}}]})") ==
        "0/1 nodes are available: 1 Insufficient cpu.");
  CHECK(world.place(R"({"containers":[{}],"initContainers":[{"resources":{"requests":{"cpu":"4"}}}]})") ==
        "0/1 nodes are available: 1 Insufficient cpu.");
}

TEST_CASE("required node affinity: terms are alternatives, expressions of one term all hold") {
  World world;
  world.withNode("a", "zone=x,size=4").withNode("b", "zone=y,size=16");
  const auto affinity = [](const std::string& terms) {
    return fmt::format(
        R"({{"containers":[{{}}],"affinity":{{"nodeAffinity":{{"requiredDuringSchedulingIgnoredDuringExecution":
           {{"nodeSelectorTerms":[{}]}}}}}}}})",
        terms);
  };
  struct Case {
    std::string terms;
    std::string answer;
  };
  const std::string none = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.";
  for (
      const Case& each : std::vector<Case>{
          {R"({"matchExpressions":[{"key":"zone","operator":"In","values":["y","z"]}]})", "b"},
          {R"({"matchExpressions":[{"key":"zone","operator":"NotIn","values":["x"]}]})", "b"},
          {R"({"matchExpressions":[{"key":"size","operator":"Gt","values":["8"]}]})", "b"},
          {R"({"matchExpressions":[{"key":"size","operator":"Lt","values":["8"]}]})", "a"},
          {R"({"matchExpressions":[{"key":"zone","operator":"Exists"},{"key":"size","operator":"In","values":["16"]}]})",
           "b"},
          {R"({"matchExpressions":[{"key":"gone","operator":"Exists"}]},{"matchFields":[{"key":"metadata.name","operator":"In","values":["b"]}]})",
           "b"},
          {R"({"matchExpressions":[{"key":"zone","operator":"DoesNotExist"}]})", none},
          {"{}", none},
      }) {
    CHECK_MESSAGE(world.place(affinity(each.terms)) == each.answer, each.terms);
  }
}

TEST_CASE("preferred node affinity decides between equals") {
  World world;
  world.withNode("a").withNode("b", "disk=ssd");
  CHECK(world.place(R"({"containers":[{}],"affinity":{"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":
        [{"weight":10,"preference":{"matchExpressions":[{"key":"disk","operator":"In","values":["ssd"]}]}}]}}})") ==
        "b");
}

TEST_CASE("pods keep apart, or together, where they say so") {
  World world;
  world.withNode("a", "rack=1").withNode("b", "rack=1").withNode("c", "rack=2").withPod("p", "a", "x");
  const auto rule = [](const char* kind, const char* key) {
    return fmt::format(R"({{"containers":[{{}}],"affinity":{{"{}":{{"requiredDuringSchedulingIgnoredDuringExecution":
                       [{{"topologyKey":"{}","labelSelector":{{"matchLabels":{{"app":"web"}}}}}}]}}}}}})",
                       kind, key);
  };
  CHECK(world.place(rule("podAntiAffinity", "rack")) == "c");
  CHECK(world.place(rule("podAffinity", "kubernetes.io/hostname")) == "a");
  CHECK(World().withNode("a").place(rule("podAffinity", "rack")) == "a");
  world.withPod("q", "c", "x");
  CHECK(world.place(rule("podAntiAffinity", "rack")) ==
        "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.");
}

TEST_CASE("topology spread: the skew stays within bounds, over the nodes that the pod may use") {
  const auto spread = [](const char* unsatisfiable, const char* more) {
    return fmt::format(R"({{"containers":[{{}}],{}"topologySpreadConstraints":[{{"maxSkew":1,"topologyKey":
      "kubernetes.io/hostname","whenUnsatisfiable":"{}","labelSelector":{{"matchLabels":{{"app":"web"}}}}}}]}})",
                       more, unsatisfiable);
  };
  World world;
  world.withNode("a", "use=yes").withNode("b", "use=yes").withNode("c");
  world.withPod("1", "a", "x").withPod("2", "b", "x");
  CHECK(world.place(spread("DoNotSchedule", "")) == "c");
  // c is no domain for a pod that cannot go there.
  CHECK(world.place(spread("DoNotSchedule", R"("nodeSelector":{"use":"yes"},)")) == "a");
  world.withPod("3", "a", "x").nodes[1].unschedulable = true;
  CHECK(world.place(spread("DoNotSchedule", R"("nodeSelector":{"use":"yes"},)")) ==
        "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) didn't match pod "
        "topology "
        "spread constraints, 1 node(s) were unschedulable.");
  CHECK(world.place(spread("ScheduleAnyway", R"("nodeSelector":{"use":"yes"},)")) == "a");
}

TEST_CASE("host ports are taken once") {
  World world;
  world.withNode("a");
  world.pods.push_back(
      pod(R"({"metadata":{"name":"p"},"spec":{"nodeName":"a","containers":[{"ports":[{"hostPort":80}]}]}})"));
  CHECK(world.place(R"({"containers":[{"ports":[{"hostPort":80}]}]})") ==
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.");
  CHECK(world.place(R"({"containers":[{"ports":[{"hostPort":80,"protocol":"UDP"}]}]})") == "a");
}

TEST_CASE("every-node: one instance a node, in waves, and the node of an old version may have a new one") {
  World world;
  world.withNode("a").withNode("b", "towpath.dev/wave=10").withNode("c", "towpath.dev/wave=2");
  world.withPod("s1", "a", "stable").withPod("s2", "b", "stable").withPod("s3", "c", "stable");
  const PlacementRequest request{.every_node = true, .related_owners = {"stable"}};
  CHECK(world.place(kPlain, request, "canary") == "c");
  world.withPod("c1", "c", "canary");
  CHECK(world.place(kPlain, request, "canary") == "b");
  world.withPod("c2", "b", "canary");
  CHECK(world.place(kPlain, request, "canary") == "a");
  world.withPod("c3", "a", "canary");
  CHECK(world.place(kPlain, request, "canary") == "0/3 nodes are available: 3 node(s) had an instance already.");
  const std::vector<const NodeFacts*> nodes{&world.nodes[0], &world.nodes[1], &world.nodes[2]};
  CHECK(countMatchingNodes(parsed(kPlain), nodes) == 3);
  CHECK(countMatchingNodes(parsed(R"({"nodeSelector":{"towpath.dev/wave":"2"}})"), nodes) == 1);
}
