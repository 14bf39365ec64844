#pragma once
// The world of one Rollout as a plain value: everything that decide() looks at. The controller gathers it from its
// caches; a test writes it down. What needs JSON (hashes, deep equality, selector text) is a fact computed outside.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/extensions.h"
#include "model/replica_set.h"
#include "model/rollout.h"
#include "model/service.h"

namespace towpath::rollout {

enum class ServiceRole : std::uint8_t { kActive, kPreview, kCanary, kStable, kPing, kPong };
const char* toString(ServiceRole role);  // "active", …

// A service that the spec names and that was found. One that is missing is a validation error, set by the api layer.
struct ServiceView {
  ServiceRole role = ServiceRole::kStable;
  model::Service service;
  bool operator==(const ServiceView&) const = default;
};

enum class AnalysisType : std::uint8_t { kStep, kBackground, kPrePromotion, kPostPromotion };
const char* toString(AnalysisType type);  // "Step", …: label rollout-type and event texts
std::optional<AnalysisType> parseAnalysisType(std::string_view text);

// An AnalysisRun that the Rollout owns.
struct AnalysisRunView {
  std::string name;
  std::optional<AnalysisType> type;        // nullopt: no (known) rollout-type label
  std::optional<std::int32_t> step_index;  // label step-index
  std::string hash;                        // label rollouts-pod-template-hash
  std::optional<int> revision;             // annotation
  model::AnalysisPhase phase = model::AnalysisPhase::kNone;
  std::string message;
  WallTime creation_time{};
  bool terminate = false;  // spec.terminate
  bool deleting = false;
  bool operator==(const AnalysisRunView&) const = default;
};

// A pod template of an Experiment, as its status tells.
struct ExperimentTemplateView {
  std::string name;
  std::string service_name;  // "" until it exists
  std::string hash;          // podTemplateHash
  bool operator==(const ExperimentTemplateView&) const = default;
};

// An Experiment that the Rollout owns.
struct ExperimentView {
  std::string name;
  std::string hash;  // label rollouts-pod-template-hash: the version that it was made for
  model::AnalysisPhase phase = model::AnalysisPhase::kNone;  // kNone: nobody has taken it up yet
  std::string message;
  WallTime creation_time{};
  bool terminate = false;  // spec.terminate
  bool deleting = false;
  std::vector<ExperimentTemplateView> templates;
  bool operator==(const ExperimentView&) const = default;
};

// The outcome of a StartExperiment that was refused for good, fed back for the next decision of the same turn.
struct ExperimentFailure {
  std::string name;
  std::string message;
  bool operator==(const ExperimentFailure&) const = default;
};

// What a step plugin answered, or why it did not.
struct PluginAnswer {
  std::string phase;  // model::plugin::kRunning, kSuccessful, kFailed
  std::string message;
  std::optional<Duration> requeue_after;
  Value status;
  std::string error;  // not empty: it could not be asked, or its answer was none
  bool disabled = false;
  bool operator==(const PluginAnswer&) const = default;
};

// The last call of a step plugin that was begun for the Rollout. They take their time, and there is one at a time.
struct PluginCall {
  WallTime started_at{};   // of the run that it belongs to: another attempt has another run
  std::int32_t index = 0;  // of the step
  std::string operation;
  std::int32_t execution = 1;          // how many times the operation was called for, this one included
  std::optional<PluginAnswer> answer;  // nullopt: it still works
  bool operator==(const PluginCall&) const = default;
};

// What a webhook answered: 2xx has passed. A call that could not be made has not.
struct WebhookAnswer {
  bool passed = false;
  std::string message;  // "403 Forbidden: not today"
  WallTime at{};
  bool operator==(const WebhookAnswer&) const = default;
};

// The last call of a webhook of the Rollout.
struct WebhookCall {
  std::string name;
  std::string point;                    // what it was asked about
  std::optional<WebhookAnswer> answer;  // nullopt: it is under way
  bool operator==(const WebhookCall&) const = default;
};

// Weights and managed routes as a router carries them.
struct TrafficSetting {
  std::int32_t canary_weight = 0;
  std::string canary_hash;
  std::string stable_hash;
  std::vector<model::WeightDestination> additional;
  std::vector<model::ManagedRoute> managed =
      {};  // in the order of trafficRouting.managedRoutes; all others are taken away
  bool operator==(const TrafficSetting&) const = default;
};

// What the routers last took over, read back from them or remembered from the last SetTraffic that succeeded.
struct TrafficView {
  std::optional<TrafficSetting> applied;  // nullopt: not known; decide() then sets it (which must be idempotent)
  std::optional<bool> verified;           // the data plane carries `applied`; nullopt: the router can't tell
  bool operator==(const TrafficView&) const = default;
};

// Pods are gathered only while restartPending(world, now).
struct PodView {
  std::string name;
  WallTime creation_time{};
  bool available = false;
  bool terminating = false;
  bool eviction_refused = false;  // in this turn, by a disruption budget
  bool operator==(const PodView&) const = default;
};

// The outcome of a CreateReplicaSet that failed, fed back for the next decision of the same turn.
struct CreateFailure {
  std::string name;
  std::string message;
  bool collision = false;  // a ReplicaSet of that name exists with another owner or template
  bool operator==(const CreateFailure&) const = default;
};

// What spec.workloadRef names, where it was found.
struct WorkloadView {
  std::string kind;           // Deployment, ReplicaSet, PodTemplate
  std::string generation;     // decimal
  std::int32_t replicas = 0;  // spec.replicas of a Deployment
  bool operator==(const WorkloadView&) const = default;
};

// A template that has to wait for the end of an update, or was refused; decide() finds out.
struct WaitingVersion {
  std::string hash;
  bool rejected = false;
  bool operator==(const WaitingVersion&) const = default;
};

struct World {
  // Metadata of the Rollout.
  std::string name;
  std::string namespace_name;
  std::string uid;
  std::int64_t generation = 1;
  std::optional<int> revision;  // annotation rollout.argoproj.io/revision
  bool recreate = false;        // annotation towpath.dev/strategy: recreate
  // How far the clock that people name times on (spec.restartAt) is ahead of the one that `now` and all other times
  // come from, which does not jump with it. Whole seconds.
  std::chrono::seconds wall_ahead{0};

