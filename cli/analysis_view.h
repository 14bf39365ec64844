#pragma once
// An analysis that was played or measured (play/analysis_play.h), as a table with its verdict and as JSON.

#include <string>
#include <vector>

#include "base/value.h"
#include "play/analysis_play.h"

namespace towpath::cli {

struct AnalysisReport {
  std::string name;
  play::AnalysisOutcome outcome;
  std::vector<std::string> assumptions;  // sentences
};

// The exit code of `towpath analyze`: 0 Successful, 2 Failed, 3 Inconclusive, 4 Error, 5 no verdict. 1 is left for what
// could not be begun.
int exitCodeOf(const play::AnalysisOutcome& outcome);

std::string renderAnalysis(const AnalysisReport& report);
// {name, verdict, message, endedSeconds, measurements: [{seconds, metric, value, phase, message, conditions: [{field,
// text, value}]}], metrics: [{name, phase, message, dryRun, count, successful, failed, inconclusive, error}],
// assumptions}. `verdict` is a phase, or "Undecided".
Value analysisToJson(const AnalysisReport& report);

}  // namespace towpath::cli
