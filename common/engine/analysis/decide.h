#pragma once
// The analysis engine: which metrics of an AnalysisRun to measure now, and what the measurements so far amount to.
// Pure. (core-semantics 8.4 to 8.8.)

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/analysis.h"

namespace towpath::analysis {

// A measurement that came in (or moved on) since the status was written: new if the metric's last one is finished, else
// its replacement. assess.h turns a provider's value into the phase.
struct Outcome {
  std::string metric;
  model::Measurement measurement;
  std::map<std::string, std::string> metadata = {};  // of the metric, kept from its first outcome
  bool operator==(const Outcome&) const = default;
};

struct AnalysisWorld {
  std::string name;
  model::AnalysisRunSpec spec;               // arguments substituted
  model::AnalysisRunStatus status;           // as stored
  std::optional<std::string> resolve_error;  // the arguments could not be resolved: "failed to resolve {{args.x}}"
  std::vector<Outcome> outcomes;
  std::vector<std::string> in_flight;  // metrics whose provider call has not answered yet
  std::vector<std::string> woken;      // metrics whose running measurement is worth a look before its time

  bool operator==(const AnalysisWorld&) const = default;
};

// Call the provider's Run for this metric; feed its measurement back as an outcome.
struct StartMeasurement {
  std::string metric;
  int attempt = 1;  // count + error + 1: names the job of a job metric
  bool operator==(const StartMeasurement&) const = default;
};

// Call the provider's Resume (the last measurement is unfinished and due).
struct ResumeMeasurement {
  std::string metric;
  bool operator==(const ResumeMeasurement&) const = default;
};

// Call the provider's Terminate.
struct TerminateMeasurement {
  std::string metric;
  bool operator==(const TerminateMeasurement&) const = default;
};

// The history was trimmed to `limit`: the provider may delete what it keeps for older measurements.
struct CollectGarbage {
  std::string metric;
  int limit = 10;
  bool operator==(const CollectGarbage&) const = default;
};

struct PatchRunStatus {
  model::AnalysisRunStatus next;
  bool operator==(const PatchRunStatus&) const = default;
};

struct RunEvent {
  bool warning = false;
  std::string reason;
  std::string message;
  bool operator==(const RunEvent&) const = default;
};

// The time to live is over.
struct DeleteRun {
  bool operator==(const DeleteRun&) const = default;
};

using RunAction = std::variant<StartMeasurement, ResumeMeasurement, TerminateMeasurement, CollectGarbage,
                               PatchRunStatus, RunEvent, DeleteRun>;
std::string toString(const RunAction& action);

struct RunDecision {
  std::vector<RunAction> actions;
  std::optional<WallTime> look_again_at;
  bool operator==(const RunDecision&) const = default;
};

RunDecision decide(const AnalysisWorld& world, WallTime now);

}  // namespace towpath::analysis
