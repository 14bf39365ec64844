#pragma once
// Step plugins that are programs, as coordinator.toml names them (docs/step-plugins.md): for each call the program is
// run, with the request as JSON on stdin, and answers with JSON on stdout:
//   → {"operation": "Run", "name", "stepIndex", "config", "status", "rollout": {…}}
//   ← {"phase": "Running" | "Successful" | "Failed", "message", "requeueAfter": "30s", "status": …}

#include <map>
#include <string>
#include <vector>

#include "control/rollout/step_plugin.h"
#include "loop/event.h"
#include "loop/loop.h"

namespace towpath::control {

struct CommandPlugin {
  std::vector<std::string> command;
  Duration timeout = 30s;
  bool disabled = false;  // its steps complete without it
};

class CommandPlugins final : public StepPlugins {
 public:
  CommandPlugins(loop::Loop& loop, std::map<std::string, CommandPlugin, std::less<>> plugins);

  bool knows(std::string_view name) const override { return plugins_.contains(name); }
  loop::Task<rollout::PluginAnswer> call(StepPluginRequest request) override;

 private:
  loop::Loop& loop_;
  std::map<std::string, CommandPlugin, std::less<>> plugins_;
  loop::Semaphore running_;
};

// What a program wrote, as an answer.
rollout::PluginAnswer readPluginAnswer(const std::string& output);

}  // namespace towpath::control
