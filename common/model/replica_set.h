#pragma once
// A ReplicaSet as the engine sees it: identity, sizes and the annotations that carry decisions.

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "model/analysis.h"
#include "model/conditions.h"

namespace towpath::model {

struct ReplicaSet {
  std::string name;
  std::string uid;
  std::string hash;  // label rollouts-pod-template-hash: the identity that all references use
  WallTime creation_time{};
  std::optional<int> revision;            // annotation rollout.argoproj.io/revision; nullopt if absent or no number
  std::int32_t min_ready_seconds = 0;     // spec.minReadySeconds
  std::int64_t generation = 0;            // metadata.generation
  std::int64_t observed_generation = 0;   // status.observedGeneration
  std::int32_t replicas = 0;              // spec.replicas
  std::int32_t current_replicas = 0;      // status.replicas: pods that exist and are not being deleted
  std::int32_t ready_replicas = 0;        // status.readyReplicas
  std::int32_t available_replicas = 0;    // status.availableReplicas
  std::int32_t terminating_replicas = 0;  // pods being deleted but not gone yet; 0 where the platform doesn't tell
  std::optional<std::int32_t> desired_replicas;  // annotation desired-replicas
  std::optional<WallTime> scale_down_deadline;   // annotation; the epoch if it is no time (then it counts as expired)
  std::optional<Condition> failure;              // status condition ReplicaFailure
  std::optional<ObjectMetadata> ephemeral_metadata;  // annotation: what was injected; nullopt: nothing
  bool pods_lag = false;                             // one of its pods has not got that metadata (yet)
  std::string repelled_hash;                         // of the anti-affinity term in its template; "" if there is none
  bool deleting = false;                             // metadata.deletionTimestamp is set

  bool operator==(const ReplicaSet&) const = default;
};

}  // namespace towpath::model
