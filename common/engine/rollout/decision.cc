#include "engine/rollout/decision.h"

namespace towpath::rollout {
namespace {

std::string settingText(const TrafficSetting& setting) {
  std::string text =
      fmt::format("{} to {}, rest to {}", setting.canary_weight, setting.canary_hash, setting.stable_hash);
  for (const model::WeightDestination& extra : setting.additional)
    text += fmt::format(", {} to {}", extra.weight, extra.hash);
  for (const model::ManagedRoute& route : setting.managed) text += fmt::format(", route {}", model::nameOf(route));
  return text;
}

struct ActionText {
  std::string operator()(const CreateReplicaSet& a) const {
    return fmt::format("create ReplicaSet {} (revision {})", a.name, a.revision);
  }
  std::string operator()(const SyncReplicaSet& a) const {
    return fmt::format("sync ReplicaSet {} (revision {})", a.name, a.revision);
  }
  std::string operator()(const SetEphemeralMetadata& a) const {
    std::string text;
    if (!a.metadata) return fmt::format("remove ephemeral metadata of {}", a.name);
    for (const auto& [key, value] : a.metadata->labels) text += fmt::format(" {}={}", key, value);
    for (const auto& [key, value] : a.metadata->annotations) text += fmt::format(" @{}={}", key, value);
    return fmt::format("set ephemeral metadata of {}:{}", a.name, text);
  }
  std::string operator()(const NoteWorkloadGeneration& a) const {
    return fmt::format("note workload generation '{}'", a.generation);
  }
  std::string operator()(const ScaleWorkload& a) const {
    return fmt::format("scale the referenced workload from {} to {}", a.from, a.to);
  }
  std::string operator()(const NoteRejected& a) const { return fmt::format("note rejected template '{}'", a.hash); }
  std::string operator()(const SetRolloutRevision& a) const { return fmt::format("set revision {}", a.revision); }
  std::string operator()(const SetReplicasDefault& a) const { return fmt::format("set spec.replicas {}", a.replicas); }
  std::string operator()(const ScaleReplicaSet& a) const {
    return fmt::format("scale ReplicaSet {} from {} to {} (desired {})", a.name, a.from, a.to, a.desired_replicas);
  }
  std::string operator()(const SetScaleDownDeadline& a) const {
    return fmt::format("set scale-down deadline of {} to {}", a.name, formatRfc3339(a.deadline));
  }
  std::string operator()(const ClearScaleDownDeadline& a) const {
    return fmt::format("clear scale-down deadline of {}", a.name);
  }
  std::string operator()(const DeleteReplicaSet& a) const { return fmt::format("delete ReplicaSet {}", a.name); }
  std::string operator()(const SwitchService& a) const {
    return fmt::format("switch {} service {} from '{}' to '{}'", toString(a.role), a.service, a.from_hash, a.hash);
  }
  std::string operator()(const SetTraffic& a) const { return "set traffic: " + settingText(a.setting); }
  std::string operator()(const StartAnalysis& a) const {
    return fmt::format("start {} analysis {}", toString(a.type), a.name);
  }
  std::string operator()(const StopAnalysis& a) const { return fmt::format("stop analysis {}", a.name); }
  std::string operator()(const DeleteAnalysisRun& a) const { return fmt::format("delete analysis {}", a.name); }
  std::string operator()(const StartExperiment& a) const { return fmt::format("start experiment {}", a.name); }
  std::string operator()(const StopExperiment& a) const { return fmt::format("stop experiment {}", a.name); }
  std::string operator()(const DeleteExperiment& a) const { return fmt::format("delete experiment {}", a.name); }
  std::string operator()(const RunStepPlugin& a) const {
    return fmt::format("step plugin {} (step {}): {}", a.name, a.index + 1, a.operation);
  }
  std::string operator()(const CallWebhook& a) const {
    return fmt::format("call webhook {} ({}) at {}", a.name, toString(a.type), a.point);
  }
  std::string operator()(const NoteWebhookGate& a) const { return fmt::format("note webhook gate '{}'", a.point); }
  std::string operator()(const EvictPod& a) const { return fmt::format("evict pod {}", a.name); }
  std::string operator()(const PatchStatus& a) const {
    const std::string step = a.next.current_step_index ? fmt::format(", step {}", *a.next.current_step_index) : "";
    return fmt::format("patch status: {} \"{}\"{}{}", model::toString(a.next.phase), a.next.message, step,
                       a.guarded ? ", guarded" : "");
  }
  std::string operator()(const EmitEvent& a) const {
    return fmt::format("event {}{}: {}", a.type == EventType::kWarning ? "(warning) " : "", a.reason, a.message);
  }
};

}  // namespace

std::string toString(const Action& action) { return std::visit(ActionText{}, action); }

OnFailure onFailure(const Action& action) {
  // What only tidies up or tells people may wait for the next pass. A pod that can't be evicted (429) is no reason to
  // stop.
  const bool may_wait = std::holds_alternative<DeleteReplicaSet>(action) ||
                        std::holds_alternative<DeleteAnalysisRun>(action) || std::holds_alternative<EvictPod>(action) ||
                        std::holds_alternative<SetEphemeralMetadata>(action) ||
                        std::holds_alternative<DeleteExperiment>(action) ||
                        std::holds_alternative<ScaleWorkload>(action) || std::holds_alternative<EmitEvent>(action);
  return may_wait ? OnFailure::kReportAndContinue : OnFailure::kEndPass;
}

}  // namespace towpath::rollout
