#pragma once
// What the page of counters says about one object: read from it once after it changed. Values of labels are the peer's
// (core-semantics 11.6). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"

namespace towpath::exposition {

struct RolloutFacts {
  const char* strategy = "none";      // "canary", "blueGreen"
  const char* traffic_router = "";    // the last one that is named, of those that the peer names
  const char* phase = "Progressing";  // made of conditions; not status.phase
  std::int64_t available = 0, unavailable = 0, desired = 0, updated = 0;
};
RolloutFacts rolloutFacts(const Value& rollout);
// All that `phase` can be.
inline constexpr const char* kRolloutPhases[] = {"Completed", "Progressing", "Paused",     "Timeout",
                                                 "Error",     "Abort",       "InvalidSpec"};

// One update of a Rollout that is over (status.duration).
struct FinishedUpdate {
  std::string finished_at;  // as the status has it: tells one update from the next
  std::string status;       // "Promoted", "Aborted", …
  double seconds = 0, paused_seconds = 0;
};
// nullopt: none, or one whose times cannot be read.
std::optional<FinishedUpdate> finishedUpdate(const Value& rollout);

struct MetricFacts {
  std::string name;
  const char* type = "";  // of the provider: "Prometheus", "WebMetric", …
  std::string phase;      // empty in a template
  bool dry_run = false;
};
// Of a template, or of a run with what its status says of each.
std::vector<MetricFacts> metricFacts(const Value& object);

struct RunFacts {
  std::string phase;  // of a run or an experiment; "Pending" before its first status
  std::vector<MetricFacts> metrics;
};
RunFacts runFacts(const Value& object);
inline constexpr const char* kRunPhases[] = {"Pending", "Running", "Successful", "Failed", "Error", "Inconclusive"};

}  // namespace towpath::exposition
