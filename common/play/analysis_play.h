#pragma once
// One analysis run outside of any cluster: the real engine decides when each metric is measured and what the
// measurements amount to; whoever calls measures, from a trace (below) or from what is really there (cli).

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "engine/analysis/assess.h"
#include "engine/analysis/decide.h"
#include "play/trace.h"

namespace towpath::play {

class AnalysisPlay {
 public:
  // `spec`: of an AnalysisRun, with its arguments in place.
  explicit AnalysisPlay(model::AnalysisRunSpec spec) { world_.spec = std::move(spec); }

  struct Due {
    model::Metric metric;
    bool resume = false;  // a measurement that runs is to be looked at; else a new one
    int attempt = 1;
  };
  // Lets the engine decide until it waits. What it wants measured now; give each back before the next turn.
  std::vector<Due> turn(WallTime now);
  void measured(const std::string& metric, model::Measurement measurement);
  // The metric's measurement that still runs; nullptr if there is none.
  const model::Measurement* running(const std::string& metric) const;
  // As a Rollout that needs the run no more does it.
  void terminate() { world_.spec.terminate = true; }

  bool ended() const { return model::isCompleted(world_.status.phase); }
  const model::AnalysisRunStatus& status() const { return world_.status; }
  const model::AnalysisRunSpec& spec() const { return world_.spec; }
  // When to take the next turn; nullopt: nothing is waited for.
  std::optional<WallTime> nextLook() const { return next_look_; }

 private:
  analysis::AnalysisWorld world_;
  std::optional<WallTime> next_look_;
};

struct PlayedMeasurement {
  Duration at{};  // since the run began
  std::string metric;
  model::Measurement measurement;
  std::vector<analysis::ConditionValue> conditions;
};

struct AnalysisOutcome {
  std::vector<PlayedMeasurement> measurements;
  model::AnalysisRunStatus status;
  // False: the trace ended before a metric with a count had been measured often enough.
  bool decided = false;
  Duration ended_at{};
};

// Measures from the trace, whose time begins with the run, in virtual time; at `begin`, for conditions that ask now().
// A metric without an end is ended with the trace, as a background analysis is with its update. kInvalid: a metric has
// no column.
Result<AnalysisOutcome> playAnalysis(model::AnalysisRunSpec spec, const Trace& trace, WallTime begin = WallTime(24h));

// What a recorded value is to the metric's conditions: Prometheus and Graphite measure lists, and who records them
// writes down numbers. A number becomes a list of one where a condition can only mean that.
Value recordedResult(const Value& cell, const model::Metric& metric);

}  // namespace towpath::play
