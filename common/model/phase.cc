#include "model/phase.h"

#include <array>

namespace towpath::model {

const char* toString(RolloutPhase phase) {
  switch (phase) {
    case RolloutPhase::kNone:
      return "";
    case RolloutPhase::kProgressing:
      return "Progressing";
    case RolloutPhase::kPaused:
      return "Paused";
    case RolloutPhase::kHealthy:
      return "Healthy";
    case RolloutPhase::kDegraded:
      return "Degraded";
  }
  return "";
}

const char* toString(AnalysisPhase phase) {
  switch (phase) {
    case AnalysisPhase::kNone:
      return "";
    case AnalysisPhase::kPending:
      return "Pending";
    case AnalysisPhase::kRunning:
      return "Running";
    case AnalysisPhase::kSuccessful:
      return "Successful";
    case AnalysisPhase::kFailed:
      return "Failed";
    case AnalysisPhase::kError:
      return "Error";
    case AnalysisPhase::kInconclusive:
      return "Inconclusive";
  }
  return "";
}

RolloutPhase parseRolloutPhase(std::string_view text) {
  for (const RolloutPhase phase :
       {RolloutPhase::kProgressing, RolloutPhase::kPaused, RolloutPhase::kHealthy, RolloutPhase::kDegraded}) {
    if (text == toString(phase)) return phase;
  }
  return RolloutPhase::kNone;
}

AnalysisPhase parseAnalysisPhase(std::string_view text) {
  for (const AnalysisPhase phase : {AnalysisPhase::kPending, AnalysisPhase::kRunning, AnalysisPhase::kSuccessful,
                                    AnalysisPhase::kFailed, AnalysisPhase::kError, AnalysisPhase::kInconclusive}) {
    if (text == toString(phase)) return phase;
  }
  return AnalysisPhase::kNone;
}

bool isCompleted(AnalysisPhase phase) {
  switch (phase) {
    case AnalysisPhase::kNone:
    case AnalysisPhase::kPending:
    case AnalysisPhase::kRunning:
      return false;
    case AnalysisPhase::kSuccessful:
    case AnalysisPhase::kFailed:
    case AnalysisPhase::kError:
    case AnalysisPhase::kInconclusive:
      return true;
  }
  return false;
}

}  // namespace towpath::model
