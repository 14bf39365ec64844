#pragma once
// The engine's World of a Rollout that nothing has happened to yet, made of the manifest alone: what the controller
// would gather from its caches, with every Service that the strategy names taken as there and pointing nowhere.

#include "base/value.h"
#include "engine/rollout/world.h"

namespace towpath::play {

// `rollout` is the whole object, with the schema's defaults. What the rules forbid is in World::invalid.
rollout::World worldOf(const Value& rollout);

// Reads the spec, its hashes and its faults again after the object was changed, and counts the generation up. A
// template that an earlier ReplicaSet had finds that one.
void applySpec(rollout::World& world, const Value& rollout);

}  // namespace towpath::play
