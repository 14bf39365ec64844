#pragma once
// The Node object of an agent, made of what the agent says about itself. Pure: current object in, wanted object or
// patch out.

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "wire/messages.h"

namespace towpath::agents {

// SHA-256 of the certificate request that the node enrolled with: the same request again is a repeat, not another node.
inline constexpr const char* kEnrolledWith = "towpath.dev/enrolled-with";

// The object to create, without status.
Value makeNode(const std::string& name, const wire::NodeInfo& info, const std::string& enrolled_with);

// The merge patch that brings labels (and the list of those that the agent owns) up to date; nullopt: nothing to do.
// Labels under kubernetes.io that mean something to the coordinator are not the agent's to choose.
std::optional<Value> labelPatch(const Value& node, const wire::NodeInfo& info);

// The merge patch of the status, or nullopt. `info` is null for a report that brings only a condition. The node is
// Ready: it has just been heard.
std::optional<Value> nodeStatusPatch(const Value& node, const wire::NodeInfo* info,
                                     const std::optional<wire::NodeCondition>& condition, WallTime now);

// "True", "False", "Unknown" of a condition, or "".
std::string conditionStatus(const Value& object, std::string_view type);

}  // namespace towpath::agents
