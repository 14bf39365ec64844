#pragma once
// The port to what carries out plugin steps: a name, an operation, and a state of its own that is opaque to everybody
// else.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/value.h"
#include "engine/rollout/world.h"
#include "loop/task.h"

namespace towpath::control {

struct StepPluginRequest {
  std::string name;
  std::string operation;  // Run, Terminate, Abort
  std::int32_t index = 0;
  Value config;   // of the step
  Value status;   // what the plugin answered last; null for the first time
  Value rollout;  // the whole object
};

class StepPlugins {
 public:
  virtual ~StepPlugins() = default;
  virtual bool knows(std::string_view name) const = 0;
  // What cannot be asked, or answers nothing that can be understood, is an answer with `error`. Ends in bounded time.
  virtual loop::Task<rollout::PluginAnswer> call(StepPluginRequest request) = 0;
};

}  // namespace towpath::control
