#pragma once
// A pod's status as the agent reports it, against what is stored: what is to be written, if anything.

#include <optional>

#include "base/time.h"
#include "base/value.h"

namespace towpath::agents {

// The merge patch of the status; nullopt if the stored one says the same. Conditions that the coordinator owns
// (PodScheduled) and members that the agent does not report are kept. When a condition changed is told by our clock, as
// all that is counted from it (minReadySeconds) is: the node's may be off, or jump.
std::optional<Value> podStatusPatch(const Value& pod, Value reported, WallTime now);

}  // namespace towpath::agents
