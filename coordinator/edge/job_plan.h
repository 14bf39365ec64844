#pragma once
// What to do for a Job: how many pods to create, which to delete, what its status is (Kubernetes' job controller,
// pkg/controller/job, for completion mode NonIndexed). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "edge/facts.h"

namespace towpath::edge {

// A pod that failed makes its successor wait: 10 s, 20 s, … at most this.
inline constexpr Duration kJobBackoffFirst = 10s;
inline constexpr Duration kJobBackoffMost = 6min;

struct JobWorld {
  Value job;                          // as stored
  std::vector<const PodFacts*> pods;  // all that it controls
};

struct JobPlan {
  std::int32_t create = 0;
  std::vector<const PodFacts*> erase;
  Value status;          // that the object should have
  std::string event;     // reason of what has just come to be ("Completed", "BackoffLimitExceeded"), or ""
  std::string message;   //
  bool expired = false;  // its time to live is over: delete it
  std::optional<Duration> look_again;  // a back-off, a deadline or the time to live ends then
};

JobPlan planJob(const JobWorld& world, WallTime now);

// Complete or Failed.
bool isFinishedJob(const Value& job);

}  // namespace towpath::edge
