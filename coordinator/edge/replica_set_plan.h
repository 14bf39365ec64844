#pragma once
// What to do for a replica set: how many pods to create, which to delete, what its status is. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "cluster/selector.h"
#include "edge/facts.h"

namespace towpath::edge {

struct ReplicaSetWorld {
  std::int32_t replicas = 1;
  std::int32_t min_ready_seconds = 0;
  bool deleting = false;
  cluster::Labels template_labels;
  std::vector<const PodFacts*> pods;  // all that it controls
  std::int32_t terminating = 0;       // pods that we deleted, whose deletion the cache has not seen yet
  // Active pods of the other replica sets of the same owner, by node: where a version is being replaced, the pod that
  // has its successor beside it goes first.
  std::map<std::string, std::int64_t> related_by_node;
};

struct ReplicaSetCounts {
  std::int32_t replicas = 0;
  std::int32_t fully_labeled = 0;
  std::int32_t ready = 0;
  std::int32_t available = 0;
  std::int32_t terminating = 0;  // being deleted, not gone: may still run
  bool operator==(const ReplicaSetCounts&) const = default;
};

struct ReplicaSetPlan {
  std::int32_t create = 0;
  std::vector<const PodFacts*> erase;
  ReplicaSetCounts counts;             // of what is now
  std::optional<Duration> look_again;  // a ready pod becomes available then
};

ReplicaSetPlan planReplicaSet(const ReplicaSetWorld& world, WallTime now);

// The status that the object should have; conditions and members that are not ours are kept. `failure` is the message
// of a ReplicaFailure condition, empty for none.
Value replicaSetStatus(const Value& replica_set, const ReplicaSetCounts& counts, const std::string& failure,
                       WallTime now);

// A pod for it, with its name. Labels, annotations and spec are the template's.
Value podFor(const Value& replica_set, const std::string& name);

// "<prefix>-xxxxx" of a random number, in the alphabet without vowels (k8s.io/apimachinery/pkg/util/rand).
std::string randomName(std::string_view prefix, std::uint64_t random);

}  // namespace towpath::edge
