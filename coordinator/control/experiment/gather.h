#pragma once
// Everything that one pass over an Experiment looks at, from the caches. What a cache lacks, but a decision would rest
// on being absent, is asked of the API.

#include <map>
#include <string>
#include <utility>

#include "api/analysis_run_spec.h"
#include "control/experiment/context.h"
#include "loop/task.h"

namespace towpath::control {

loop::Task<Result<ExperimentView>> gatherExperiment(const ExperimentContext& context, cluster::ObjectRef ref);

// The analysis templates that a reference leads to, nested ones too. One that does not exist is left out.
class FoundTemplates {
 public:
  void add(const model::TemplateRef& ref, Value object);
  Value operator()(const model::TemplateRef& ref) const;

 private:
  std::map<std::pair<bool, std::string>, Value> objects_;  // by {cluster scope, name}
};
loop::Task<Result<FoundTemplates>> findTemplates(const ExperimentContext& context, std::string ns,
                                                 model::TemplateRef ref);

experiment::RunView readExperimentRun(const Value& run);

}  // namespace towpath::control
