#pragma once
// PlayedPlugins: the step plugin "towpath/simulated". It works for a while or not at all, as the quality of the version
// says, and remembers what it began, so that nothing is left behind.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/rollout/step_plugin.h"
#include "loop/loop.h"
#include "simulate/random.h"
#include "simulate/scenario.h"

namespace towpath::simulate {

class PlayedPlugins final : public control::StepPlugins {
 public:
  // What a version of a namespace is like.
  using QualityOf = std::function<Quality(const std::string& ns, const std::string& hash)>;
  PlayedPlugins(loop::Loop& loop, std::uint64_t seed, QualityOf quality_of);
  // Answers of this namespace come late and are none.
  void deafen(const std::string& ns) { deaf_ns_ = ns; }

  bool knows(std::string_view name) const override;
  loop::Task<rollout::PluginAnswer> call(control::StepPluginRequest request) override;

  // Its last answer to `Run` was that the step is done.
  bool succeeded(const std::string& ns, const std::string& hash, std::int32_t index) const;
  // What it works on for this namespace: begun, neither finished nor told to end.
  std::vector<std::string> works(const std::string& ns) const;

 private:
  struct Key {
    std::string ns, hash;
    std::int32_t index = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Work {
    int calls = 0;
    std::string phase;  // of the last Run
    bool ended = false;
  };
  rollout::PluginAnswer run(const Key& key, Work& work, Random& random);
  rollout::PluginAnswer end(Work& work, Random& random);

  loop::Loop& loop_;
  std::uint64_t seed_;
  QualityOf quality_of_;
  std::string deaf_ns_;
  std::map<Key, Work> works_;
};

}  // namespace towpath::simulate
