#pragma once
// Follows a rollout and what belongs to it, for the tree view and for `status`.

#include <string>

#include "cli/command.h"
#include "cli/watcher.h"

namespace towpath::cli {

class RolloutWatch {
 public:
  enum class Depth { kRolloutOnly, kEverything };

  RolloutWatch(Api& api, std::string name, Depth depth);

  // Waits for a change since the last call, at most for the time given; throws what cannot be mended.
  loop::Task<void> changed(Duration at_most) { return group_.changed(at_most); }
  bool synced() const { return group_.synced(); }
  bool exists() const { return !rollout().isNull(); }
  const Value& rollout() const;
  RolloutWorld world() const;
  ListGroup& lists() { return group_; }

 private:
  std::string key_;
  LiveList rollouts_, replica_sets_, pods_, analysis_runs_, experiments_;
  ListGroup group_;  // last: it follows them
};

// The tree view, once or until the time-out (zero: until the user ends it).
Exit showRollout(Context context, std::string name, bool watch, Duration timeout);

}  // namespace towpath::cli
