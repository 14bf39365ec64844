#pragma once
// A status that differs from what is written in nothing but counts of pods may wait a moment: while pods come and go,
// several of its changes become one write, and most of them go with the next step's. Whatever means something (a phase,
// a step, a condition, a hash) is written at once, and so is a status that the next decision waits for.

#include <map>
#include <string>

#include "base/time.h"
#include "engine/rollout/decision.h"
#include "engine/rollout/world.h"

namespace towpath::control {

class StatusDelay {
 public:
  // Zero: nothing waits.
  explicit StatusDelay(Duration longest) : longest_(longest) {}

  // Takes the status out of the decision where it may wait, and tells for how long; zero: it stays.
  Duration hold(const rollout::World& world, rollout::Decision& decision, MonoTime now);
  void forget(const std::string& uid) { since_.erase(uid); }

 private:
  Duration longest_;
  std::map<std::string, MonoTime> since_;  // the first that waits, by the Rollout's uid
};

}  // namespace towpath::control
