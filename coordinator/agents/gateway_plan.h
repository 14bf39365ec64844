#pragma once
// The status of GatewayClasses and Gateways, from what the nodes' proxies report. Pure. Conditions and reasons are the
// Gateway API's; beside them the nodes' own words are kept, so that a coordinator that starts anew still has them:
//
//   status.towpath.nodes: [{node, generation, address?, error?, listeners?: [{name, error}], unknown?}]
//
// Accepted is about the object alone. Programmed is True when every node that must serve the Gateway (all, or those
// that its annotation selects) does: its newest generation, with every listener that can be served. A silent node is
// not waited for: what it served it goes on serving.

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "wire/messages.h"

namespace towpath::agents {

inline constexpr const char* kController = "towpath.dev/gateway";  // spec.controllerName of our GatewayClasses
inline constexpr const char* kGatewayClass = "towpath";            // the one that is there from the start

struct Condition {
  std::string type;
  bool holds = false;
  std::string reason;
  std::string message;
};
// With the transition time of the condition of that type in `before` if its status is the same.
Value writeCondition(const Value& before, Condition condition, std::int64_t generation, WallTime now);

// status.conditions of a GatewayClass of ours.
Value classStatus(const Value& gateway_class, WallTime now);

// A node that must serve the Gateway.
struct GatewayNode {
  std::string name;
  std::string address;  // where clients reach it; may be empty
  bool silent = false;
  bool operator==(const GatewayNode&) const = default;
};

// What a node last said of the Gateway.
struct GatewayWord {
  std::string node;
  wire::GatewayReport report;
};

// How many of the routes are attached to each of the Gateway's listeners, in their order.
std::vector<std::int64_t> countAttached(const Value& gateway, const std::vector<Value>& http_routes);

struct GatewayFacts {
  const Value& gateway;
  const std::vector<GatewayNode>& nodes;      // ordered by name
  const std::vector<GatewayWord>& words;      // said to this process; they go before what the status holds
  const std::vector<std::int64_t>& attached;  // countAttached()
};
// The whole status that the Gateway should have.
Value gatewayStatus(const GatewayFacts& facts, WallTime now);

}  // namespace towpath::agents
