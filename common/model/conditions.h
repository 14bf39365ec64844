#pragma once
// Conditions as Kubernetes objects carry them, and the rule by which they are replaced (core-semantics 10.4).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace towpath::model {

enum class ConditionStatus : std::uint8_t { kFalse, kTrue, kUnknown };

const char* toString(ConditionStatus status);  // "True", "False", "Unknown"
ConditionStatus parseConditionStatus(std::string_view text);

struct Condition {
  std::string type;
  ConditionStatus status = ConditionStatus::kUnknown;
  std::string reason;
  std::string message;
  WallTime last_update_time{};
  WallTime last_transition_time{};

  bool operator==(const Condition&) const = default;
};

// The types and reasons of a Rollout. Their spelling is a contract with kubectl wait, health checks and notifications.
namespace condition {
inline constexpr const char* kInvalidSpec = "InvalidSpec";
inline constexpr const char* kAvailable = "Available";
inline constexpr const char* kProgressing = "Progressing";
inline constexpr const char* kPaused = "Paused";
inline constexpr const char* kCompleted = "Completed";
inline constexpr const char* kHealthy = "Healthy";
inline constexpr const char* kReplicaFailure = "ReplicaFailure";
// Ours (towpath.dev/on-new-version): a newer template waits, or was refused, while an update is in progress.
inline constexpr const char* kNewVersionQueued = "NewVersionQueued";
inline constexpr const char* kNewVersionRejected = "NewVersionRejected";
}  // namespace condition

namespace reason {
inline constexpr const char* kInvalidSpec = "InvalidSpec";
inline constexpr const char* kAvailable = "AvailableReason";
inline constexpr const char* kHealthy = "RolloutHealthy";
inline constexpr const char* kCompleted = "RolloutCompleted";
inline constexpr const char* kPaused = "RolloutPaused";
inline constexpr const char* kResumed = "RolloutResumed";
inline constexpr const char* kRetry = "RolloutRetry";
inline constexpr const char* kAborted = "RolloutAborted";
inline constexpr const char* kNewReplicaSetCreated = "NewReplicaSetCreated";
inline constexpr const char* kFoundNewReplicaSet = "FoundNewReplicaSet";
inline constexpr const char* kReplicaSetUpdated = "ReplicaSetUpdated";
inline constexpr const char* kReplicaSetNotAvailable = "ReplicaSetNotAvailable";
inline constexpr const char* kNewReplicaSetAvailable = "NewReplicaSetAvailable";
inline constexpr const char* kReplicaSetCreateError = "ReplicaSetCreateError";
inline constexpr const char* kUpdateInProgress = "UpdateInProgress";
inline constexpr const char* kProgressDeadlineExceeded = "ProgressDeadlineExceeded";
}  // namespace reason

using Conditions = std::vector<Condition>;

const Condition* findCondition(const Conditions& conditions, std::string_view type);
bool hasReason(const Conditions& conditions, std::string_view type, std::string_view reason);

enum class ConditionWrite : std::uint8_t {
  kIfChanged,  // keep the old one if status and reason are the same
  kAlways,     // a fresh lastUpdateTime even so (only Progressing/ReplicaSetUpdated)
};

// Replaces the condition of that type: the new one goes to the END of the list, lastTransitionTime is kept while the
// status is. True if the list changed. `next` carries `now` in both times.
bool setCondition(Conditions& conditions, Condition next, ConditionWrite write = ConditionWrite::kIfChanged);
bool removeCondition(Conditions& conditions, std::string_view type);

}  // namespace towpath::model
