#pragma once
// What must never happen (design, section 5), as checks on one decision. Run after each step of tests and of the
// simulator.

#include <string>
#include <vector>

#include "engine/rollout/decision.h"

namespace towpath::rollout {

// One sentence for each rule that the decision breaks; empty if all is well.
std::vector<std::string> checkInvariants(const World& world, const Decision& decision, WallTime now);

}  // namespace towpath::rollout
