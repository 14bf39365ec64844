#pragma once
// A Rollout as plain structs: what its spec asks for and what its status says. Fields that no decision reads live on in
// the object's JSON only (api/). Optional means "absent in the object"; accessors below give the peer's defaults.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/int_or_percent.h"
#include "base/time.h"
#include "base/value.h"
#include "model/analysis.h"
#include "model/conditions.h"
#include "model/phase.h"

namespace towpath::model {

// ---- steps of a canary
// -------------------------------------------------------------------------------------------------

struct SetWeightStep {
  std::int32_t weight = 0;  // of maxWeight (100 unless trafficRouting.maxTrafficWeight)
  bool operator==(const SetWeightStep&) const = default;
};

struct PauseStep {
  std::optional<Duration> duration;  // whole seconds; nullopt: until a person goes on
  std::string duration_text;         // as written ("3s", "10"), for messages
  bool operator==(const PauseStep&) const = default;
};

// Only with traffic routing. `replicas` wins over `weight`; match_traffic_weight ends the effect of an earlier step.
struct SetCanaryScaleStep {
  std::optional<std::int32_t> replicas;
  std::optional<std::int32_t> weight;
  bool match_traffic_weight = false;
  bool operator==(const SetCanaryScaleStep&) const = default;
};

struct AnalysisStep {
  AnalysisRef analysis;
  bool operator==(const AnalysisStep&) const = default;
};

struct ExperimentTemplateRef {
  std::string name;
  std::string spec_ref;  // "canary" or "stable"
  std::optional<std::int32_t> replicas;
  std::optional<std::int32_t> weight;
  bool operator==(const ExperimentTemplateRef&) const = default;
};

struct ExperimentStep {
  std::vector<ExperimentTemplateRef> templates;
  std::optional<Duration> duration;
  bool operator==(const ExperimentStep&) const = default;
};

// One of the three is set; headerName absent for a mirror route's path and method.
struct StringMatch {
  std::string exact;
  std::string prefix;
  std::string regex;
  bool operator==(const StringMatch&) const = default;
};

struct HeaderMatch {
  std::string header_name;
  StringMatch value;
  bool operator==(const HeaderMatch&) const = default;
};

struct SetHeaderRouteStep {
  std::string name;
  std::vector<HeaderMatch> match;  // empty: remove the route
  bool operator==(const SetHeaderRouteStep&) const = default;
};

struct RouteMatch {
  std::optional<StringMatch> method;
  std::optional<StringMatch> path;
  std::vector<HeaderMatch> headers;
  bool operator==(const RouteMatch&) const = default;
};

struct SetMirrorRouteStep {
  std::string name;
  std::vector<RouteMatch> match;  // empty: remove the route
  std::optional<std::int32_t> percentage;
  bool operator==(const SetMirrorRouteStep&) const = default;
};

// A header or mirror route that a router has to have, as its step wrote it.
using ManagedRoute = std::variant<SetHeaderRouteStep, SetMirrorRouteStep>;
const std::string& nameOf(const ManagedRoute& route);

struct PluginStep {
  std::string name;
  bool operator==(const PluginStep&) const = default;
};

// A step object that holds none of the above.
struct InvalidStep {
  bool operator==(const InvalidStep&) const = default;
};

using Step = std::variant<InvalidStep, SetWeightStep, PauseStep, SetCanaryScaleStep, AnalysisStep, ExperimentStep,
                          SetHeaderRouteStep, SetMirrorRouteStep, PluginStep>;

// "setWeight: 20", "pause", "pause: 3s", "setCanaryScale{weight: 25}", …: the text that events carry
// (core-semantics 4.11).
std::string toString(const Step& step);

// "30", "30s", "1h30m"; whole seconds, "0.5s" is 0. Kind kInvalid for anything else and for a negative one.
Result<Duration> parsePauseDuration(std::string_view text);

// ---- spec
// --------------------------------------------------------------------------------------------------------------

enum class ProgressThresholdType : std::uint8_t { kPercent, kPod };

struct ReplicaProgressThreshold {
  ProgressThresholdType type = ProgressThresholdType::kPercent;
  std::int32_t value = -1;  // negative: as if there were none
  bool operator==(const ReplicaProgressThreshold&) const = default;
};

struct AntiAffinity {
  std::optional<std::int32_t> preferred_weight;  // nullopt: required
  bool operator==(const AntiAffinity&) const = default;
};

struct TrafficRouting {
  std::vector<std::string> routers;  // keys that are set: "istio", "nginx", …, "plugins/argoproj-labs/gatewayAPI"
  std::optional<std::int32_t> max_traffic_weight;
  std::vector<std::string> managed_routes;
  bool operator==(const TrafficRouting&) const = default;
};

struct PingPong {
  std::string ping_service;
  std::string pong_service;
  bool operator==(const PingPong&) const = default;
};

// Which service the stable version has, and which the canary.
struct ServicePair {
  std::string stable;
  std::string canary;
  bool operator==(const ServicePair&) const = default;
};

struct BackgroundAnalysis {
  AnalysisRef analysis;
  std::optional<std::int32_t> starting_step;
  bool operator==(const BackgroundAnalysis&) const = default;
};

struct CanaryStrategy {
  std::string canary_service;
  std::string stable_service;
  std::vector<Step> steps;
  std::optional<TrafficRouting> traffic_routing;  // nullopt: a weight is a share of the replicas ("basic canary")
  IntOrPercent max_surge = IntOrPercent::percent(25);
  IntOrPercent max_unavailable = IntOrPercent::percent(25);
  std::optional<BackgroundAnalysis> analysis;
  std::optional<std::int32_t> scale_down_delay_seconds;  // default 30 with traffic routing; 0 = never (peer's quirk)
  std::optional<std::int32_t> scale_down_delay_revision_limit;
  std::optional<std::int32_t> abort_scale_down_delay_seconds;  // default 30 with traffic routing; 0 = keep the canary
  bool dynamic_stable_scale = false;
  std::optional<std::int32_t> min_pods_per_replica_set;
  std::optional<ReplicaProgressThreshold> replica_progress_threshold;
  std::optional<PingPong> ping_pong;
  std::optional<AntiAffinity> anti_affinity;
  std::optional<ObjectMetadata> canary_metadata;
  std::optional<ObjectMetadata> stable_metadata;

