#pragma once
// The working state of one decision, shared by the files of this folder; nobody else includes it. Every action is
// applied to a copy of the world at once, so that later parts of the pass see what earlier ones decided.

#include <optional>
#include <string>
#include <vector>

#include "engine/rollout/decide.h"
#include "engine/rollout/replicas.h"

namespace towpath::rollout {

using model::ReplicaSet;

// What this pass wants to change about pausing and aborting; status.cc turns it into fields (core-semantics 3.11).
struct PauseIntent {
  std::vector<model::PauseReason> add;
  std::vector<model::PauseReason> remove;
  bool clear = false;
  std::optional<std::string> abort;  // the message
  bool remove_abort = false;
  bool keep_resumed = false;  // a person went on, but that has to wait, for pods or for the end of spec.paused
};

struct Pass {
  Pass(const World& world, WallTime time);
  // `in` refers to the caller's world.
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  const World& in;
  World world;  // `in` with the actions of this pass applied
  WallTime now;
  WallTime stamp;  // now, in whole seconds: what goes into the status
  Decision decision;
  model::RolloutStatus next;  // being built
  PauseIntent intent;
  std::vector<EmitEvent> after_patch;  // events that tell of what the patch made true
  bool held = false;                   // a webhook: the current step must not begin
  bool start_opened = false;           // a webhook: blue-green has just begun, no pause of its own is over yet
  bool hold_promotion = false;         // the routers have not taken over the last weight yet
  bool fast_deadline = false;          // blue-green: the new version was still within its scale-down delay

