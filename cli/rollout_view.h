#pragma once
// PURE: the tree view of a rollout that users of the Argo plugin know: header, images, replicas, and a tree of
// revisions with their replica sets, pods, experiments and analysis runs.

#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "cli/tree.h"

namespace towpath::cli {

// A rollout and what belongs to it, as read from the API.
struct RolloutWorld {
  Value rollout;
  std::vector<Value> replica_sets;
  std::vector<Value> pods;
  std::vector<Value> analysis_runs;
  std::vector<ExperimentWorld> experiments;
};

std::string renderRollout(const RolloutWorld& world, WallTime now, Colour colour);

// One line of `list rollouts`.
struct RolloutSummary {
  std::string ns, name, strategy, status, step, set_weight, ready, desired, up_to_date, available;
  bool operator==(const RolloutSummary&) const = default;
};
RolloutSummary summarize(const Value& rollout);

// "✔", "◌", … for a phase of a rollout; a space for one that is not known.
std::string phaseIcon(std::string_view phase);
}  // namespace towpath::cli
