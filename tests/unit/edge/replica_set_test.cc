#include "edge/replica_set_plan.h"

#include "support.h"

using namespace towpath;
using namespace towpath::edge;

namespace {

const WallTime kNow = parseRfc3339("2026-11-23T12:00:00Z").value();

struct PodSpec {
  std::string name;
  std::string node = "n1";
  std::string phase = "Running";
  bool ready = true;
  std::string since = "2026-11-23T11:00:00Z";
  std::string created = "2026-11-23T10:00:00Z";
  int restarts = 0;
  std::string cost = "0";
  bool deleting = false;
};

PodFacts podOf(const PodSpec& spec) {
  return pod(fmt::format(
      R"({{"metadata":{{"name":"{0}","uid":"{0}","creationTimestamp":"{5}"{8},"labels":{{"app":"web"}},
         "annotations":{{"controller.kubernetes.io/pod-deletion-cost":"{7}"}}}},"spec":{{"nodeName":"{1}"}},
         "status":{{"phase":"{2}","conditions":[{{"type":"Ready","status":"{3}","lastTransitionTime":"{4}"}}],
         "containerStatuses":[{{"restartCount":{6}}}]}}}})",
      spec.name, spec.node, spec.phase, spec.ready ? "True" : "False", spec.since, spec.created, spec.restarts,
      spec.cost, spec.deleting ? R"(,"deletionTimestamp":"2026-11-23T11:59:00Z")" : ""));
}

struct World {
  std::deque<PodFacts> pods;
  ReplicaSetWorld world;

  explicit World(std::int32_t replicas, const std::vector<PodSpec>& specs = {}) {
    world.replicas = replicas;
    world.template_labels = {{"app", "web"}};
    for (const PodSpec& spec : specs) pods.push_back(podOf(spec));
    for (const PodFacts& one : pods) world.pods.push_back(&one);
  }
  ReplicaSetPlan plan() const { return planReplicaSet(world, kNow); }
  std::vector<std::string> erased() const {
    std::vector<std::string> names;
    for (const PodFacts* one : plan().erase) names.push_back(one->name);
    return names;
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("what is missing is created; what is going or finished does not count") {
  const World world(4, {{.name = "a"},
                        {.name = "b", .deleting = true},
                        {.name = "c", .phase = "Failed"},
                        {.name = "d", .phase = "Pending", .ready = false}});
  CHECK(world.plan().create == 2);
  CHECK(world.plan().counts ==
        ReplicaSetCounts{.replicas = 2, .fully_labeled = 2, .ready = 1, .available = 1, .terminating = 1});
  CHECK(World(0).plan().create == 0);
}

TEST_CASE("a replica set that is being deleted neither creates nor deletes") {
  World world(3, {{.name = "a"}});
  world.world.deleting = true;
  CHECK(world.plan().create == 0);
  world.world.replicas = 0;
  CHECK(world.erased().empty());
}

TEST_CASE("pods go in Kubernetes' order: each rule before the next") {
  struct Case {
    const char* rule;
    PodSpec goes, stays;
  };
  for (const Case& each : std::vector<Case>{
           {"unplaced first", {.name = "x", .node = "", .phase = "Pending"}, {.name = "a", .ready = false}},
           {"pending before running", {.name = "x", .phase = "Pending"}, {.name = "a", .ready = false}},
           {"unknown before running", {.name = "x", .phase = "Unknown"}, {.name = "a"}},
           {"not ready first", {.name = "x", .ready = false, .cost = "100"}, {.name = "a"}},
           {"cheaper first", {.name = "x", .cost = "-1"}, {.name = "a", .since = "2026-11-23T11:59:00Z"}},
           {"ready for a shorter time first",
            {.name = "x", .since = "2026-11-23T11:30:00Z"},
            {.name = "a", .restarts = 3}},
           {"more restarts first", {.name = "x", .restarts = 2}, {.name = "a", .created = "2026-11-23T11:00:00Z"}},
           {"younger first", {.name = "x", .created = "2026-11-23T10:30:00Z"}, {.name = "a"}},
           {"by name at last", {.name = "a"}, {.name = "x"}},
       }) {
    CHECK_MESSAGE(World(1, {each.stays, each.goes}).erased() == Names{each.goes.name}, each.rule);
    CHECK_MESSAGE(World(1, {each.goes, each.stays}).erased() == Names{each.goes.name}, each.rule);
  }
}

TEST_CASE("of equals the pod goes that has company, of its own or of its successor") {
  CHECK(World(2, {{.name = "a", .node = "n1"}, {.name = "x", .node = "n2"}, {.name = "y", .node = "n2"}}).erased() ==
        Names{"x"});
  World followed(1, {{.name = "a", .node = "n1"}, {.name = "b", .node = "n2"}});
  followed.world.related_by_node["n2"] = 1;
  CHECK(followed.erased() == Names{"b"});
}

TEST_CASE("ready pods become available after minReadySeconds, and the plan says when to look") {
  World world(2, {{.name = "a", .since = "2026-11-23T11:59:20Z"}, {.name = "b", .since = "2026-11-23T11:59:50Z"}});
  world.world.min_ready_seconds = 30;
  CHECK(world.plan().counts.ready == 2);
  CHECK(world.plan().counts.available == 1);
  CHECK(world.plan().look_again == Duration(20s));
}

TEST_CASE("the status keeps what is not ours, and tells refusals") {
  Value replica_set = parsed(
      R"({"metadata":{"name":"rs","generation":3},"status":{"replicas":2,"readyReplicas":2,"someoneElses":1,
    "conditions":[{"type":"Other","status":"True"}]}})");
  Value status = replicaSetStatus(replica_set, {.replicas = 1}, "quota", kNow);
  CHECK(status["replicas"] == Value(1));
  CHECK(std::as_const(status)["readyReplicas"].isNull());
  CHECK(status["observedGeneration"] == Value(3));
  CHECK(status["someoneElses"] == Value(1));
  CHECK(status["conditions"].asArray().size() == 2);
  CHECK(std::as_const(status)["conditions"][1]["message"] == Value("quota"));
  CHECK(std::as_const(status)["conditions"][1]["reason"] == Value("FailedCreate"));

  replica_set["status"] = status;
  const Value later = replicaSetStatus(replica_set, {.replicas = 1}, "quota", kNow + 1h);
  CHECK(later == status);
  CHECK(replicaSetStatus(replica_set, {.replicas = 1}, "", kNow)["conditions"].asArray().size() == 1);
}

TEST_CASE("a pod is the template with an owner and a name") {
  const Value replica_set =
      parsed(R"({"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"namespace":"shop","name":"web-1","uid":"u"},
    "spec":{"template":{"metadata":{"labels":{"app":"web"},"annotations":{"x":"y"}},"spec":{"containers":[{"name":"c","unknown":1}]}}}})");
  const Value made = podFor(replica_set, "web-1-abcde");
  CHECK(made["metadata"]["namespace"] == Value("shop"));
  CHECK(made["metadata"]["labels"] == replica_set["spec"]["template"]["metadata"]["labels"]);
  CHECK(made["spec"] == replica_set["spec"]["template"]["spec"]);
  const PodFacts facts = podFacts(made);
  CHECK(facts.owner_uid == "u");

  const std::string name = randomName("web-1", 123456789);
  CHECK(name.size() == 11);
  CHECK(name.starts_with("web-1-"));
  CHECK(randomName(std::string(100, 'x'), 5).size() == 63);
}
