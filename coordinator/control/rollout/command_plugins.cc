#include "control/rollout/command_plugins.h"

#include <fmt/format.h>

#include <utility>

#include "json/parse.h"
#include "json/serialize.h"
#include "loop/command.h"

namespace towpath::control {
namespace {

constexpr std::size_t kRunningMost = 2;     // programs at once: they take threads that others need too
constexpr std::size_t kOutputMost = 65536;  // bytes: it becomes a part of the Rollout's status
constexpr std::size_t kErrorShown = 300;

rollout::PluginAnswer failure(std::string why) {
  rollout::PluginAnswer answer;
  answer.error = std::move(why);
  return answer;
}

std::string inputOf(StepPluginRequest request) {
  return json::serialize(Object{{"operation", std::move(request.operation)},
                                {"name", std::move(request.name)},
                                {"stepIndex", request.index},
                                {"config", std::move(request.config)},
                                {"status", std::move(request.status)},
                                {"rollout", std::move(request.rollout)}});
}

}  // namespace

CommandPlugins::CommandPlugins(loop::Loop& loop, std::map<std::string, CommandPlugin, std::less<>> plugins)
    : loop_(loop), plugins_(std::move(plugins)), running_(loop, kRunningMost) {}

loop::Task<rollout::PluginAnswer> CommandPlugins::call(StepPluginRequest request) {
  const auto known = plugins_.find(request.name);
  if (known == plugins_.end()) co_return failure(fmt::format("no step plugin {} is configured here", request.name));
  const CommandPlugin& plugin = known->second;
  if (plugin.disabled) co_return rollout::PluginAnswer{.disabled = true};
  const auto permit = co_await running_.acquire();
  const Result<loop::CommandOutput> output = co_await loop::runCommand(loop_, {.argv = plugin.command,
                                                                               .input = inputOf(std::move(request)),
                                                                               .timeout = plugin.timeout,
                                                                               .output_max = kOutputMost});
  if (!output) co_return failure(describe(output.error()));
  if (output->status != 0) {
    co_return failure(fmt::format("{} ended with status {}: {}", plugin.command.front(), output->status,
                                  output->err.substr(0, kErrorShown)));
  }
  co_return readPluginAnswer(output->out);
}

rollout::PluginAnswer readPluginAnswer(const std::string& output) {
  const Result<Value> parsed = json::parse(output);
  if (!parsed || !parsed->isObject())
    return failure("the plugin's answer is no JSON object: " + (parsed ? std::string() : parsed.error().message));
  rollout::PluginAnswer answer;
  answer.phase = (*parsed)["phase"].asString();
  const bool known = answer.phase.empty() || answer.phase == model::plugin::kRunning ||
                     answer.phase == model::plugin::kSuccessful || answer.phase == model::plugin::kFailed;
  if (!known)
    return failure(fmt::format("the plugin's phase \"{}\" is none of Running, Successful, Failed", answer.phase));
  answer.message = (*parsed)["message"].asString();
  answer.status = (*parsed)["status"];
  if (const Value& after = (*parsed)["requeueAfter"]; !after.isNull()) {
    const Result<Duration> duration = parseGoDuration(after.asStringView());
    if (!duration) return failure("the plugin's requeueAfter is no duration, such as \"30s\"");
    answer.requeue_after = *duration;
  }
  return answer;
}

}  // namespace towpath::control
