#pragma once
// Writes a play down: a Moment whenever something can be seen that was different before, and the most pods at once.

#include "engine/rollout/world.h"
#include "play/player.h"

namespace towpath::play {

class Recorder {
 public:
  // From now on this version is the new one, and what was recorded before is forgotten.
  void follow(std::string new_hash);
  // For the next moment.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  // A moment, if it differs from the last one or there are notes.
  void record(const rollout::World& world, Duration at);
  // Only the number of pods, with `more` that no ReplicaSet of the world has: between two decisions of one time as
  // well.
  void count(const rollout::World& world, std::int32_t more, Duration at);
  std::size_t size() const { return outcome_.moments.size(); }
  // The moments and the peak; the rest is the caller's.
  Outcome take() { return std::move(outcome_); }

 private:
  Moment look(const rollout::World& world) const;
  void noteChanges(const rollout::World& world);

  std::string new_hash_;
  std::vector<std::string> notes_;
  Outcome outcome_;
  std::string last_step_, last_message_;
};

}  // namespace towpath::play