  std::int32_t maxWeight() const {
    return traffic_routing && traffic_routing->max_traffic_weight ? *traffic_routing->max_traffic_weight : 100;
  }
  bool operator==(const CanaryStrategy&) const = default;
};

struct BlueGreenStrategy {
  std::string active_service;
  std::string preview_service;                        // "" for none
  std::optional<std::int32_t> preview_replica_count;  // nullopt: as many as the rollout wants
  bool auto_promotion_enabled = true;
  std::int32_t auto_promotion_seconds = 0;
  IntOrPercent max_unavailable = IntOrPercent::percent(25);
  std::optional<std::int32_t> scale_down_delay_seconds;  // default 30; 0 = never (peer's quirk)
  std::optional<std::int32_t> scale_down_delay_revision_limit;
  std::optional<std::int32_t> abort_scale_down_delay_seconds;  // default 30; 0 = keep the preview
  std::optional<AnalysisRef> pre_promotion_analysis;
  std::optional<AnalysisRef> post_promotion_analysis;
  std::optional<AntiAffinity> anti_affinity;
  std::optional<ObjectMetadata> active_metadata;
  std::optional<ObjectMetadata> preview_metadata;

  bool operator==(const BlueGreenStrategy&) const = default;
};

struct WorkloadRef {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string scale_down;
  bool operator==(const WorkloadRef&) const = default;
};

struct RolloutSpec {
  std::optional<std::int32_t> replicas;
  std::variant<std::monostate, CanaryStrategy, BlueGreenStrategy> strategy;
  std::int32_t min_ready_seconds = 0;
  std::int32_t revision_history_limit = 10;
  std::optional<std::int32_t> rollback_window_revisions;  // nullopt: off
  bool paused = false;
  std::int32_t progress_deadline_seconds = 600;
  bool progress_deadline_abort = false;
  std::optional<WallTime> restart_at;
  std::int32_t successful_run_history_limit = 5;
  std::int32_t unsuccessful_run_history_limit = 5;
  std::optional<WorkloadRef> workload_ref;

