#pragma once
// Placement: which node a pod goes to. Pure. Hard rules first (each with the words of Kubernetes for those that they
// exclude), then the best of the nodes that are left. Taints are not known here.
//
// Of the nodes left: keep soft spread constraints; few instances of the same owner; preferred node affinity; the least
// allocated; by name. For an every-node pod: waves in order, and first the nodes without an instance of the
// same rollout.

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/value.h"
#include "edge/facts.h"

namespace towpath::edge {

struct PlacementWorld {
  std::vector<const NodeFacts*> nodes;
  std::vector<const PodFacts*>
      pods;  // those with a node that have not finished; deleting ones still hold their resources
};

// A pod to be placed.
struct PlacementRequest {
  const PodFacts* pod = nullptr;
  Value spec;                               // the pod's
  bool every_node = false;                  // by the pod's annotation or its owner's
  std::vector<std::string> related_owners;  // uids of the other owners of the same rollout
};

struct Placed {
  std::string node;
};
struct NotPlaced {
  std::string message;  // "0/3 nodes are available: 1 Insufficient memory, 2 node(s) didn't match …."
};
using PlacementAnswer = std::variant<Placed, NotPlaced>;

PlacementAnswer place(const PlacementRequest& request, const PlacementWorld& world);

// spec.nodeSelector and the required node affinity.
bool matchesNode(const Value& pod_spec, const NodeFacts& node);
// How many nodes an every-node template is for: matching, not cordoned, whether they are heard or not.
std::int32_t countMatchingNodes(const Value& pod_spec, std::span<const NodeFacts* const> nodes);

}  // namespace towpath::edge
