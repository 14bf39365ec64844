#pragma once
// Calls of step plugins that are under way: beside the passes, one at a time for a Rollout, in the order in which they
// were asked for. An answer wakes the Rollout. Nothing of it outlives the process: what was not answered is called
// again.

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "control/rollout/step_plugin.h"
#include "engine/rollout/decision.h"
#include "loop/loop.h"
#include "loop/scope.h"

namespace towpath::control {

class PluginCalls {
 public:
  // `plugins` may be nullptr: then every call is answered with an error.
  PluginCalls(loop::Loop& loop, StepPlugins* plugins);

  struct Caller {
    std::string uid;             // of the Rollout
    std::function<void()> wake;  // after an answer that is awaited
  };
  // The same call that waits or works already is not begun twice.
  void begin(Caller caller, const rollout::RunStepPlugin& action, StepPluginRequest request);
  std::optional<rollout::PluginCall> last(const std::string& uid) const;
  // The Rollout is gone: what waits is dropped.
  void forget(const std::string& uid);

 private:
  struct Waiting {
    rollout::RunStepPlugin action;
    StepPluginRequest request;
    std::function<void()> wake;
  };
  struct Line {
    std::deque<Waiting> waiting;  // the first one works, if `working`
    bool working = false;
    std::optional<rollout::PluginCall> last;
  };

  loop::Task<void> work(std::string uid);
  loop::Task<rollout::PluginAnswer> ask(StepPluginRequest request);

  StepPlugins* plugins_;
  std::map<std::string, Line> lines_;
  loop::Scope scope_;  // last: its tasks go first
};

}  // namespace towpath::control