  std::int32_t wantedReplicas() const { return replicas.value_or(1); }
  const CanaryStrategy* canary() const { return std::get_if<CanaryStrategy>(&strategy); }
  const BlueGreenStrategy* blueGreen() const { return std::get_if<BlueGreenStrategy>(&strategy); }
  bool operator==(const RolloutSpec&) const = default;
};

// ---- status
// ------------------------------------------------------------------------------------------------------------

enum class PauseReason : std::uint8_t {
  kCanaryPauseStep,
  kBlueGreenPause,
  kInconclusiveAnalysisRun,
  kInconclusiveExperiment,
  kWebhookGate,  // ours: a webhook holds the update
};

const char* toString(PauseReason reason);  // "CanaryPauseStep", …
std::optional<PauseReason> parsePauseReason(std::string_view text);

struct PauseCondition {
  PauseReason reason = PauseReason::kCanaryPauseStep;
  WallTime start_time{};
  bool operator==(const PauseCondition&) const = default;
};

struct AnalysisRunRef {
  std::string name;
  AnalysisPhase phase = AnalysisPhase::kNone;  // field `status`
  std::string message;
  bool operator==(const AnalysisRunRef&) const = default;
};

struct WeightDestination {
  std::int32_t weight = 0;
  std::string service_name;
  std::string hash;  // podTemplateHash
  bool operator==(const WeightDestination&) const = default;
};

struct TrafficWeights {
  WeightDestination canary;
  WeightDestination stable;
  std::vector<WeightDestination> additional;
  std::optional<bool> verified;
  bool operator==(const TrafficWeights&) const = default;
};

namespace plugin {
inline constexpr const char* kRun = "Run";
inline constexpr const char* kTerminate = "Terminate";
inline constexpr const char* kAbort = "Abort";
inline constexpr const char* kRunning = "Running";
inline constexpr const char* kSuccessful = "Successful";
inline constexpr const char* kFailed = "Failed";
inline constexpr const char* kError = "Error";
}  // namespace plugin

struct StepPluginStatus {
  std::int32_t index = 0;
  std::string name;
  std::string operation;  // plugin::kRun, kTerminate, kAbort
  std::string phase;      // plugin::kRunning, kSuccessful, kFailed, kError; "" if it is disabled
  std::string message;
  std::optional<WallTime> started_at;
  std::optional<WallTime> updated_at;
  std::optional<WallTime> finished_at;
  std::optional<Duration> backoff;
  std::int32_t executions = 0;
  bool disabled = false;
  Value status;  // the plugin's own, handed to it again with the next call
  bool operator==(const StepPluginStatus&) const = default;
};

struct CanaryStatus {
  std::optional<TrafficWeights> weights;
  std::optional<AnalysisRunRef> step_analysis;        // currentStepAnalysisRunStatus
  std::optional<AnalysisRunRef> background_analysis;  // currentBackgroundAnalysisRunStatus
  std::string current_experiment;
  std::string stable_ping_pong;  // "ping", "pong" or "" (as pong)
  std::vector<StepPluginStatus> step_plugins;
  bool operator==(const CanaryStatus&) const = default;
};

struct BlueGreenStatus {
  std::string active_selector;
  std::string preview_selector;
  bool scale_up_preview_checkpoint = false;
  std::optional<AnalysisRunRef> pre_promotion_analysis;
  std::optional<AnalysisRunRef> post_promotion_analysis;
  bool operator==(const BlueGreenStatus&) const = default;
};

// status.duration: how long the current attempt takes, without the time that people let it wait.
struct AttemptDuration {
  std::optional<WallTime> started_at;  // rolloutStartedAt
  std::optional<WallTime> manual_pause_started_at;
  std::int64_t manual_pause_seconds = 0;  // totalManualPauseDurationSeconds
  std::optional<WallTime> finished_at;    // set: the attempt is over
  std::string completion_status;          // Promoted, FastPromoted, Aborted, Superseded, RolledBack, FastRolledBack
  bool operator==(const AttemptDuration&) const = default;
};

struct RolloutStatus {
  std::string observed_generation;  // decimal text, as the peer's CRD has it
  std::string workload_observed_generation;
  std::string current_pod_hash;
  std::string current_step_hash;
  std::optional<std::int32_t> current_step_index;
  std::string stable_rs;  // a hash
  std::int32_t replicas = 0;
  std::int32_t updated_replicas = 0;
  std::int32_t ready_replicas = 0;
  std::int32_t available_replicas = 0;
  std::int32_t hpa_replicas = 0;
  std::string selector;
  std::optional<std::int32_t> collision_count;
  std::vector<PauseCondition> pause_conditions;
  bool controller_pause = false;
  bool abort = false;
  std::optional<WallTime> aborted_at;
  bool promote_full = false;
  std::optional<WallTime> restarted_at;
  Conditions conditions;
  RolloutPhase phase = RolloutPhase::kNone;
  std::string message;
  CanaryStatus canary;
  BlueGreenStatus blue_green;
  std::optional<AttemptDuration> duration;

  bool operator==(const RolloutStatus&) const = default;
};

bool hasPause(const RolloutStatus& status, PauseReason reason);

// With pingPong the two services take turns: what served the canary becomes the stable one, and no service that gets
// traffic is ever pointed elsewhere (core-semantics 7.3). `stable_ping_pong` is status.canary.stablePingPong.
ServicePair pingPongServices(const PingPong& services, std::string_view stable_ping_pong);
// The pair that traffic goes to: routers take stableService and canaryService where both are set, except those that
// prefer ping and pong (alb).
enum class ServiceChoice : std::uint8_t { kPreferNamed, kPreferPingPong };
ServicePair routedServices(const CanaryStrategy& canary, std::string_view stable_ping_pong, ServiceChoice choice);

}  // namespace towpath::model
