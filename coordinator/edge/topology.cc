#include "edge/topology.h"

#include <algorithm>

namespace towpath::edge {
namespace {

using cluster::LabelSelector;

// A missing selector matches nothing, an empty one everything (metav1.LabelSelector).
bool selects(const Value& selector, const cluster::Labels& labels) {
  if (selector.isNull()) return false;
  const auto read = LabelSelector::fromObject(selector);
  return read && read->matches(labels);
}

std::map<std::string_view, const NodeFacts*> nodesByName(const PlacementWorld& world) {
  std::map<std::string_view, const NodeFacts*> nodes;
  for (const NodeFacts* node : world.nodes) nodes[node->name] = node;
  return nodes;
}

bool namespaceIn(const Value& namespaces, const std::string& own, const std::string& ns) {
  if (namespaces.asArray().empty()) return ns == own;
  return std::ranges::any_of(namespaces.asArray(), [&](const Value& one) { return one.asStringView() == ns; });
}

}  // namespace

std::int64_t Topology::Domains::countAt(const NodeFacts& node) const {
  const std::string* value = labelOf(node.labels, key);
  if (!value) return 0;
  const auto found = pods.find(*value);
  return found == pods.end() ? 0 : found->second;
}

// k8s.io/kubernetes podtopologyspread: matching pods of the domain with this one, less those of the emptiest domain.
std::int64_t Topology::Spread::skewAt(const NodeFacts& node) const {
  std::int64_t least = 0;
  if (!pods.empty()) least = std::ranges::min_element(pods, {}, [](const auto& one) { return one.second; })->second;
  return countAt(node) + (counts_itself ? 1 : 0) - least;
}

Topology::Topology(const PlacementRequest& request, const PlacementWorld& world) {
  readSpread(request, world);
  readAffinity(request, world, "podAffinity");
  readAffinity(request, world, "podAntiAffinity");
}

void Topology::readSpread(const PlacementRequest& request, const PlacementWorld& world) {
  const Array& constraints = request.spec["topologySpreadConstraints"].asArray();
  if (constraints.empty()) return;
  const auto nodes = nodesByName(world);
  for (const Value& constraint : constraints) {
    Spread spread;
    spread.key = constraint["topologyKey"].asString();
    spread.max_skew = constraint["maxSkew"].asInt(1);
    spread.hard = constraint["whenUnsatisfiable"].asStringView("DoNotSchedule") == "DoNotSchedule";
    spread.counts_itself = selects(constraint["labelSelector"], request.pod->labels);
    // Only nodes that the pod may go to are domains, so that it is not spread over nodes that it can never use.
    for (const NodeFacts* node : world.nodes) {
      const std::string* value = labelOf(node->labels, spread.key);
      if (value && matchesNode(request.spec, *node)) spread.pods.emplace(*value, 0);
    }
    for (const PodFacts* pod : world.pods) {
      if (pod->deleting || pod->ns != request.pod->ns || !selects(constraint["labelSelector"], pod->labels)) continue;
      const auto node = nodes.find(pod->node);
      const std::string* value = node == nodes.end() ? nullptr : labelOf(node->second->labels, spread.key);
      if (!value) continue;
      if (auto domain = spread.pods.find(*value); domain != spread.pods.end()) ++domain->second;
    }
    spreads_.push_back(std::move(spread));
  }
}

void Topology::readAffinity(const PlacementRequest& request, const PlacementWorld& world, const char* member) {
  const Value& terms = request.spec["affinity"][member]["requiredDuringSchedulingIgnoredDuringExecution"];
  if (terms.asArray().empty()) return;
  const auto nodes = nodesByName(world);
  for (const Value& term : terms.asArray()) {
    Affinity affinity;
    affinity.key = term["topologyKey"].asString();
    affinity.anti = std::string_view(member) == "podAntiAffinity";
    affinity.matches_itself = selects(term["labelSelector"], request.pod->labels);
    for (const PodFacts* pod : world.pods) {
      if (!namespaceIn(term["namespaces"], request.pod->ns, pod->ns) || !selects(term["labelSelector"], pod->labels)) {
        continue;
      }
      const auto node = nodes.find(pod->node);
      const std::string* value = node == nodes.end() ? nullptr : labelOf(node->second->labels, affinity.key);
      if (value) ++affinity.pods[*value];
    }
    affinities_.push_back(std::move(affinity));
  }
}

const char* Topology::refuse(const NodeFacts& node) const {
  for (const Affinity& affinity : affinities_) {
    const std::int64_t there = affinity.countAt(node);
    if (affinity.anti && there > 0) return "node(s) didn't match pod anti-affinity rules";
    // The first of a group that wants to be together has nobody to join.
    const bool first = affinity.pods.empty() && affinity.matches_itself;
    if (!affinity.anti && there == 0 && !first) return "node(s) didn't match pod affinity rules";
  }
  for (const Spread& spread : spreads_) {
    if (!spread.hard) continue;
    if (!labelOf(node.labels, spread.key))
      return "node(s) didn't match pod topology spread constraints (missing required label)";
    if (spread.skewAt(node) > spread.max_skew) return "node(s) didn't match pod topology spread constraints";
  }
  return nullptr;
}

std::int64_t Topology::softViolation(const NodeFacts& node) const {
  std::int64_t sum = 0;
  for (const Spread& spread : spreads_) {
    if (!spread.hard) sum += std::max<std::int64_t>(0, spread.skewAt(node) - spread.max_skew);
  }
  return sum;
}

}  // namespace towpath::edge
