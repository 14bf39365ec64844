#pragma once
// What the nodes' proxies really do for an HTTPRoute, as it stands in the route's status:
//
//   status.towpath.nodes: [{node, generation, error?, unknown?, weights: [{service, podTemplateHash, share,
//   readyServers}]}]
//
// agents/ writes an entry for each node that serves the route, from its RouteReport; the router reads them to tell
// whether the wanted weights are live. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"

namespace towpath::traffic {

struct LiveWeight {
  std::string service;
  std::string pod_template_hash;
  double share = 0;  // 0..1, of the route's requests
  std::int32_t ready_servers = 0;
  bool operator==(const LiveWeight&) const = default;
};

struct NodeRoute {
  std::string node;
  std::int64_t generation = 0;  // of the HTTPRoute that is live there
  std::vector<LiveWeight> weights;
  std::string error;     // why the newest generation is not live
  bool unknown = false;  // the node is silent: what it does now cannot be told, and it is not waited for
  bool operator==(const NodeRoute&) const = default;
};

// The entries in the status of an HTTPRoute; nullopt if it has none at all (no node reports, as on Kubernetes).
std::optional<std::vector<NodeRoute>> readNodeRoutes(const Value& route);
// The list to be kept at status.towpath.nodes, ordered by node.
Value writeNodeRoutes(std::vector<NodeRoute> nodes);
// Puts in, or replaces, the node's entry; false if that changes nothing.
bool setNodeRoute(std::vector<NodeRoute>& nodes, NodeRoute entry);

enum class Liveness {
  kUnknown,  // nobody reports
  kPending,  // a node still does something else
  kLive,     // each node that can be asked does what the route's newest generation says
};

struct LiveCheck {
  Liveness liveness = Liveness::kUnknown;
  std::string waiting_for;  // kPending: a node and what it does, for a person
};

// The share of the route's requests that the service gets by the route's own rules, as a node reports it: the mean over
// the rules that send it any.
double specShare(const Value& route, std::string_view service);

// Does every node that reports send `share` of the requests to this service? Shares are compared to half a thousandth.
LiveCheck checkLive(const Value& route, std::string_view service, double share);

}  // namespace towpath::traffic
