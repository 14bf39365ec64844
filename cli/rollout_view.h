#pragma once
// PURE: the tree view of a rollout that users of the Argo plugin know: header, images, replicas, and a tree of
// revisions with their replica sets, pods and analysis runs.

#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"

namespace towpath::cli {

enum class Colour { kNone, kAnsi };

// A rollout and what belongs to it, as read from the API.
struct RolloutWorld {
  Value rollout;
  std::vector<Value> replica_sets;
  std::vector<Value> pods;
  std::vector<Value> analysis_runs;
  std::vector<Value> experiments;
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
// A Pod's STATUS as kubectl prints it: Running, CrashLoopBackOff, Init:0/1, Terminating, …
std::string podStatus(const Value& pod);
// Whether the object belongs to the owner with this uid.
bool isOwnedBy(const Value& object, std::string_view owner_uid);

}  // namespace towpath::cli
