// All controllers of the edge together, over the real API in process, under virtual time. The test plays the agents.
#include <algorithm>

#include "apiserver/local_api.h"
#include "apiserver/registry.h"
#include "edge/edge.h"
#include "json/serialize.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "store/memory_store.h"
#include "support.h"

using namespace towpath;
using namespace towpath::edge;
using namespace towpath::cluster;

namespace {

struct World {
  loop::VirtualLoop loop{7};
  std::unique_ptr<store::Store> store = store::makeMemoryStore();
  apiserver::Registry registry{loop, *store};
  apiserver::LocalApi api{registry, "test"};
  std::map<std::string, MonoTime> heard;
  std::unique_ptr<Edge> edge;

  World() {
    REQUIRE(run(registry.start()).has_value());
    restart();
  }
  void restart() {
    edge.reset();
    edge = std::make_unique<Edge>(
        Edge::Parts{loop, *store, api, [this](const std::string& name) { return heard[name]; }}, EdgeOptions{});
    REQUIRE(run(edge->start()).has_value());
  }

  template <class T>
  T run(loop::Task<T> task) {
    return loop::blockOn(loop, std::move(task));
  }
  Value create(const Resource& resource, const std::string& text) {
    auto created = run(api.create(resource, parsed(text)));
    REQUIRE_MESSAGE(created.has_value(), (created ? "" : describe(created.error())));
    return (*created)->parse();
  }
  void addNode(const std::string& name, const std::string& labels = "") {
    heard[name] = loop.now();
    REQUIRE(run(api.create(kNodes, nodeObject(name, labels))).has_value());
  }
  void hear() {
    for (auto& [name, time] : heard) time = loop.now();
  }
  void settle(Duration by = 1s) { loop.advance(by); }

  std::vector<Value> list(const Resource& resource, const std::string& ns = "") {
    std::vector<Value> items;
    for (const ObjectRef& item : run(api.list(resource, {.ns = ns})).value().items) items.push_back(item->parse());
    return items;
  }
  Value get(const Resource& resource, const std::string& name, const std::string& ns = "default") {
    auto found = run(api.get(resource, ns, name));
    return found ? (*found)->parse() : Value();
  }
  void merge(const Resource& resource, const std::string& name, const std::string& patch,
             const std::string& subresource = "") {
    auto done = run(api.patch(resource, resource.namespaced ? "default" : "", name, PatchType::kMerge, parsed(patch),
                              {.subresource = subresource}));
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : describe(done.error())));
  }
  // What the agents would do: start what is placed, end what is deleted.
  void playAgents() {
    int port = 20000;
    for (const Value& one : list(kPods)) {
      const std::string name(nameOf(one)), ns(namespaceOf(one)), node = one["spec"]["nodeName"].asString();
      if (node.empty()) continue;
      if (!one["metadata"]["deletionTimestamp"].isNull()) {
        (void)run(api.remove(kPods, ns, name, {.grace_period_seconds = 0}));
      } else if (one["status"]["podIP"].isNull()) {
        auto done = run(api.patch(
            kPods, ns, name, PatchType::kMerge,
            parsed(fmt::format(
                R"({{"status":{{"phase":"Running","podIP":"10.0.0.1","conditions":[{{"type":"Ready","status":"True","lastTransitionTime":"{}"}}],
               "towpath":{{"ports":[{{"name":"http","containerPort":8080,"hostPort":{},"protocol":"TCP"}}]}}}}}})",
                formatRfc3339(loop.wallNow()), ++port)),
            {.subresource = "status"}));
        REQUIRE(done.has_value());
      }
    }
    settle();
  }
  std::map<std::string, int> podsByNode() {
    std::map<std::string, int> count;
    for (const Value& one : list(kPods)) ++count[one["spec"]["nodeName"].asString()];
    return count;
  }
};

std::string replicaSet(const std::string& name, int replicas, const std::string& more = "") {
  return fmt::format(
      R"({{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{{"namespace":"default","name":"{0}"{2}}},"spec":{{"replicas":{1},
         "selector":{{"matchLabels":{{"app":"web"}}}},"template":{{"metadata":{{"labels":{{"app":"web"}}}},
         "spec":{{"containers":[{{"name":"c","image":"i","ports":[{{"name":"http","containerPort":8080}}],
         "resources":{{"requests":{{"memory":"1Gi"}}}}}}]}}}}}}}})",
      name, replicas, more);
}

using Count = std::map<std::string, int>;

}  // namespace

