#pragma once
// Stand-ins for what a play has not at hand: step plugins and the pods of experiments. They take their time and then
// say what the play was told that they say.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/rollout/decision.h"
#include "play/fault.h"

namespace towpath::play {

class StandIns {
 public:
  // `takes`: what a plugin needs for its answer, and an experiment without a duration for its verdict.
  StandIns(Duration ready_after, Duration takes) : ready_after_(ready_after), takes_(takes) {}

  void failPlugins() { plugins_fail_ = true; }
  void failExperiments() { experiments_fail_ = true; }

  // Takes an action up that was carried out; what the play has to tell of it.
  std::vector<std::string> take(rollout::World& world, const rollout::Action& action, WallTime now);
  // Lets them answer and come to their end, as far as it is time; writes it into the world.
  std::vector<std::string> turn(rollout::World& world, WallTime now);
  std::optional<WallTime> nextChange() const;
  // Pods of experiments that run now.
  std::int32_t pods() const;

 private:
  struct Played {
    WallTime ready_at{};
    WallTime ends_at{};
    std::int32_t pods = 0;
    bool pending = true;
    bool over = false;
  };
  void begin(rollout::World& world, const rollout::StartExperiment& action, WallTime now);
  void playOne(rollout::ExperimentView& view, WallTime now, std::vector<std::string>& notes);

  Duration ready_after_;
  Duration takes_;
  bool plugins_fail_ = false;
  bool experiments_fail_ = false;
  std::optional<WallTime> answers_at_;    // the plugin that works
  std::string working_;                   // its name
  std::map<std::string, Played> played_;  // by name of the Experiment
};

}  // namespace towpath::play
