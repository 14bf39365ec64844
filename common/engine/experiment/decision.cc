#include "engine/experiment/decision.h"

#include <fmt/format.h>

namespace towpath::experiment {
namespace {

struct ActionText {
  std::string operator()(const CreateReplicaSet& a) const {
    return fmt::format("create the ReplicaSet of template {}", a.template_name);
  }
  std::string operator()(const ScaleReplicaSet& a) const {
    return fmt::format("scale ReplicaSet {} from {} to {}", a.name, a.from, a.to);
  }
  std::string operator()(const SetScaleDownDeadline& a) const {
    if (!a.deadline) return fmt::format("clear the scale-down deadline of {}", a.name);
    return fmt::format("set the scale-down deadline of {} to {}", a.name, formatRfc3339(*a.deadline));
  }
  std::string operator()(const CreateService& a) const { return fmt::format("create Service {}", a.name); }
  std::string operator()(const DeleteService& a) const { return fmt::format("delete Service {}", a.name); }
  std::string operator()(const StartAnalysis& a) const { return fmt::format("start AnalysisRun {}", a.name); }
  std::string operator()(const StopAnalysis& a) const { return fmt::format("stop AnalysisRun {}", a.name); }
  std::string operator()(const PatchStatus& a) const {
    return fmt::format("patch status: {} \"{}\"", model::toString(a.next.phase), a.next.message);
  }
  std::string operator()(const EmitEvent& a) const { return fmt::format("event {}: {}", a.reason, a.message); }
};

}  // namespace

std::string toString(const Action& action) { return std::visit(ActionText{}, action); }

}  // namespace towpath::experiment
