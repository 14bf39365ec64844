#include "control/rollout/plugin_calls.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace towpath::control {
namespace {

constexpr std::size_t kMostWaiting = 32;  // of one Rollout

rollout::PluginCall callOf(const rollout::RunStepPlugin& action) {
  return {.started_at = action.started_at,
          .index = action.index,
          .operation = action.operation,
          .execution = action.execution,
          .answer = std::nullopt};
}

}  // namespace

PluginCalls::PluginCalls(loop::Loop& loop, StepPlugins* plugins) : plugins_(plugins), scope_(loop, "step plugins") {}

void PluginCalls::begin(Caller caller, const rollout::RunStepPlugin& action, StepPluginRequest request) {
  Line& line = lines_[caller.uid];
  line.last = action.awaited ? std::optional(callOf(action)) : std::nullopt;
  if (std::ranges::find(line.waiting, action, &Waiting::action) != line.waiting.end()) return;
  if (line.waiting.size() >= kMostWaiting) {
    log::warning("too many calls of step plugins wait, one is dropped",
                 {{"plugin", action.name}, {"operation", action.operation}});
    if (line.last) line.last->answer = rollout::PluginAnswer{.error = "too many calls wait"};
    return;
  }
  line.waiting.push_back({action, std::move(request), std::move(caller.wake)});
  if (line.working) return;
  line.working = true;
  scope_.spawn(work(std::move(caller.uid)));
}

std::optional<rollout::PluginCall> PluginCalls::last(const std::string& uid) const {
  const auto line = lines_.find(uid);
  return line == lines_.end() ? std::nullopt : line->second.last;
}

void PluginCalls::forget(const std::string& uid) {
  const auto line = lines_.find(uid);
  if (line == lines_.end()) return;
  if (!line->second.working) {
    lines_.erase(line);
    return;
  }
  line->second.last.reset();
  if (line->second.waiting.size() > 1) line->second.waiting.resize(1);
}

loop::Task<rollout::PluginAnswer> PluginCalls::ask(StepPluginRequest request) {
  if (!plugins_) co_return rollout::PluginAnswer{.error = "no step plugins are configured here"};
  co_return co_await plugins_->call(std::move(request));
}

loop::Task<void> PluginCalls::work(std::string uid) {
  while (true) {
    // A line stays while it works, whatever comes to it meanwhile.
    const Waiting first = lines_[uid].waiting.front();
    rollout::PluginAnswer answer = co_await ask(first.request);
    Line& line = lines_[uid];
    line.waiting.pop_front();
    rollout::PluginCall call = callOf(first.action);
    if (first.action.awaited && line.last == call) {
      line.last->answer = std::move(answer);
      first.wake();
    }
    if (!line.waiting.empty()) continue;
    line.working = false;
    if (!line.last) lines_.erase(uid);
    co_return;
  }
}

}  // namespace towpath::control
