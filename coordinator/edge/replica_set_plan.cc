#include "edge/replica_set_plan.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "cluster/object.h"

namespace towpath::edge {
namespace {

constexpr std::size_t kNameLimit = 63;  // pod names are host names

int phaseRank(PodPhase phase) {
  switch (phase) {
    case PodPhase::kPending:
      return 0;
    case PodPhase::kUnknown:
      return 1;
    case PodPhase::kRunning:
    case PodPhase::kSucceeded:
    case PodPhase::kFailed:
      return 2;
  }
  return 2;
}

WallTime orMost(const std::optional<WallTime>& time) { return time.value_or(WallTime::max()); }

// Kubernetes' order of deletion (pkg/controller/controller_utils.go, ActivePodsWithRanks): what matters least goes
// first.
class DeletionOrder {
 public:
  explicit DeletionOrder(const ReplicaSetWorld& world) : neighbours_(world.related_by_node) {
    for (const PodFacts* pod : world.pods) {
      if (pod->active() && !pod->node.empty()) ++neighbours_[pod->node];
    }
  }

  bool operator()(const PodFacts* a, const PodFacts* b) const { return rank(*a) < rank(*b); }

 private:
  using Rank =
      std::tuple<bool, int, bool, std::int64_t, std::int64_t, Duration, std::int64_t, Duration, std::string_view>;

  Rank rank(const PodFacts& pod) const {
    const auto neighbours = neighbours_.find(pod.node);
    return {!pod.node.empty(),
            phaseRank(pod.phase),
            pod.ready,
            pod.deletion_cost,
            neighbours == neighbours_.end() ? 0 : -neighbours->second,
            -orMost(pod.ready_since).time_since_epoch(),  // ready for the shortest time first
            -pod.restarts,
            -orMost(pod.created).time_since_epoch(),  // youngest first
            pod.name};
  }

  std::map<std::string, std::int64_t> neighbours_;
};

bool hasLabels(const PodFacts& pod, const cluster::Labels& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& label) {
    const std::string* value = labelOf(pod.labels, label.first);
    return value && *value == label.second;
  });
}

// When the pod counts as available; nullopt: not before it is ready.
std::optional<WallTime> availableAt(const PodFacts& pod, std::int32_t min_ready_seconds) {
  if (!pod.ready) return std::nullopt;
  if (min_ready_seconds <= 0) return WallTime::min();
  if (!pod.ready_since) return std::nullopt;
  return *pod.ready_since + std::chrono::seconds(min_ready_seconds);
}

void count(const ReplicaSetWorld& world, WallTime now, ReplicaSetPlan& plan) {
  plan.counts.terminating = world.terminating;
  for (const PodFacts* pod : world.pods) {
    plan.counts.terminating += pod->deleting && !pod->finished();
    if (!pod->active()) continue;
    ++plan.counts.replicas;
    plan.counts.fully_labeled += hasLabels(*pod, world.template_labels);
    plan.counts.ready += pod->ready;
    const std::optional<WallTime> available = availableAt(*pod, world.min_ready_seconds);
    if (!available) continue;
    if (*available <= now) {
      ++plan.counts.available;
    } else {
      const Duration wait = *available - now;
      plan.look_again = std::min(plan.look_again.value_or(wait), wait);
    }
  }
}

bool isFailureCondition(const Value& condition) { return condition["type"].asStringView() == "ReplicaFailure"; }

Value failureCondition(const Value& before, const std::string& message, WallTime now) {
  const bool lasting = before["status"].asStringView() == "True";
  return Object{{"type", "ReplicaFailure"},
                {"status", "True"},
                {"lastTransitionTime", lasting ? before["lastTransitionTime"] : Value(formatRfc3339(now))},
                {"reason", "FailedCreate"},
                {"message", message}};
}

}  // namespace

ReplicaSetPlan planReplicaSet(const ReplicaSetWorld& world, WallTime now) {
  ReplicaSetPlan plan;
  count(world, now, plan);
  if (world.deleting) return plan;  // its pods are the garbage collector's
  const std::int32_t surplus = plan.counts.replicas - world.replicas;
  if (surplus < 0) plan.create = -surplus;
  if (surplus <= 0) return plan;
  for (const PodFacts* pod : world.pods) {
    if (pod->active()) plan.erase.push_back(pod);
  }
  std::ranges::sort(plan.erase, DeletionOrder(world));
  plan.erase.resize(static_cast<std::size_t>(surplus));
  return plan;
}

Value replicaSetStatus(const Value& replica_set, const ReplicaSetCounts& counts, const std::string& failure,
                       WallTime now) {
  Value status = replica_set["status"].isNull() ? Value(Object()) : replica_set["status"];
  const auto set = [&](std::string_view name, std::int32_t number) {
    if (number != 0) {
      status[name] = number;
    } else {
      status.makeObject().erase(name);
    }
  };
  status["replicas"] = counts.replicas;
  set("fullyLabeledReplicas", counts.fully_labeled);
  set("readyReplicas", counts.ready);
  set("availableReplicas", counts.available);
  set("terminatingReplicas", counts.terminating);
  status["observedGeneration"] = replica_set["metadata"]["generation"];
  Array conditions = std::as_const(status)["conditions"].asArray();
  const auto before = std::ranges::find_if(conditions, isFailureCondition);
  const Value old = before == conditions.end() ? Value() : *before;
  std::erase_if(conditions, isFailureCondition);
  if (!failure.empty()) conditions.push_back(failureCondition(old, failure, now));
  if (conditions.empty()) {
    status.makeObject().erase("conditions");
  } else {
    status["conditions"] = std::move(conditions);
  }
  return status;
}

Value podFor(const Value& replica_set, const std::string& name) {
  const Value& pod_template = replica_set["spec"]["template"];
  Value pod = Object{{"apiVersion", "v1"}, {"kind", "Pod"}};
  Value& metadata = pod["metadata"];
  metadata["name"] = name;
  metadata["generateName"] = std::string(cluster::nameOf(replica_set)) + "-";
  metadata["namespace"] = cluster::namespaceOf(replica_set);
  for (const char* member : {"labels", "annotations", "finalizers"}) {
    const Value& wanted = pod_template["metadata"][member];
    if (!wanted.isNull()) metadata[member] = wanted;
  }
  metadata["ownerReferences"] = Array{Object{{"apiVersion", replica_set["apiVersion"]},
                                             {"kind", replica_set["kind"]},
                                             {"name", cluster::nameOf(replica_set)},
                                             {"uid", cluster::uidOf(replica_set)},
                                             {"controller", true},
                                             {"blockOwnerDeletion", true}}};
  pod["spec"] = pod_template["spec"];
  return pod;
}

std::string randomName(std::string_view prefix, std::uint64_t random) {
  static constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  constexpr std::size_t kSuffix = 5;
  std::string name(prefix.substr(0, kNameLimit - kSuffix - 1));
  name += '-';
  for (std::size_t i = 0; i < kSuffix; ++i) {
    name += kAlphabet[random % kAlphabet.size()];
    random /= kAlphabet.size();
  }
  return name;
}

}  // namespace towpath::edge
