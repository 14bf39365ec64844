#pragma once
// What the measurements of a run amount to so far: the phase of each metric and of the run (core-semantics 8.6, 8.7).

#include <string>
#include <vector>

#include "model/analysis.h"

namespace towpath::analysis {

struct MetricVerdict {
  model::AnalysisPhase phase = model::AnalysisPhase::kPending;
  std::string limit_text;  // "failed (2) > failureLimit (1)", or empty
};

// A completed phase is kept. `terminating`: nothing more is measured.
MetricVerdict assessMetric(const model::Metric& metric, const model::MetricResult& result, bool terminating);

// What breaks a limit, whatever the phase says; "" if nothing does.
std::string limitText(const model::Metric& metric, const model::MetricResult& result);

// Is `a` worse than `b`? Successful < Running < Pending < Inconclusive < Error < Failed.
bool isWorse(model::AnalysisPhase a, model::AnalysisPhase b);

struct RunVerdict {
  model::AnalysisPhase phase = model::AnalysisPhase::kRunning;
  std::string message;
  model::RunSummary summary;
  model::RunSummary dry_run_summary;
};

// `next` holds the assessed metric results.
RunVerdict assessRun(const model::AnalysisRunSpec& spec, const model::AnalysisRunStatus& next, bool terminating);

}  // namespace towpath::analysis
