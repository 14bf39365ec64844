#pragma once
// Controller: workers that take keys from a queue and run one pass for each. A pass that fails, throws or hangs is
// tried again with back-off and holds up no other object.

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/time.h"
#include "cluster/queue.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/task.h"

namespace towpath::cluster {

// What a pass that went well asks for: nothing more until something changes, or another look after a while.
struct PassEnd {
  std::optional<Duration> again_after;
};

struct ControllerOptions {
  std::string name;  // in logs: "rollout"
  int workers = 4;
  Duration pass_timeout = 2min;  // then it is cancelled and counts as failed
  QueueBackoff backoff;
};

class Controller {
 public:
  // Looks at one object afresh and does what is needed. kNotFound, kConflict and all other errors are tried again.
  using Pass = std::function<loop::Task<Result<PassEnd>>(ObjectKey)>;

  Controller(loop::Loop& loop, ControllerOptions options, Pass pass);
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  void start();
  WorkQueue& queue() { return queue_; }
  const WorkQueue& queue() const { return queue_; }
  // Told of the end of each pass, to count it: it must not block or throw.
  struct PassReport {
    const ObjectKey& key;
    Duration waited;  // in the queue
    Duration took;
    bool failed;
  };
  void onPass(std::function<void(const PassReport&)> observer) { observer_ = std::move(observer); }
  // No pass runs and none waits (delayed ones may).
  bool idle() const { return queue_.waiting() == 0 && queue_.working() == 0; }
  std::uint64_t passes() const { return passes_; }
  std::uint64_t failures() const { return failures_; }

 private:
  loop::Task<void> work();
  loop::Task<Result<PassEnd>> runPass(ObjectKey key);

  loop::Loop& loop_;
  ControllerOptions options_;
  Pass pass_;
  std::function<void(const PassReport&)> observer_;
  WorkQueue queue_;
  std::uint64_t passes_ = 0;
  std::uint64_t failures_ = 0;
  loop::Scope scope_;  // last: its tasks go first
};

}  // namespace towpath::cluster
