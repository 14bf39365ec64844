#pragma once
// What the experiment engine wants done, as data: comparable and printable. The order of actions is the order to carry
// them out in. An action that fails for a moment ends the pass, which is tried again; one that is refused for good is
// fed back (World::feedback) and decided upon again in the same turn.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/experiment.h"

namespace towpath::experiment {

// Makes the template's ReplicaSet "<experiment>-<template>", without pods. Its result (its hash) is needed.
struct CreateReplicaSet {
  std::string template_name;
  bool operator==(const CreateReplicaSet&) const = default;
};

struct ScaleReplicaSet {
  std::string template_name;
  std::string name;
  std::int32_t from = 0;
  std::int32_t to = 0;
  bool operator==(const ScaleReplicaSet&) const = default;
};

// The annotation scale-down-deadline; nullopt takes it away.
struct SetScaleDownDeadline {
  std::string template_name;
  std::string name;
  std::optional<WallTime> deadline;
  bool operator==(const SetScaleDownDeadline&) const = default;
};

// Makes the template's Service: the pods of its ReplicaSet, by the ports of their containers. Its result is needed.
struct CreateService {
  std::string template_name;
  std::string name;
  bool operator==(const CreateService&) const = default;
};

struct DeleteService {
  std::string template_name;
  std::string name;
  bool operator==(const DeleteService&) const = default;
};

// Makes an AnalysisRun under this name, or the next free one ("name.1"). Its result (the name) is needed.
struct StartAnalysis {
  std::string analysis;
  std::string name;
  bool operator==(const StartAnalysis&) const = default;
};

// spec.terminate.
struct StopAnalysis {
  std::string analysis;
  std::string name;
  bool operator==(const StopAnalysis&) const = default;
};

struct PatchStatus {
  model::ExperimentStatus next;
  bool operator==(const PatchStatus&) const = default;
};

enum class EventType : std::uint8_t { kNormal, kWarning };

struct EmitEvent {
  EventType type = EventType::kNormal;
  std::string reason;
  std::string message;
  bool also_on_rollout = false;  // as a warning, so that a Rollout's subscribers hear of its experiments' analyses
  bool operator==(const EmitEvent&) const = default;
};

using Action = std::variant<CreateReplicaSet, ScaleReplicaSet, SetScaleDownDeadline, CreateService, DeleteService,
                            StartAnalysis, StopAnalysis, PatchStatus, EmitEvent>;
std::string toString(const Action& action);

struct Decision {
  std::vector<Action> actions;
  bool decide_again = false;  // in the same turn, with what the actions came to
  std::optional<WallTime> look_again_at;
  bool operator==(const Decision&) const = default;
};

}  // namespace towpath::experiment
