#pragma once
// PURE: the view of one experiment, as users of the Argo plugin know it, and the line of a list.

#include <string>

#include "base/time.h"
#include "base/value.h"
#include "cli/tree.h"

namespace towpath::cli {

std::string renderExperiment(const ExperimentWorld& world, WallTime now, Colour colour);

// One line of `list experiments`; "-" for what is not set.
struct ExperimentSummary {
  std::string ns, name, status, duration, remaining, age;
};
ExperimentSummary summarizeExperiment(const Value& experiment, WallTime now);

}  // namespace towpath::cli
