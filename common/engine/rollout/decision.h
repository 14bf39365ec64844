#pragma once
// What decide() answers: actions to carry out in order, and when to look again. Actions are intents (names and
// numbers); the controller makes objects of them. They can be compared, printed, stored, and applied to a world
// (effects.h).

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/rollout/world.h"

namespace towpath::rollout {

// The anti-affinity term that keeps the pods of a ReplicaSet from nodes with pods of another version (2.10).
struct Repulsion {
  std::string hash;
  model::AntiAffinity kind;
  bool operator==(const Repulsion&) const = default;
};

// Creates `<rollout>-<hash>` with 0 replicas (core-semantics 2.3). AlreadyExists: if it is ours and equals the
// template, it is done; else feed World::create_failure with collision = true. Its result is needed.
struct CreateReplicaSet {
  std::string name;
  std::string hash;
  int revision = 1;
  std::int32_t desired_replicas = 0;              // annotation desired-replicas
  std::optional<model::ObjectMetadata> metadata;  // ephemeral metadata to inject
  std::optional<Repulsion> repels;
  bool operator==(const CreateReplicaSet&) const = default;
};

// Copies the Rollout's annotations and minReadySeconds to the ReplicaSet and gives it this revision (2.5); the
// anti-affinity term becomes this one, or goes.
struct SyncReplicaSet {
  std::string name;
  int revision = 1;
  std::optional<Repulsion> repels;
  bool operator==(const SyncReplicaSet&) const = default;
};

// Gives the ReplicaSet's template and every pod of it this ephemeral metadata instead of what was injected before
// (2.9); nullopt takes it away. The selector and the hash label stay. A pod that can't be written is left for later.
struct SetEphemeralMetadata {
  std::string name;
  std::optional<model::ObjectMetadata> metadata;
  bool operator==(const SetEphemeralMetadata&) const = default;
};

// Sets the Rollout's own revision annotation.
struct SetRolloutRevision {
  int revision = 1;
  bool operator==(const SetRolloutRevision&) const = default;
};

// Notes the generation of the workload that the template came from, for health checks; "" removes the note.
struct NoteWorkloadGeneration {
  std::string generation;
  bool operator==(const NoteWorkloadGeneration&) const = default;
};

// Sets spec.replicas of the Deployment that spec.workloadRef names.
struct ScaleWorkload {
  std::int32_t from = 0;
  std::int32_t to = 0;
  bool operator==(const ScaleWorkload&) const = default;
};

// Remembers the hash of a template that was refused (annotation towpath.dev/rejected-template); "" forgets it.
struct NoteRejected {
  std::string hash;
  bool operator==(const NoteRejected&) const = default;
};

// spec.replicas was absent: autoscalers need it.
struct SetReplicasDefault {
  std::int32_t replicas = 1;
  bool operator==(const SetReplicasDefault&) const = default;
};

// Sets spec.replicas and the desired-replicas annotation (also when only the latter differs).
struct ScaleReplicaSet {
  std::string name;
  std::int32_t from = 0;
  std::int32_t to = 0;
  std::int32_t desired_replicas = 0;
  bool operator==(const ScaleReplicaSet&) const = default;
};

struct SetScaleDownDeadline {
  std::string name;
  WallTime deadline{};
  bool operator==(const SetScaleDownDeadline&) const = default;
};

struct ClearScaleDownDeadline {
  std::string name;
  bool operator==(const ClearScaleDownDeadline&) const = default;
};

struct DeleteReplicaSet {
  std::string name;
  bool operator==(const DeleteReplicaSet&) const = default;
};

// Points the service's selector at the hash, and sets managed-by if it is absent.
struct SwitchService {
  ServiceRole role = ServiceRole::kStable;
  std::string service;
  std::string from_hash;
  std::string hash;
  bool operator==(const SwitchService&) const = default;
};

// Gives the routers hashes, weights and header and mirror routes, then asks them whether the data plane carries it. The
// controller feeds the result into World::traffic; on an error of the router it emits TrafficRoutingError and ends the
// pass. Its result is needed.
struct SetTraffic {
  TrafficSetting setting;
  std::int32_t max_weight = 100;
  // A full canary that is not empty yet: routers must set the weight before they change hashes.
  bool weight_first = false;
  bool operator==(const SetTraffic&) const = default;
};

// Makes an AnalysisRun from the reference that analysisRef(spec, type, step_index) names. Its result (the run) is
// needed.
struct StartAnalysis {
  AnalysisType type = AnalysisType::kStep;
  std::optional<std::int32_t> step_index;  // step runs only
  std::string name;                        // if taken by a run that isn't ours to use: append ".1", ".2", …
  std::string hash;                        // label
  int revision = 1;                        // annotation
  std::string latest_hash;                 // value of podTemplateHashValue: Latest
  std::string stable_hash;                 // … Stable
  bool operator==(const StartAnalysis&) const = default;
};

// spec.terminate: true.
struct StopAnalysis {
  std::string name;
  bool operator==(const StopAnalysis&) const = default;
};

struct DeleteAnalysisRun {
  std::string name;
  bool operator==(const DeleteAnalysisRun&) const = default;
};

// Makes an Experiment of the step `step_index`, its pod templates from the two ReplicaSets. Its result (the experiment)
// is needed; one that is refused for good is fed into World::experiment_failure.
struct StartExperiment {
  std::int32_t step_index = 0;
  std::string name;         // if taken by one that isn't ours to use: append "-1", "-2", …
  std::string hash;         // label, and value of podTemplateHashValue: Latest
  std::string stable_hash;  // … Stable
  int revision = 1;         // annotation
  std::string canary_set;   // names of the ReplicaSets that specRef means
  std::string stable_set;
  bool operator==(const StartExperiment&) const = default;
};

// spec.terminate: true.
struct StopExperiment {
  std::string name;
  bool operator==(const StopExperiment&) const = default;
};

struct DeleteExperiment {
  std::string name;
  bool operator==(const DeleteExperiment&) const = default;
};

// Begins a call of a step plugin. Nobody waits for it in this turn: its answer comes with World::plugin_call, and is a
// reason to look at the Rollout again. While another one works, it waits its turn.
struct RunStepPlugin {
  std::int32_t index = 0;
  std::string name;
  std::string operation;  // model::plugin::kRun, kTerminate, kAbort
  std::int32_t execution = 1;
  WallTime started_at{};  // of the run
  Value status;           // the plugin's own, as it was last
  bool awaited = true;    // false: its attempt is over, the answer is of no use, and so is any other
  bool operator==(const RunStepPlugin&) const = default;
};

// Begins a call of a webhook. Nobody waits for it in this turn: its answer comes with World::webhook_calls, and is a
// reason to look at the Rollout again.
struct CallWebhook {
  std::string name;
  model::WebhookType type = model::WebhookType::kConfirmPromotion;
  std::string point;
  std::string phase;  // for the payload: "Waiting", "Progressing", "Succeeded", "Failed"
  bool operator==(const CallWebhook&) const = default;
};

// Remembers how far webhooks let the update go (annotation towpath.dev/webhook-gate); "" forgets it.
struct NoteWebhookGate {
  std::string point;
  bool operator==(const NoteWebhookGate&) const = default;
};

// Through the eviction subresource; 429 (a disruption budget) is no error.
struct EvictPod {
  std::string name;
  bool operator==(const EvictPod&) const = default;
};

struct PatchStatus {
  model::RolloutStatus next;
  bool guarded = false;  // touches what people write too: send the resourceVersion that was read
  bool operator==(const PatchStatus&) const = default;
};

enum class EventType : std::uint8_t { kNormal, kWarning };

struct EmitEvent {
  EventType type = EventType::kNormal;
  std::string reason;
  std::string message;
  bool operator==(const EmitEvent&) const = default;
};

using Action =
    std::variant<CreateReplicaSet, SyncReplicaSet, SetEphemeralMetadata, NoteWorkloadGeneration, ScaleWorkload,
                 NoteRejected, SetRolloutRevision, SetReplicasDefault, ScaleReplicaSet, SetScaleDownDeadline,
                 ClearScaleDownDeadline, DeleteReplicaSet, SwitchService, SetTraffic, StartAnalysis, StopAnalysis,
                 DeleteAnalysisRun, StartExperiment, StopExperiment, DeleteExperiment, RunStepPlugin, CallWebhook,
                 NoteWebhookGate, EvictPod, PatchStatus, EmitEvent>;

std::string toString(const Action& action);  // one line, for logs, `plan` and failing tests

enum class OnFailure : std::uint8_t {
  kEndPass,            // the rest depends on it: retry with back-off
  kReportAndContinue,  // log it; the next pass tries again
};
OnFailure onFailure(const Action& action);

struct Decision {
  std::vector<Action> actions;
  std::optional<WallTime> look_again_at;
  // The last action's result is needed to go on: feed it into the world (effects.h does it for what succeeded) and
  // decide again in the same turn. At most kMaxDecisionsPerTurn times, then requeue.
  bool decide_again = false;

  bool operator==(const Decision&) const = default;
};

inline constexpr int kMaxDecisionsPerTurn = 8;

}  // namespace towpath::rollout
