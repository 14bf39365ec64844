#pragma once
// What an action that succeeded changes in the world. The controller uses it between decisions of one turn, before its
// caches have caught up; the tests and the simulator use it as the world itself.

#include "engine/rollout/decision.h"

namespace towpath::rollout {

// Pods are not simulated: a scaled ReplicaSet keeps its counts. A started run appears as unfinished.
void applyEffect(World& world, const Action& action, WallTime now);

}  // namespace towpath::rollout
