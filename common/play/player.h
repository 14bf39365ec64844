#pragma once
// A rollout played to its end in no time: the real engines decide, a made-up world carries out. The stable version runs
// and is ready when the play begins; then the update is applied, and time goes from one thing that happens to the next.
// Pure: the same setup gives the same play.

#include <optional>
#include <string>
#include <vector>

#include "api/analysis_run_spec.h"
#include "base/error.h"
#include "base/value.h"
#include "play/fault.h"
#include "play/trace.h"

namespace towpath::play {

inline constexpr std::size_t kMaxMoments = 20000;  // of one play; it ends there

struct Setup {
  Value stable;            // the Rollout as it runs, with the schema's defaults
  Value update;            // and as it is applied: another pod template
  api::FindTemplate find;  // analysis templates
  Trace trace;
  std::vector<Fault> faults;
  Duration ready_after = 5s;                    // from a pod's making to its readiness
  Duration step_takes = 10s;                    // a step plugin, and an experiment without a duration
  std::optional<Duration> promote_after = 30s;  // a person who is waited for promotes that much later; nullopt: never
  Duration until = 24h;                         // the play ends there
};

struct Version {
  std::int32_t pods = 0;
  std::int32_t ready = 0;
  bool operator==(const Version&) const = default;
};

// The world after something happened.
struct Moment {
  Duration at{};               // since the update
  std::string step;            // "2/4", or "" without steps
  std::int32_t new_share = 0;  // percent of the traffic that the new version gets
  Version old_version, new_version;
  std::string phase;  // of the Rollout: "Progressing", "Paused", "Healthy", "Degraded"
  std::vector<std::string> notes;
};

enum class Ending {
  kHealthy,         // the new version is the stable one
  kDegraded,        // aborted, or stuck past its deadline
  kWaitsForPerson,  // paused, and nobody comes
  kUnfinished,      // `until` was reached, or nothing is left that could happen
};
const char* toString(Ending ending);  // "healthy", "degraded", "waits for a person", "unfinished"

struct Outcome {
  std::vector<Moment> moments;
  Ending ending = Ending::kUnfinished;
  Duration ended_at{};                       // when the Rollout came to that
  std::string message;                       // of the Rollout's status at the end
  std::int32_t replicas = 0;                 // that the spec wants
  std::int32_t peak_pods = 0;                // most at once, of all versions, those of experiments too
  Duration peak_at{};                        // when that was first
  std::vector<std::string> assumed_good;     // metrics without a column in the trace
  std::vector<std::string> never_asked_for;  // columns of the trace whose metric was not measured
};

// kInvalid: the rules forbid the manifest, it is no update, or an analysis run cannot be made.
Result<Outcome> play(Setup setup);

}  // namespace towpath::play
