#pragma once
// All that the experiment engine looks at: the Experiment, what exists of its templates and analyses, and what this
// turn's writes came to. A plain value.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/experiment.h"
#include "model/replica_set.h"

namespace towpath::experiment {

// What there is of a template: controlled by the Experiment and annotated with the template's name.
struct TemplateView {
  std::optional<model::ReplicaSet> replica_set;
  std::string service;        // name of its Service; "": there is none
  bool gets_traffic = false;  // a route of the Rollout may still lead to that Service

  bool operator==(const TemplateView&) const = default;
};

// An AnalysisRun that the status names, or that was made in this turn.
struct RunView {
  std::string name;
  model::AnalysisPhase phase = model::AnalysisPhase::kNone;
  std::string message;
  bool terminate = false;  // spec.terminate

  bool operator==(const RunView&) const = default;
};

// Results of this turn's actions, fed back for the next decision of the same turn; by the name of the template or of
// the analysis.
struct Feedback {
  std::map<std::string, std::string> template_errors;  // a write was refused for good: the message
  std::map<std::string, std::string> occupied;  // its ReplicaSet's name is another object's, which may go: the message
  std::map<std::string, std::string> analysis_errors;  // the run could not be made: the message
  std::map<std::string, std::string> started;          // the run that was made, or found made: its name

  bool operator==(const Feedback&) const = default;
};

struct World {
  std::string name;
  model::ExperimentSpec spec;
  model::ExperimentStatus status;                 // as stored
  std::map<std::string, TemplateView> templates;  // by template
  std::vector<RunView> runs;
  std::map<std::string, std::string> missing_analyses;  // by analysis: why its template cannot be used
  Feedback feedback;

  bool operator==(const World&) const = default;
};

}  // namespace towpath::experiment