  const model::RolloutSpec& spec() const { return in.spec; }
  const model::RolloutStatus& old() const { return in.status; }
  std::int32_t wanted() const { return in.spec.wantedReplicas(); }
};

// ---- looking
// ---------------------------------------------------------------------------------------------------------
const ReplicaSet* newSet(const Pass& pass);                  // equals the template; nullptr before its creation
const ReplicaSet* stableSet(const Pass& pass);               // hash == status.stableRS; may be the new one
std::vector<const ReplicaSet*> otherSets(const Pass& pass);  // neither of the two, oldest first
const ReplicaSet* findSet(const Pass& pass, std::string_view name);
const model::Service* findService(const Pass& pass, ServiceRole role);
std::string newHash(const Pass& pass);
bool newIsStable(const Pass& pass);    // both exist and are one
bool fullyPromoted(const Pass& pass);  // by the stored status: true as well before the first deployment
bool isAborted(const Pass& pass);
bool promotesFully(const Pass& pass);  // `promote --full` is in force
// A person paused the rollout, or an inconclusive analysis did: nothing moves but what an abort or a new size asks for.
bool isHalted(const Pass& pass);
bool trafficRouted(const Pass& pass);  // a canary with at least one router
const std::vector<model::Step>& steps(const Pass& pass);
// As stored (0 if absent); past the last step while a full promotion or a rollback within the window skips them.
std::int32_t stepIndex(const Pass& pass);
// nullptr: no steps, all are done, or the one that comes next must not begin.
const model::Step* currentStep(const Pass& pass);
Sized sizeOf(const ReplicaSet* set);

// ---- rollback (core-semantics 3.14) --------------------------------------------------------------------------------
bool isRollback(const Pass& pass);
bool withinRollbackWindow(const Pass& pass);
bool isFastRollback(const Pass& pass);

// ---- acting
// ----------------------------------------------------------------------------------------------------------
void act(Pass& pass, Action action);
void event(Pass& pass, std::string reason, std::string message, EventType type = EventType::kNormal);
void eventAfterPatch(Pass& pass, std::string reason, std::string message, EventType type = EventType::kNormal);
void lookAgain(Pass& pass, WallTime at);
// Scales and stamps; says so in an event if the size changed. Never takes the last pod from what gets traffic.
// True if the size changed.
bool scale(Pass& pass, const std::string& name, std::int32_t to);
void abortWith(Pass& pass, std::string message);
void addPause(Pass& pass, model::PauseReason reason);
// Points the service of that role at the set, if it has to move. kWhenAvailable: only if the set can take the traffic
// (7.2).
enum class ServiceCheck : std::uint8_t { kNone, kWhenAvailable };
void switchService(Pass& pass, ServiceRole role, const ReplicaSet* target, ServiceCheck check);

// ---- the parts of a pass
// -----------------------------------------------------------------------------------------------
std::optional<std::string> unsupported(const World& world);                       // unsupported.cc
void reportInvalid(Pass& pass, const std::string& error);                         // conditions.cc
void writeInvalid(Pass& pass, const std::string& error);                          // conditions.cc: condition, phase
void createNewSet(Pass& pass);                                                    // identity.cc
void syncRevision(Pass& pass);                                                    // identity.cc
void collectHistory(Pass& pass);                                                  // identity.cc
std::optional<Repulsion> repulsionOf(const Pass& pass, const std::string& hash);  // pod_metadata.cc
bool repelsWrongVersion(const Pass& pass);                                        // pod_metadata.cc: the new set
std::optional<model::ObjectMetadata> metadataOfNewSet(const Pass& pass);          // pod_metadata.cc: at its creation
void reconcileMetadata(Pass& pass);                                               // pod_metadata.cc
void noteWorkload(Pass& pass);                                                    // workload.cc
void scaleDownWorkload(Pass& pass, bool promoted);                                // workload.cc
std::optional<World> holdNewVersion(const World& world);                          // new_version.cc
std::optional<World> abortAnyway(const World& world);                             // abort_anyway.cc
void noteWaiting(Pass& pass);                                                     // new_version.cc: the annotation
void writeWaiting(Pass& pass);                                                    // new_version.cc: conditions
std::int32_t limitedWeight(const Pass& pass, std::int32_t weight);                // weight_limit.cc
bool restartPods(Pass& pass);                                                     // restart.cc; true: a pod was evicted
bool changedTemplateOrSteps(const Pass& pass);                                    // status.cc
void resetStatus(Pass& pass);                                                     // status.cc: patches, ends the pass
void decideCanary(Pass& pass);                                                    // canary.cc
void decideRecreate(Pass& pass);                                                  // recreate.cc
void decideBlueGreen(Pass& pass);                                                 // blue_green.cc
Counts desiredCounts(const Pass& pass, const std::optional<model::TrafficWeights>& weights);  // canary_counts.cc
Counts countsNow(const Pass& pass, const std::optional<model::TrafficWeights>& weights);      // canary_counts.cc
bool atDesiredCounts(const Pass& pass, const std::optional<model::TrafficWeights>& weights);  // canary_counts.cc
std::int32_t weightBefore(const Pass& pass, std::int32_t index);  // canary_counts.cc: nearest setWeight before it, or 0
std::int32_t currentWeight(const Pass& pass);                     // canary_counts.cc
std::int32_t desiredCanaryWeight(const Pass& pass);               // canary_counts.cc
bool dynamicRollback(const Pass& pass);  // traffic_plan.cc: stable again, but traffic isn't yet
enum class TrafficResult : std::uint8_t { kDone, kAskAgain };
TrafficResult reconcileTraffic(Pass& pass);                       // traffic_plan.cc
std::vector<model::ManagedRoute> wantedRoutes(const Pass& pass);  // managed_routes.cc
bool routesAreSet(const Pass& pass);                              // managed_routes.cc: the routers took them over
void reconcileCanaryServices(Pass& pass);                         // services.cc
void reconcilePingPong(Pass& pass);                               // ping_pong.cc
void flipPingPong(Pass& pass);                                    // ping_pong.cc: at promotion
bool delaysScaleDownOnAbort(const Pass& pass);                    // scale_down.cc
bool keepsCanaryOnAbort(const Pass& pass);                        // scale_down.cc
void clearDeadlines(Pass& pass);                                  // scale_down.cc: of the new and the stable set
bool holdAborted(Pass& pass, std::int32_t& target);               // scale_down.cc: true: leave the new set as it is
bool scaleDownOthersCanary(Pass& pass);                           // scale_down.cc
bool scaleDownOthersBlueGreen(Pass& pass);                        // scale_down.cc
enum class AnalysisResult : std::uint8_t { kDone, kAskAgain };
AnalysisResult reconcileCanaryAnalysis(Pass& pass);     // analysis_runs.cc
AnalysisResult reconcileBlueGreenAnalysis(Pass& pass);  // analysis_runs.cc
enum class ExperimentResult : std::uint8_t { kDone, kAskAgain };
ExperimentResult reconcileExperiments(Pass& pass);                               // experiments.cc
void stopExperiments(Pass& pass);                                                // experiments.cc: all that still run
bool experimentPassed(const Pass& pass);                                         // experiments.cc: of the current step
bool experimentIsTakenUp(const Pass& pass);                                      // experiments.cc: of the current step
std::vector<model::WeightDestination> experimentDestinations(const Pass& pass);  // experiments.cc: get traffic now
enum class StepGate : std::uint8_t { kOpen, kWaiting };                   // may the current step begin and go on?
void reconcileWebhooks(Pass& pass);                                       // webhooks.cc
void reconcileStepPlugins(Pass& pass, StepGate gate);                     // step_plugins.cc
void leaveStepPlugins(Pass& pass);                                        // step_plugins.cc: the attempt is over
bool pluginStepCompleted(const Pass& pass, std::int32_t index);           // step_plugins.cc
bool reconcilePauseStep(Pass& pass);                                      // pause.cc; true: waiting
bool pauseStepCompleted(const Pass& pass, const model::PauseStep& step);  // pause.cc
void beginStatus(Pass& pass);                                             // status.cc: what every status starts from
void finishStatus(Pass& pass);                                            // status.cc: pauses, conditions, phase, patch
void writePauses(Pass& pass);                                             // pause.cc
void writeConditions(Pass& pass);                                         // conditions.cc
void writePhase(Pass& pass);                                              // phase.cc
void writeDuration(Pass& pass);                                           // duration.cc
std::optional<std::string> promotionReason(const Pass& pass);             // promotion.cc
void promote(Pass& pass, const std::string& reason);                      // promotion.cc
bool isSaturated(const Pass& pass, const ReplicaSet* set);                // blue_green.cc: whole and available
bool previewIsReady(const Pass& pass);  // blue_green.cc: as large as wanted now, and available
bool switchIsDue(const Pass& pass);     // blue_green.cc: nothing but a webhook's gate is left before the switch

}  // namespace towpath::rollout