TEST_CASE("a replica set becomes placed pods, and its status counts them") {
  World world;
  for (const char* name : {"a", "b", "c"}) world.addNode(name);
  world.create(kReplicaSets, replicaSet("web", 6));
  world.settle();
  CHECK(world.podsByNode() == Count{{"a", 2}, {"b", 2}, {"c", 2}});
  CHECK(world.get(kReplicaSets, "web")["status"]["replicas"] == Value(6));
  CHECK(world.get(kReplicaSets, "web")["status"]["readyReplicas"].isNull());
  world.playAgents();
  const Value status = world.get(kReplicaSets, "web")["status"];
  CHECK(status["readyReplicas"] == Value(6));
  CHECK(status["availableReplicas"] == Value(6));
  CHECK(status["fullyLabeledReplicas"] == Value(6));
  CHECK(status["observedGeneration"] == Value(1));
  const Value pod = world.list(kPods)[0];
  CHECK(conditionOf(pod, "Ready")["status"] == Value("True"));

  // Nothing is written when nothing changes.
  const auto revision = world.store->stats().revision;
  world.hear();
  world.settle(30s);
  world.hear();
  world.settle(30s);
  CHECK(world.store->stats().revision == revision);
}

TEST_CASE("scaled down, one pod goes for each that is too many, and waits for its agent") {
  World world;
  world.addNode("a");
  world.create(kReplicaSets, replicaSet("web", 5));
  world.settle();
  world.playAgents();
  world.merge(kReplicaSets, "web", R"({"spec":{"replicas":2}})");
  world.settle(5s);
  const auto deleting = [&] {
    const auto pods = world.list(kPods);
    return std::ranges::count_if(pods, [](const Value& one) { return !one["metadata"]["deletionTimestamp"].isNull(); });
  };
  CHECK(world.list(kPods).size() == 5);
  CHECK(deleting() == 3);
  CHECK(world.get(kReplicaSets, "web")["status"]["replicas"] == Value(2));
  world.playAgents();
  CHECK(world.list(kPods).size() == 2);
  CHECK(deleting() == 0);
}

TEST_CASE("a restart of the coordinator in the middle makes no second pod") {
  World world;
  world.addNode("a");
  world.create(kReplicaSets, replicaSet("web", 3));
  world.settle();
  world.restart();
  world.settle(5s);
  CHECK(world.list(kPods).size() == 3);
}

TEST_CASE("a pod without a place says why, and gets one when a node comes") {
  World world;
  world.addNode("a", "disk=hdd");
  world.create(kReplicaSets, replicaSet("web", 9));
  world.settle();
  world.playAgents();
  Count expected{{"", 1}, {"a", 8}};
  CHECK(world.podsByNode() == expected);
  for (const Value& one : world.list(kPods)) {
    if (!one["spec"]["nodeName"].isNull()) continue;
    CHECK(conditionOf(one, "PodScheduled")["status"] == Value("False"));
    CHECK(conditionOf(one, "PodScheduled")["reason"] == Value("Unschedulable"));
    CHECK(conditionOf(one, "PodScheduled")["message"] == Value("0/1 nodes are available: 1 Insufficient memory."));
  }
  world.addNode("b");
  world.settle();
  CHECK(world.podsByNode() == Count{{"a", 8}, {"b", 1}});
}

TEST_CASE("a pod with a node is said to be scheduled, though its agent was quicker or we stopped in between") {
  World world;
  world.addNode("a");
  world.create(kPods,
               R"({"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"default","name":"p"},
               "spec":{"nodeName":"a","containers":[{"name":"c","image":"i"}]}})");
  world.playAgents();
  CHECK(conditionOf(world.get(kPods, "p"), "PodScheduled")["status"] == Value("True"));
  // An agent's report that was made from an older state.
  world.merge(kPods, "p",
              R"({"status":{"conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable"}]}})",
              "status");
  world.settle();
  const Value pod = world.get(kPods, "p");
  CHECK(conditionOf(pod, "PodScheduled")["status"] == Value("True"));
  CHECK(conditionOf(pod, "PodScheduled")["reason"].isNull());
}

TEST_CASE("a cordoned node gets nothing new") {
  World world;
  world.addNode("a");
  world.addNode("b");
  world.merge(kNodes, "a", R"({"spec":{"unschedulable":true}})");
  world.create(kReplicaSets, replicaSet("web", 3));
  world.settle();
  CHECK(world.podsByNode() == Count{{"b", 3}});
}

TEST_CASE("a silent node is unknown and keeps its pods; a deleted one loses them after a while") {
  World world;
  world.addNode("a");
  world.addNode("b");
  world.create(kReplicaSets, replicaSet("web", 2));
  world.settle();
  world.playAgents();
  for (int i = 0; i < 10; ++i) {
    world.heard["b"] = world.loop.now();
    world.settle(10s);
  }
  CHECK(conditionOf(world.get(kNodes, "a", ""), "Ready")["status"] == Value("Unknown"));
  CHECK(conditionOf(world.get(kNodes, "b", ""), "Ready")["status"] == Value("True"));
  CHECK(world.podsByNode() == Count{{"a", 1}, {"b", 1}});
  CHECK(world.get(kReplicaSets, "web")["status"]["readyReplicas"] == Value(2));

  world.hear();
  world.settle(10s);
  CHECK(conditionOf(world.get(kNodes, "a", ""), "Ready")["status"] == Value("True"));

  REQUIRE(world.run(world.api.remove(kNodes, "", "a")).has_value());
  world.settle(10s);
  CHECK(world.podsByNode() == Count{{"a", 1}, {"b", 1}});
  world.heard["b"] = world.loop.now();
  world.settle(35s);
  CHECK(world.podsByNode() == Count{{"b", 2}});
}

