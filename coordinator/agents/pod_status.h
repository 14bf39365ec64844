#pragma once
// A pod's status as the agent reports it, against what is stored: what is to be written, if anything.

#include <optional>

#include "base/value.h"

namespace towpath::agents {

// The merge patch of the status; nullopt if the stored one says the same. Conditions that the coordinator owns
// (PodScheduled) and members that the agent does not report are kept.
std::optional<Value> podStatusPatch(const Value& pod, Value reported);

}  // namespace towpath::agents