  model::Extensions extensions;
  std::string noted_workload_generation;  // annotation workload-generation; "" if absent

  model::RolloutSpec spec;
  model::RolloutStatus status;  // as stored

  // Facts.
  std::string computed_hash;           // of the template at status.collision_count
  std::optional<std::string> new_rs;   // NAME of the ReplicaSet that equals the template (core-semantics 2.2)
  bool new_rs_in_sync = true;          // its annotations and minReadySeconds are those of the Rollout
  std::string step_hash;               // of spec.strategy.canary.steps; "" for blue-green
  std::string selector_text;           // spec.selector as a label selector string
  std::optional<std::string> invalid;  // first validation error: "<path>: Invalid value: …"

  std::vector<model::ReplicaSet> replica_sets;  // owned ones, the new one among them
  std::vector<ServiceView> services;
  TrafficView traffic;
  std::vector<AnalysisRunView> analysis_runs;
  std::vector<ExperimentView> experiments;
  std::optional<ExperimentFailure> experiment_failure;
  std::optional<PluginCall> plugin_call;
  std::vector<WebhookCall> webhook_calls;  // at most one for each webhook
  std::vector<PodView> pods;
  std::optional<CreateFailure> create_failure;
  std::optional<WorkloadView> workload;
  // Set by decide() itself.
  std::optional<WaitingVersion> waiting;
  bool abort_only = false;                   // this generation cannot be carried out, an abort of what runs can
  std::optional<std::string> still_invalid;  // what was `invalid` then

  bool operator==(const World&) const = default;
};

// A restart was asked for, is due and is not finished: gather `pods`.
bool restartPending(const World& world, WallTime now);
// spec.restartAt on the clock of `now`; nullopt: none.
std::optional<WallTime> restartTime(const World& world);

}  // namespace towpath::rollout