TEST_CASE("endpoints follow services and pods") {
  World world;
  world.addNode("a");
  world.create(kServices, R"({"apiVersion":"v1","kind":"Service","metadata":{"namespace":"default","name":"web"},
    "spec":{"selector":{"app":"web"},"ports":[{"port":80,"targetPort":"http"}]}})");
  world.create(kReplicaSets, replicaSet("web", 2));
  world.settle();
  CHECK(world.list(kEndpointSlices).empty());
  world.playAgents();
  auto slices = world.list(kEndpointSlices);
  REQUIRE(slices.size() == 2);  // each instance has a port of its own
  CHECK(std::as_const(slices[0])["endpoints"][0]["conditions"]["ready"] == Value(true));

  world.merge(kReplicaSets, "web", R"({"spec":{"replicas":1}})");
  world.settle();
  int terminating = 0;
  for (const Value& slice : world.list(kEndpointSlices)) {
    terminating += slice["endpoints"][std::size_t{0}]["conditions"]["terminating"].asBool();
  }
  CHECK(terminating == 1);
  world.playAgents();
  CHECK(world.list(kEndpointSlices).size() == 1);

  REQUIRE(world.run(world.api.remove(kServices, "default", "web")).has_value());
  world.settle();
  CHECK(world.list(kEndpointSlices).empty());
}

TEST_CASE("garbage goes with its owner: in the background, in the foreground, or not at all") {
  World world;
  world.addNode("a");
  world.create(kReplicaSets, replicaSet("web", 2));
  world.settle();
  world.playAgents();

  SUBCASE("in the background the owner goes first") {
    REQUIRE(world.run(world.api.remove(kReplicaSets, "default", "web", {.propagation = Propagation::kBackground}))
                .has_value());
    CHECK(world.get(kReplicaSets, "web").isNull());
    world.settle();
    world.playAgents();
    CHECK(world.list(kPods).empty());
  }
  SUBCASE("in the foreground it waits for what it owns") {
    REQUIRE(world.run(world.api.remove(kReplicaSets, "default", "web", {.propagation = Propagation::kForeground}))
                .has_value());
    world.settle();
    CHECK_FALSE(world.get(kReplicaSets, "web").isNull());
    CHECK(world.list(kPods).size() == 2);
    world.playAgents();
    CHECK(world.list(kPods).empty());
    CHECK(world.get(kReplicaSets, "web").isNull());
  }
  SUBCASE("orphans stay") {
    REQUIRE(
        world.run(world.api.remove(kReplicaSets, "default", "web", {.propagation = Propagation::kOrphan})).has_value());
    world.settle(10s);
    CHECK(world.get(kReplicaSets, "web").isNull());
    CHECK(world.list(kPods).size() == 2);
  }
  SUBCASE("what lost its owner while we were away goes after a restart") {
    world.edge.reset();
    REQUIRE(world.run(world.api.remove(kReplicaSets, "default", "web")).has_value());
    world.restart();
    world.settle();
    world.playAgents();
    CHECK(world.list(kPods).empty());
  }
}

TEST_CASE("chains of owners go from the top") {
  World world;
  world.addNode("a");
  const Value rollout = world.create(
      kConfigMaps, R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"default","name":"top"}})");
  const std::string owner = fmt::format(
      R"(,"ownerReferences":[{{"apiVersion":"v1","kind":"ConfigMap","name":"top","uid":"{}","controller":true,"blockOwnerDeletion":true}}])",
      uidOf(rollout));
  world.create(kReplicaSets, replicaSet("web", 2, owner));
  world.settle();
  world.playAgents();
  REQUIRE(world.run(world.api.remove(kConfigMaps, "default", "top", {.propagation = Propagation::kForeground}))
              .has_value());
  world.settle();
  CHECK_FALSE(world.get(kConfigMaps, "top").isNull());
  CHECK_FALSE(world.get(kReplicaSets, "web").isNull());
  world.playAgents();
  world.settle();
  CHECK(world.get(kReplicaSets, "web").isNull());
  CHECK(world.get(kConfigMaps, "top").isNull());
}

