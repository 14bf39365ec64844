#include "engine/rollout/effects.h"

#include <algorithm>

namespace towpath::rollout {
namespace {

using model::ReplicaSet;

ReplicaSet* find(World& world, const std::string& name) {
  const auto found = std::ranges::find(world.replica_sets, name, &ReplicaSet::name);
  return found == world.replica_sets.end() ? nullptr : &*found;
}

struct Effect {
  World& world;
  WallTime now;

  void operator()(const CreateReplicaSet& a) const {
    if (find(world, a.name) == nullptr) {
      ReplicaSet set;
      set.name = a.name;
      set.uid = a.name;
      set.hash = a.hash;
      set.creation_time = std::chrono::floor<std::chrono::seconds>(now);
      set.revision = a.revision;
      set.desired_replicas = a.desired_replicas;
      set.min_ready_seconds = world.spec.min_ready_seconds;
      set.generation = set.observed_generation = 1;
      set.ephemeral_metadata = a.metadata;
      if (a.repels) set.repelled_hash = a.repels->hash;
      world.replica_sets.push_back(std::move(set));
    }
    world.new_rs = a.name;
    world.new_rs_in_sync = true;
    world.create_failure.reset();
  }
  void operator()(const SyncReplicaSet& a) const {
    if (ReplicaSet* set = find(world, a.name)) {
      set->revision = a.revision;
      set->repelled_hash = a.repels ? a.repels->hash : "";
    }
    world.new_rs_in_sync = true;
  }
  void operator()(const SetEphemeralMetadata& a) const {
    if (ReplicaSet* set = find(world, a.name)) {
      set->ephemeral_metadata = a.metadata;
      set->pods_lag = false;
    }
  }
  void operator()(const NoteWorkloadGeneration& a) const { world.noted_workload_generation = a.generation; }
  void operator()(const ScaleWorkload& a) const {
    if (world.workload) world.workload->replicas = a.to;
  }
  void operator()(const NoteRejected& a) const { world.extensions.rejected_hash = a.hash; }
  void operator()(const SetRolloutRevision& a) const { world.revision = a.revision; }
  void operator()(const SetReplicasDefault& a) const { world.spec.replicas = a.replicas; }
  void operator()(const ScaleReplicaSet& a) const {
    ReplicaSet* set = find(world, a.name);
    if (set == nullptr) return;
    if (set->replicas != a.to) ++set->generation;
    set->replicas = a.to;
    set->desired_replicas = a.desired_replicas;
  }
  void operator()(const SetScaleDownDeadline& a) const {
    if (ReplicaSet* set = find(world, a.name)) set->scale_down_deadline = a.deadline;
  }
  void operator()(const ClearScaleDownDeadline& a) const {
    if (ReplicaSet* set = find(world, a.name)) set->scale_down_deadline.reset();
  }
  void operator()(const DeleteReplicaSet& a) const {
    if (ReplicaSet* set = find(world, a.name)) set->deleting = true;
  }
  void operator()(const SwitchService& a) const {
    for (ServiceView& view : world.services) {
      if (view.service.name != a.service) continue;
      view.service.selector_hash = a.hash;
      if (view.service.managed_by.empty()) view.service.managed_by = world.name;
    }
  }
  void operator()(const SetTraffic& a) const {
    if (world.traffic.applied == a.setting) return;
    world.traffic.applied = a.setting;
    world.traffic.verified.reset();
  }
  void operator()(const StartAnalysis& a) const {
    AnalysisRunView run;
    run.name = a.name;
    run.type = a.type;
    run.step_index = a.step_index;
    run.hash = a.hash;
    run.revision = a.revision;
    run.creation_time = now;
    world.analysis_runs.push_back(std::move(run));
  }
  void operator()(const StopAnalysis& a) const {
    for (AnalysisRunView& run : world.analysis_runs) {
      if (run.name == a.name) run.terminate = true;
    }
  }
  void operator()(const DeleteAnalysisRun& a) const {
    for (AnalysisRunView& run : world.analysis_runs) {
      if (run.name == a.name) run.deleting = true;
    }
  }
  void operator()(const StartExperiment& a) const {
    ExperimentView experiment;
    experiment.name = a.name;
    experiment.hash = a.hash;
    experiment.creation_time = now;
    world.experiments.push_back(std::move(experiment));
    world.experiment_failure.reset();
  }
  void operator()(const StopExperiment& a) const {
    for (ExperimentView& experiment : world.experiments) {
      if (experiment.name == a.name) experiment.terminate = true;
    }
  }
  void operator()(const DeleteExperiment& a) const {
    for (ExperimentView& experiment : world.experiments) {
      if (experiment.name == a.name) experiment.deleting = true;
    }
  }
  void operator()(const RunStepPlugin& a) const {
    world.plugin_call.reset();
    if (!a.awaited) return;
    world.plugin_call = PluginCall{.started_at = a.started_at,
                                   .index = a.index,
                                   .operation = a.operation,
                                   .execution = a.execution,
                                   .answer = std::nullopt};
  }
  void operator()(const CallWebhook& a) const {
    std::erase_if(world.webhook_calls, [&a](const WebhookCall& call) { return call.name == a.name; });
    world.webhook_calls.push_back({a.name, a.point, std::nullopt});
  }
  void operator()(const NoteWebhookGate& a) const { world.extensions.webhook_gate = a.point; }
  void operator()(const EvictPod& a) const {
    for (PodView& pod : world.pods) {
      if (pod.name == a.name) pod.terminating = true;
    }
  }
  void operator()(const PatchStatus& a) const { world.status = a.next; }
  void operator()(const EmitEvent&) const {}
};

}  // namespace

void applyEffect(World& world, const Action& action, WallTime now) { std::visit(Effect{world, now}, action); }

}  // namespace towpath::rollout
