#include "simulate/plugins.h"

#include <fmt/format.h>

#include "loop/loop.h"
#include "simulate/draw_steps.h"

namespace towpath::simulate {
namespace {

namespace plugin = model::plugin;

constexpr Duration kDeaf = 2min;

rollout::PluginAnswer noAnswer() { return {.error = "the plugin said nothing that can be understood"}; }

rollout::PluginAnswer answer(const char* phase, int calls) {
  return {.phase = phase, .message = fmt::format("call {}", calls), .status = Object{{"calls", calls}}};
}

}  // namespace

PlayedPlugins::PlayedPlugins(loop::Loop& loop, std::uint64_t seed, QualityOf quality_of)
    : loop_(loop), seed_(seed), quality_of_(std::move(quality_of)) {}

bool PlayedPlugins::knows(std::string_view name) const { return name == kPlugin; }

rollout::PluginAnswer PlayedPlugins::run(const Key& key, Work& work, Random& random) {
  work.ended = false;
  const Quality quality = quality_of_(key.ns, key.hash);
  const bool begins = work.calls <= 2 && random.percent(50);
  if (quality == Quality::kNoAnswer && work.calls <= 3) return noAnswer();
  if (begins || (quality == Quality::kHangs && work.calls <= 8)) {
    work.phase = plugin::kRunning;
    rollout::PluginAnswer works = answer(plugin::kRunning, work.calls);
    if (random.percent(50)) works.requeue_after = random.between(1s, 40s);
    return works;
  }
  const bool good = quality == Quality::kGood || quality == Quality::kUnclear;
  work.phase = good ? plugin::kSuccessful : plugin::kFailed;
  return answer(work.phase.c_str(), work.calls);
}

rollout::PluginAnswer PlayedPlugins::end(Work& work, Random& random) {
  work.ended = true;
  if (random.percent(10)) return noAnswer();
  return answer(random.percent(90) ? plugin::kSuccessful : plugin::kRunning, work.calls);
}

loop::Task<rollout::PluginAnswer> PlayedPlugins::call(control::StepPluginRequest request) {
  const Value& object = std::as_const(request.rollout);
  const Key key{object["metadata"]["namespace"].asString(), object["status"]["currentPodHash"].asString(),
                request.index};
  const int calls = ++works_[key].calls;
  Random random = Random(seed_).fork(key.ns + key.hash + request.operation, static_cast<std::uint64_t>(calls));
  if (key.ns == deaf_ns_) {
    co_await loop::sleep(loop_, kDeaf);
    co_return noAnswer();
  }
  co_await loop::sleep(loop_, random.percent(20) ? random.between(1s, 30s) : random.between(5ms, 300ms));
  Work& work = works_[key];
  co_return request.operation == plugin::kRun ? run(key, work, random) : end(work, random);
}

bool PlayedPlugins::succeeded(const std::string& ns, const std::string& hash, std::int32_t index) const {
  const auto found = works_.find({ns, hash, index});
  return found != works_.end() && found->second.phase == plugin::kSuccessful;
}

std::vector<std::string> PlayedPlugins::works(const std::string& ns) const {
  std::vector<std::string> names;
  for (const auto& [key, work] : works_) {
    if (key.ns == ns && work.phase == plugin::kRunning && !work.ended)
      names.push_back(fmt::format("step {} of {}", key.index, key.hash));
  }
  return names;
}

}  // namespace towpath::simulate
