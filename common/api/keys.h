#pragma once
// Labels and annotations that carry meaning (core-semantics 2.7). Their spelling is a contract with the field's tools.

namespace towpath::api {

inline constexpr const char* kHashLabel = "rollouts-pod-template-hash";
inline constexpr const char* kRevision = "rollout.argoproj.io/revision";
inline constexpr const char* kRevisionHistory = "rollout.argoproj.io/revision-history";
inline constexpr const char* kDesiredReplicas = "rollout.argoproj.io/desired-replicas";
inline constexpr const char* kScaleDownDeadline = "scale-down-deadline";
inline constexpr const char* kEphemeralMetadata = "rollout.argoproj.io/ephemeral-metadata";
inline constexpr const char* kWorkloadGeneration = "rollout.argoproj.io/workload-generation";
inline constexpr const char* kManagedBy = "argo-rollouts.argoproj.io/managed-by-rollouts";
inline constexpr const char* kInstanceId = "argo-rollouts.argoproj.io/controller-instance-id";
inline constexpr const char* kRolloutType = "rollout-type";
inline constexpr const char* kStepIndex = "step-index";
inline constexpr const char* kExperimentName = "experiment.argoproj.io/name";
inline constexpr const char* kExperimentTemplate = "experiment.argoproj.io/template-name";
inline constexpr const char* kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";
inline constexpr const char* kNotified = "notified.notifications.argoproj.io";
inline constexpr const char* kStrategyAnnotation = "towpath.dev/strategy";         // "recreate"
inline constexpr const char* kOnNewVersion = "towpath.dev/on-new-version";         // "replace", "queue", "reject"
inline constexpr const char* kRejectedTemplate = "towpath.dev/rejected-template";  // a hash; ours to write
inline constexpr const char* kWeightLimit = "towpath.dev/weight-limit";            // "ready"
inline constexpr const char* kBrokenStable = "towpath.dev/broken-stable";          // "ship"
inline constexpr const char* kWebhooks = "towpath.dev/webhooks";                   // webhooks.h
inline constexpr const char* kWebhookGate = "towpath.dev/webhook-gate";            // "<hash>/<step>"; ours to write

}  // namespace towpath::api
