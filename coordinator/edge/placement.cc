#include "edge/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <set>
#include <tuple>

#include "edge/topology.h"

namespace towpath::edge {
namespace {

// What is taken on one node.
struct NodeUse {
  Requests requests;
  std::int64_t pods = 0;
  std::vector<HostPort> host_ports;
  std::int64_t same_owner = 0;
  std::int64_t same_rollout = 0;  // of the owner and its relatives
};

using Uses = std::map<std::string_view, NodeUse>;

Uses countUses(const PlacementRequest& request, const PlacementWorld& world) {
  Uses uses;
  for (const PodFacts* pod : world.pods) {
    NodeUse& use = uses[pod->node];
    use.requests.cpu += pod->requests.cpu;
    use.requests.memory += pod->requests.memory;
    ++use.pods;
    use.host_ports.insert(use.host_ports.end(), pod->host_ports.begin(), pod->host_ports.end());
    if (pod->deleting || pod->owner_uid.empty()) continue;
    const bool same = pod->owner_uid == request.pod->owner_uid;
    const bool related = std::ranges::find(request.related_owners, pod->owner_uid) != request.related_owners.end();
    use.same_owner += same;
    use.same_rollout += same || related;
  }
  return uses;
}

bool hostPortsFree(const PodFacts& pod, const NodeUse& use) {
  return std::ranges::none_of(pod.host_ports, [&](const HostPort& port) {
    return std::ranges::find(use.host_ports, port) != use.host_ports.end();
  });
}

// Why the node cannot have the pod, apart from rules over several nodes; null if it can.
const char* refuse(const PlacementRequest& request, const NodeFacts& node, const NodeUse& use) {
  if (node.unschedulable || node.deleting) return "node(s) were unschedulable";
  if (!matchesNode(request.spec, node)) return "node(s) didn't match Pod's node affinity/selector";
  if (node.ready != NodeFacts::Ready::kTrue) return "node(s) were not ready";
  if (request.every_node && use.same_owner > 0) return "node(s) had an instance already";
  const Requests& wanted = request.pod->requests;
  if (wanted.cpu > 0 && use.requests.cpu + wanted.cpu > node.allocatable.cpu) return "Insufficient cpu";
  if (wanted.memory > 0 && use.requests.memory + wanted.memory > node.allocatable.memory) return "Insufficient memory";
  if (use.pods + 1 > node.pods_max) return "Too many pods";
  if (!hostPortsFree(*request.pod, use)) return "node(s) didn't have free ports for the requested pod ports";
  return nullptr;
}

std::int64_t waveOf(const NodeFacts& node) {
  const std::string* text = labelOf(node.labels, kWaveLabel);
  std::int64_t wave = std::numeric_limits<std::int64_t>::max();
  if (text) std::from_chars(text->data(), text->data() + text->size(), wave);
  return wave;
}

double share(std::int64_t used, std::int64_t of) {
  return of <= 0 ? 1.0 : static_cast<double>(used) / static_cast<double>(of);
}

double allocated(const PodFacts& pod, const NodeFacts& node, const NodeUse& use) {
  return share(use.requests.cpu + pod.requests.cpu, node.allocatable.cpu) +
         share(use.requests.memory + pod.requests.memory, node.allocatable.memory) + share(use.pods, node.pods_max);
}

// Smaller is better.
using Score =
    std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, double, std::string_view>;

Score score(const PlacementRequest& request, const NodeFacts& node, const NodeUse& use, const Topology& topology) {
  const std::int64_t rollout_first = request.every_node ? use.same_rollout : 0;
  const std::int64_t wave = request.every_node ? waveOf(node) : 0;
  return {wave,
          rollout_first,
          topology.softViolation(node),
          use.same_owner,
          -preferredNodeWeight(request.spec, node),
          allocated(*request.pod, node, use),
          node.name};
}

std::string explain(std::size_t nodes, const std::map<std::string, int>& reasons) {
  if (nodes == 0) return "no nodes available to schedule pods";
  std::string list;
  for (const auto& [reason, count] : reasons) list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, reason);
  return fmt::format("0/{} nodes are available: {}.", nodes, list);
}

}  // namespace

PlacementAnswer place(const PlacementRequest& request, const PlacementWorld& world) {
  const Uses uses = countUses(request, world);
  const Topology topology(request, world);
  std::map<std::string, int> reasons;
  const NodeFacts* best = nullptr;
  std::optional<Score> best_score;
  for (const NodeFacts* node : world.nodes) {
    const auto found = uses.find(node->name);
    const NodeUse use = found == uses.end() ? NodeUse{} : found->second;
    const char* reason = refuse(request, *node, use);
    if (!reason) reason = topology.refuse(*node);
    if (reason) {
      ++reasons[reason];
      continue;
    }
    const Score candidate = score(request, *node, use, topology);
    if (best_score && !(candidate < *best_score)) continue;
    best = node;
    best_score = candidate;
  }
  if (best) return Placed{best->name};
  return NotPlaced{explain(world.nodes.size(), reasons)};
}

std::int32_t countMatchingNodes(const Value& pod_spec, std::span<const NodeFacts* const> nodes) {
  return static_cast<std::int32_t>(std::ranges::count_if(nodes, [&](const NodeFacts* node) {
    return !node->unschedulable && !node->deleting && matchesNode(pod_spec, *node);
  }));
}

}  // namespace towpath::edge
