#include "traffic/live_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace towpath::traffic {
namespace {

constexpr double kShareTolerance = 0.0005;

LiveWeight readWeight(const Value& entry) {
  return {entry["service"].asString(), entry["podTemplateHash"].asString(), entry["share"].asDouble(),
          static_cast<std::int32_t>(entry["readyServers"].asInt())};
}

NodeRoute readNode(const Value& entry) {
  NodeRoute node{.node = entry["node"].asString(), .generation = entry["generation"].asInt()};
  for (const Value& weight : entry["weights"].asArray()) node.weights.push_back(readWeight(weight));
  node.error = entry["error"].asString();
  node.unknown = entry["unknown"].asBool();
  return node;
}

Value writeNode(const NodeRoute& node) {
  Value entry;
  entry["node"] = node.node;
  entry["generation"] = node.generation;
  if (!node.error.empty()) entry["error"] = node.error;
  if (node.unknown) entry["unknown"] = true;
  Array weights;
  for (const LiveWeight& weight : node.weights) {
    Value item;
    item["service"] = weight.service;
    if (!weight.pod_template_hash.empty()) item["podTemplateHash"] = weight.pod_template_hash;
    item["share"] = weight.share;
    item["readyServers"] = weight.ready_servers;
    weights.push_back(std::move(item));
  }
  entry["weights"] = std::move(weights);
  return entry;
}

double liveShare(const NodeRoute& node, std::string_view service) {
  double share = 0;
  for (const LiveWeight& weight : node.weights) {
    if (weight.service == service) share += weight.share;
  }
  return share;
}

}  // namespace

std::optional<std::vector<NodeRoute>> readNodeRoutes(const Value& route) {
  const Array* entries = route.at({"status", "towpath", "nodes"}).ifArray();
  if (!entries) return std::nullopt;
  std::vector<NodeRoute> nodes;
  for (const Value& entry : *entries) nodes.push_back(readNode(entry));
  return nodes;
}

Value writeNodeRoutes(std::vector<NodeRoute> nodes) {
  std::ranges::sort(nodes, {}, &NodeRoute::node);
  Array entries;
  for (const NodeRoute& node : nodes) entries.push_back(writeNode(node));
  return entries;
}

bool setNodeRoute(std::vector<NodeRoute>& nodes, NodeRoute entry) {
  const auto found = std::ranges::find(nodes, entry.node, &NodeRoute::node);
  if (found == nodes.end()) {
    nodes.push_back(std::move(entry));
    return true;
  }
  if (*found == entry) return false;
  *found = std::move(entry);
  return true;
}

double specShare(const Value& route, std::string_view service) {
  double sum = 0;
  int rules = 0;
  for (const Value& rule : route.at({"spec", "rules"}).asArray()) {
    double all = 0;
    double own = 0;
    for (const Value& ref : rule["backendRefs"].asArray()) {
      const double weight = ref["weight"].asDouble(static_cast<double>(ref["weight"].asInt(1)));
      all += weight;
      if (ref["name"].asStringView() == service) own += weight;
    }
    if (own <= 0) continue;
    sum += own / all;
    ++rules;
  }
  return rules == 0 ? 0 : sum / rules;
}

LiveCheck checkLive(const Value& route, std::string_view service, double share) {
  const std::optional<std::vector<NodeRoute>> nodes = readNodeRoutes(route);
  if (!nodes) return {};
  const std::int64_t generation = route["metadata"]["generation"].asInt();
  LiveCheck check;
  for (const NodeRoute& node : *nodes) {
    if (node.unknown) continue;
    const double live = liveShare(node, service);
    if (node.generation < generation) {
      return {Liveness::kPending, fmt::format("node {} has generation {} of {}{}{}", node.node, node.generation,
                                              generation, node.error.empty() ? "" : ": ", node.error)};
    }
    if (std::abs(live - share) > kShareTolerance) {
      return {Liveness::kPending, fmt::format("node {} sends {:.4g} % to {}", node.node, live * 100, service)};
    }
    check.liveness = Liveness::kLive;
  }
  return check;
}

}  // namespace towpath::traffic
