#pragma once
// Carrying out what the engine decided: each action in its order, each with its own rule of failure
// (engine/rollout/decision.h), and its result fed back into the view.

#include <functional>
#include <utility>

#include "api/injected.h"
#include "base/error.h"
#include "control/rollout/context.h"
#include "control/rollout/plugin_calls.h"
#include "control/rollout/webhook_calls.h"
#include "loop/task.h"

namespace towpath::control {

// Ends early with an error when an action fails whose failure ends the pass.
struct ActEnd {
  bool decide_again = false;  // a result that the engine must know of came up before the last action
  bool outdated = false;      // somebody has changed what was decided upon: look at everything anew
};

class Actor {
 public:
  // Calls that nobody waits for within a pass.
  struct Calls {
    PluginCalls& plugins;
    WebhookCalls& webhooks;
  };
  // `wake` is called with the Rollout that an awaited answer is for. All of it outlives the actor.
  Actor(const RolloutContext& context, Calls calls, std::function<void(cluster::ObjectKey)> wake)
      : context_(context), calls_(calls), wake_(std::move(wake)) {}

  loop::Task<Result<ActEnd>> carryOut(View& view, rollout::Decision decision);
  // Asks the routers whether the data plane carries what was applied.
  loop::Task<std::optional<bool>> verifyTraffic(View& view);

 private:
  loop::Task<Result<void>> carryOut(View& view, const rollout::Action& action);
  loop::Task<Result<void>> act(View& view, const rollout::CreateReplicaSet& action);
  loop::Task<Result<void>> act(View& view, const rollout::SyncReplicaSet& action);
  loop::Task<Result<void>> act(View& view, const rollout::SetEphemeralMetadata& action);  // pod_metadata.cc
  loop::Task<Result<void>> act(View& view, const rollout::NoteWorkloadGeneration& action);
  loop::Task<Result<void>> act(View& view, const rollout::ScaleWorkload& action);  // workload.cc
  loop::Task<Result<void>> act(View& view, const rollout::NoteRejected& action);
  loop::Task<Result<void>> act(View& view, const rollout::SetRolloutRevision& action);
  loop::Task<Result<void>> act(View& view, const rollout::SetReplicasDefault& action);
  loop::Task<Result<void>> act(View& view, const rollout::ScaleReplicaSet& action);
  loop::Task<Result<void>> act(View& view, const rollout::SetScaleDownDeadline& action);
  loop::Task<Result<void>> act(View& view, const rollout::ClearScaleDownDeadline& action);
  loop::Task<Result<void>> act(View& view, const rollout::DeleteReplicaSet& action);
  loop::Task<Result<void>> act(View& view, const rollout::SwitchService& action);
  loop::Task<Result<void>> act(View& view, const rollout::SetTraffic& action);
  loop::Task<Result<void>> act(View& view, const rollout::StartAnalysis& action);
  loop::Task<Result<void>> act(View& view, const rollout::StopAnalysis& action);
  loop::Task<Result<void>> act(View& view, const rollout::DeleteAnalysisRun& action);
  loop::Task<Result<void>> act(View& view, const rollout::StartExperiment& action);   // act_experiments.cc
  loop::Task<Result<void>> act(View& view, const rollout::StopExperiment& action);    // act_experiments.cc
  loop::Task<Result<void>> act(View& view, const rollout::DeleteExperiment& action);  // act_experiments.cc
  loop::Task<Result<void>> act(View& view, const rollout::RunStepPlugin& action);
  loop::Task<Result<void>> act(View& view, const rollout::CallWebhook& action);
  loop::Task<Result<void>> act(View& view, const rollout::NoteWebhookGate& action);
  loop::Task<Result<void>> act(View& view, const rollout::EvictPod& action);
  loop::Task<Result<void>> act(View& view, const rollout::PatchStatus& action);
  loop::Task<Result<void>> act(View& view, const rollout::EmitEvent& action);

  loop::Task<Result<void>> patchReplicaSet(View& view, std::string name, Value patch);
  loop::Task<Result<void>> patchRollout(View& view, Value patch, std::string subresource);
  // Ephemeral metadata of a pod, with what may be taken away and what its template has itself.
  struct PodMetadata {
    model::ObjectMetadata metadata;
    api::InjectedKeys keys;
    Value own;
  };
  loop::Task<Result<void>> updatePod(cluster::ObjectRef pod, PodMetadata wanted);
  loop::Task<Result<cluster::ObjectRef>> createRun(View& view, Value run);
  loop::Task<Result<cluster::ObjectRef>> createExperiment(View& view, Value experiment);
  void takeReplicaSet(View& view, const cluster::ObjectRef& ref);
  void event(const View& view, rollout::EventType type, const std::string& reason, const std::string& message);

  const RolloutContext& context_;
  Calls calls_;
  std::function<void(cluster::ObjectKey)> wake_;
};

}  // namespace towpath::control
