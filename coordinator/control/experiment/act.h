#pragma once
// Carrying out what the experiment engine decided, each result fed back into the view. What exists already is taken
// over if it is ours, so that a pass that was cut short, or that saw an old cache, makes nothing twice.

#include "base/error.h"
#include "control/experiment/context.h"
#include "engine/experiment/decision.h"
#include "loop/task.h"

namespace towpath::control {

class ExperimentActor {
 public:
  explicit ExperimentActor(const ExperimentContext& context) : context_(context) {}

  // True: decide again in this turn. An error: the pass is to be tried again.
  loop::Task<Result<bool>> carryOut(ExperimentView& view, experiment::Decision decision);

 private:
  loop::Task<Result<void>> act(ExperimentView& view, const experiment::CreateReplicaSet& action);
  loop::Task<Result<void>> act(ExperimentView& view, const experiment::ScaleReplicaSet& action);
  loop::Task<Result<void>> act(ExperimentView& view, const experiment::SetScaleDownDeadline& action);
  loop::Task<Result<void>> act(ExperimentView& view, const experiment::CreateService& action);
  loop::Task<Result<void>> act(ExperimentView& view, const experiment::DeleteService& action);
  loop::Task<Result<void>> act(ExperimentView& view, const experiment::StartAnalysis& action);
  loop::Task<Result<void>> act(ExperimentView& view, const experiment::StopAnalysis& action);
  loop::Task<Result<void>> act(ExperimentView& view, const experiment::PatchStatus& action);
  loop::Task<Result<void>> act(ExperimentView& view, const experiment::EmitEvent& action);

  loop::Task<Result<void>> patchReplicaSet(ExperimentView& view, std::string template_name, std::string name,
                                           Value patch);
  loop::Task<Result<cluster::ObjectRef>> createRun(ExperimentView& view, Value run);
  void takeReplicaSet(ExperimentView& view, const std::string& template_name, const cluster::ObjectRef& ref);

  const ExperimentContext& context_;
};

}  // namespace towpath::control