TEST_CASE("a deleted namespace is emptied and goes") {
  World world;
  world.addNode("a");
  world.create(kNamespaces, R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}})");
  world.create(kConfigMaps, R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"shop","name":"c"}})");
  world.create(kConfigMaps, R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"default","name":"c"}})");
  world.create(
      kPods,
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"shop","name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  world.settle();
  world.playAgents();
  REQUIRE(world.run(world.api.remove(kNamespaces, "", "shop")).has_value());
  world.settle(5s);
  CHECK_FALSE(world.get(kNamespaces, "shop", "").isNull());
  world.playAgents();
  world.settle(5s);
  CHECK(world.get(kNamespaces, "shop", "").isNull());
  CHECK(world.list(kConfigMaps, "shop").empty());
  CHECK(world.list(kConfigMaps, "default").size() == 1);
}

TEST_CASE("events are forgotten after an hour without change, whatever the wall clock does") {
  World world;
  world.create(
      kEvents,
      R"({"apiVersion":"v1","kind":"Event","metadata":{"namespace":"default","name":"e"},"involvedObject":{"kind":"Pod"}})");
  world.loop.setWall(world.loop.wallNow() + 48h);
  world.settle(50min);
  CHECK(world.list(kEvents).size() == 1);
  world.merge(kEvents, "e", R"({"count":2})");
  world.settle(50min);
  CHECK(world.list(kEvents).size() == 1);
  world.settle(15min);
  CHECK(world.list(kEvents).empty());
}

TEST_CASE("every-node: a rollout's canary takes the nodes wave by wave, and the old instance there goes first") {
  World world;
  world.addNode("a", "towpath.dev/wave=2");
  world.addNode("b", "towpath.dev/wave=1");
  world.addNode("c");
  const std::string meta =
      R"(,"annotations":{"towpath.dev/placement":"every-node"},"ownerReferences":[{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","name":"r","uid":")";
  const Value owner = world.create(
      kConfigMaps, R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"default","name":"r"}})");
  const std::string more = meta + std::string(uidOf(owner)) + R"(","controller":true}])";
  world.create(kReplicaSets, replicaSet("old", 3, more));
  world.settle();
  world.playAgents();
  CHECK(world.podsByNode() == Count{{"a", 1}, {"b", 1}, {"c", 1}});
  world.create(kReplicaSets, replicaSet("new", 1, more));
  world.settle();
  world.playAgents();
  CHECK(world.podsByNode() == Count{{"a", 1}, {"b", 2}, {"c", 1}});
  world.merge(kReplicaSets, "old", R"({"spec":{"replicas":2}})");
  world.settle();
  world.playAgents();
  CHECK(world.podsByNode() == Count{{"a", 1}, {"b", 1}, {"c", 1}});
}

TEST_CASE("a job runs a pod on a node, is complete when that is, and takes it with it") {
  World world;
  world.addNode("a");
  world.create(kJobs,
               R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"namespace":"default","name":"once"},
               "spec":{"ttlSecondsAfterFinished":60,
               "template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}})");
  world.settle();
  const std::vector<Value> pods = world.list(kPods);
  REQUIRE(pods.size() == 1);
  CHECK(nameOf(pods[0]).starts_with("once-"));
  CHECK(labelOf(pods[0], "job-name") == "once");
  CHECK(pods[0]["spec"]["nodeName"] == Value("a"));
  world.playAgents();
  CHECK(world.get(kJobs, "once")["status"]["active"] == Value(1));
  world.restart();
  world.settle();
  CHECK(world.list(kPods).size() == 1);
  world.merge(kPods, std::string(nameOf(pods[0])), R"({"status":{"phase":"Succeeded"}})", "status");
  world.settle();
  const Value job = world.get(kJobs, "once");
  CHECK(conditionOf(job, "Complete")["status"] == Value("True"));
  CHECK(job["status"]["succeeded"] == Value(1));
  CHECK(job["status"]["active"].isNull());
  world.settle(61s);
  CHECK(world.list(kJobs).empty());
  CHECK(world.list(kPods).empty());
}

TEST_CASE("a job whose pods fail is tried again, and given up") {
  World world;
  world.addNode("a");
  world.create(kJobs,
               R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"namespace":"default","name":"bad"},
               "spec":{"backoffLimit":1,
               "template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}})");
  for (int i = 0; i < 30; ++i) {
    world.settle(1s);
    world.hear();
    for (const Value& pod : world.list(kPods)) {
      if (pod["status"]["phase"].asStringView() == "Failed") continue;
      world.merge(kPods, std::string(nameOf(pod)), R"({"status":{"phase":"Failed"}})", "status");
    }
  }
  const Value job = world.get(kJobs, "bad");
  CHECK(conditionOf(job, "Failed")["reason"] == Value("BackoffLimitExceeded"));
  CHECK(job["status"]["failed"] == Value(2));
  CHECK(world.list(kPods).size() == 2);
}
