#pragma once
// The phases that people and tools read in status.phase, spelled as the peer spells them.

#include <cstdint>
#include <string_view>

namespace towpath::model {

// Rollout: kNone until the first status is written.
enum class RolloutPhase : std::uint8_t { kNone, kProgressing, kPaused, kHealthy, kDegraded };

// Analysis runs, their metrics and their measurements. kPending is seen in metric results only.
enum class AnalysisPhase : std::uint8_t { kNone, kPending, kRunning, kSuccessful, kFailed, kError, kInconclusive };

const char* toString(RolloutPhase phase);  // "" for kNone
const char* toString(AnalysisPhase phase);
// An unknown text reads as kNone.
RolloutPhase parseRolloutPhase(std::string_view text);
AnalysisPhase parseAnalysisPhase(std::string_view text);

// True once nothing will change the phase any more: Successful, Failed, Error or Inconclusive.
bool isCompleted(AnalysisPhase phase);

}  // namespace towpath::model
