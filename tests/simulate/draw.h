#pragma once
// The objects of a scenario at random: a Rollout of either strategy with what it refers to.

#include "simulate/random.h"
#include "simulate/scenario.h"

namespace towpath::simulate {

void drawObjects(Random random, Scenario& scenario);

// The label of its pods. Versions of different rollouts have different hashes by it.
std::string appOf(const Scenario& scenario);

// "v3" ↔ 3; 0 for anything else.
std::string imageOf(int version);
int versionOf(std::string_view image);

}  // namespace towpath::simulate
