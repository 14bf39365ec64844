#pragma once
// The analysis runs of a played rollout: made from templates as the controller makes them, decided by the real analysis
// engine, measured from a trace.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/analysis_run_spec.h"
#include "engine/analysis/decide.h"
#include "engine/rollout/decision.h"
#include "play/fault.h"
#include "play/trace.h"

namespace towpath::play {

// Where measurements come from.
struct Measurements {
  Trace trace;
  std::vector<Fault> faults;  // those of metrics
  WallTime update{};          // when the trace's time begins
};

class Analyses {
 public:
  Analyses(Value rollout, api::FindTemplate find, Measurements source);

  // kInvalid: the run cannot be made.
  Result<void> start(const rollout::World& world, const rollout::StartAnalysis& action);
  // Lets each run decide and measure until it waits for a time, and writes the phases into the world. Gives a line for
  // each thing worth telling: a measurement that is not good, the end of a run.
  std::vector<std::string> turn(rollout::World& world, WallTime now);
  // When a run has to be looked at next.
  std::optional<WallTime> nextLook() const;
  // Metrics that were measured and have no column in the trace: they were taken as good.
  const std::vector<std::string>& assumedGood() const { return assumed_good_; }
  const std::set<std::string>& measured() const { return measured_; }

 private:
  struct Run {
    analysis::AnalysisWorld world;
    std::optional<WallTime> look_again_at;
  };
  void decide(Run& run, WallTime now, std::vector<std::string>& notes);
  model::Measurement measure(const model::Metric& metric, WallTime now);

  Value rollout_;
  api::FindTemplate find_;
  Measurements source_;
  std::vector<Run> runs_;
  std::vector<std::string> assumed_good_;
  std::set<std::string> measured_;
};

}  // namespace towpath::play
