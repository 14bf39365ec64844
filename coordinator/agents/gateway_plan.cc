#include "agents/gateway_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/hostname.h"
#include "cluster/object.h"

namespace towpath::agents {

namespace {

constexpr std::size_t kAddresses = 16;  // the Gateway API's bound of status.addresses
constexpr std::size_t kNamed = 3;       // nodes in a message
constexpr std::size_t kErrorBytes = 512;

using Words = std::map<std::string, wire::GatewayReport>;

std::string cut(const std::string& text) { return text.substr(0, kErrorBytes); }

Words readWords(const Value& gateway) {
  Words words;
  for (const Value& entry : gateway.at({"status", "towpath", "nodes"}).asArray()) {
    wire::GatewayReport& report = words[entry["node"].asString()];
    report.generation = entry["generation"].asInt();
    report.address = entry["address"].asString();
    report.error = entry["error"].asString();
    for (const Value& listener : entry["listeners"].asArray()) {
      report.listeners.push_back({.name = listener["name"].asString(), .error = listener["error"].asString()});
    }
  }
  return words;
}

// Of the nodes that must serve it; a word about a Gateway that was deleted, under the same name, is none.
Words wordsOf(const GatewayFacts& facts) {
  Words known = readWords(facts.gateway);
  for (const GatewayWord& word : facts.words) {
    if (word.report.uid == cluster::uidOf(facts.gateway)) known[word.node] = word.report;
  }
  Words words;
  for (const GatewayNode& node : facts.nodes) {
    auto found = known.find(node.name);
    if (found != known.end() && found->second.generation >= 0) words.insert(*found);
  }
  return words;
}

Value writeWord(const GatewayNode& node, const wire::GatewayReport& report) {
  Value entry = Object{{"node", node.name}, {"generation", report.generation}};
  if (!report.address.empty()) entry["address"] = report.address;
  if (!report.error.empty()) entry["error"] = cut(report.error);
  Array refused;
  for (const wire::ListenerReport& listener : report.listeners) {
    if (!listener.error.empty()) refused.push_back(Object{{"name", listener.name}, {"error", cut(listener.error)}});
  }
  if (!refused.empty()) entry["listeners"] = std::move(refused);
  if (node.silent) entry["unknown"] = true;
  return entry;
}

// A few of them, and how many more there are.
std::string joined(const std::vector<std::string>& texts, const char* between) {
  std::string text;
  for (std::size_t i = 0; i < std::min(texts.size(), kNamed); ++i) text += (i == 0 ? "" : between) + texts[i];
  if (texts.size() > kNamed) text += fmt::format(" and {} more", texts.size() - kNamed);
  return text;
}

bool isServed(const Value& listener) { return listener["protocol"].asStringView() == "HTTP"; }

// What the nodes do for the Gateway, or for one of its listeners.
struct Progress {
  std::vector<std::string> refused;  // "node-1: why"
  std::vector<std::string> waiting;  // nodes
  std::vector<std::string> silent;   // nodes
  std::size_t served = 0;
};

std::string refusalOf(const wire::GatewayReport& report, const Value* listener) {
  if (!report.error.empty()) return report.error;
  std::string text;
  for (const wire::ListenerReport& one : report.listeners) {
    if (one.error.empty() || (listener && one.name != (*listener)["name"].asStringView())) continue;
    text += fmt::format("{}{}{}", text.empty() ? "" : "; ", listener ? "" : "listener " + one.name + ": ", one.error);
  }
  return text;
}

// Of the Gateway's listeners that can be served, `only` or all.
Progress progressOf(const GatewayFacts& facts, const Words& words, const Value* only) {
  const std::int64_t generation = facts.gateway.at({"metadata", "generation"}).asInt();
  Progress progress;
  for (const GatewayNode& node : facts.nodes) {
    if (node.silent) progress.silent.push_back(node.name);
    auto word = words.find(node.name);
    if (word == words.end() || word->second.generation != generation) {
      if (!node.silent) progress.waiting.push_back(node.name);
      continue;
    }
    wire::GatewayReport report = word->second;
    std::erase_if(report.listeners, [&](const wire::ListenerReport& one) {
      return std::ranges::any_of(facts.gateway.at({"spec", "listeners"}).asArray(), [&](const Value& listener) {
        return listener["name"].asStringView() == one.name && !isServed(listener);
      });
    });
    const std::string refusal = refusalOf(report, only);
    if (refusal.empty())
      ++progress.served;
    else
      progress.refused.push_back(node.name + ": " + cut(refusal));
  }
  return progress;
}

Condition programmed(const Progress& progress, const char* refused_reason) {
  if (!progress.refused.empty()) return {"Programmed", false, refused_reason, joined(progress.refused, "; ")};
  if (!progress.waiting.empty()) {
    return {"Programmed", false, "Pending", "waiting for " + joined(progress.waiting, ", ")};
  }
  if (progress.served == 0) {
    std::string why = progress.silent.empty() ? "no node is to serve it" : "every node that is to serve it is silent";
    return {"Programmed", false, "NoResources", std::move(why)};
  }
  std::string message = fmt::format("served by {} node{}", progress.served, progress.served == 1 ? "" : "s");
  if (!progress.silent.empty()) message += "; not heard of: " + joined(progress.silent, ", ");
  return {"Programmed", true, "Programmed", std::move(message)};
}

Value listenerStatus(const GatewayFacts& facts, const Words& words, std::size_t index, WallTime now) {
  const Value& listener = facts.gateway.at({"spec", "listeners"})[index];
  const std::int64_t generation = facts.gateway.at({"metadata", "generation"}).asInt();
  const Value* before = &Value::null();
  for (const Value& old : facts.gateway.at({"status", "listeners"}).asArray()) {
    if (old["name"] == listener["name"]) before = &old["conditions"];
  }
  Condition accepted{"Accepted", true, "Accepted", ""};
  Condition program = programmed(progressOf(facts, words, &listener), "PortUnavailable");
  Array kinds;
  if (isServed(listener)) {
    kinds.push_back(Object{{"group", "gateway.networking.k8s.io"}, {"kind", "HTTPRoute"}});
  } else {
    std::string message = "only HTTP is served, not " + listener["protocol"].asString();
    accepted = {"Accepted", false, "UnsupportedProtocol", message};
    program = {"Programmed", false, "Invalid", std::move(message)};
  }
  Array conditions;
  for (Condition* condition : {&accepted, &program}) {
    conditions.push_back(writeCondition(*before, std::move(*condition), generation, now));
  }
  conditions.push_back(writeCondition(*before, {"ResolvedRefs", true, "ResolvedRefs", ""}, generation, now));
  return Object{{"name", listener["name"]},
                {"supportedKinds", std::move(kinds)},
                {"attachedRoutes", facts.attached[index]},
                {"conditions", std::move(conditions)}};
}

Value addressesOf(const GatewayFacts& facts, const Words& words) {
  std::vector<std::string> known;
  for (const GatewayNode& node : facts.nodes) {
    auto word = words.find(node.name);
    if (word == words.end()) continue;
    const std::string& address = word->second.address.empty() ? node.address : word->second.address;
    if (!address.empty() && std::ranges::find(known, address) == known.end()) known.push_back(address);
    if (known.size() == kAddresses) break;
  }
  Array addresses;
  for (std::string& address : known) {
    const bool numeric = address.find_first_not_of("0123456789.") == std::string::npos || address.contains(':');
    addresses.push_back(Object{{"type", numeric ? "IPAddress" : "Hostname"}, {"value", std::move(address)}});
  }
  return addresses;
}

Condition gatewayAccepted(const Value& gateway) {
  std::vector<std::string> faulty;
  const Array& listeners = gateway.at({"spec", "listeners"}).asArray();
  for (const Value& listener : listeners) {
    if (!isServed(listener)) faulty.push_back(listener["name"].asString());
  }
  if (faulty.empty()) return {"Accepted", true, "Accepted", ""};
  // With at least one that can be served the Gateway is accepted, as the Gateway API asks.
  return {"Accepted", faulty.size() < listeners.size(), "ListenersNotValid",
          "see the conditions of listener " + joined(faulty, ", ")};
}

bool takesRoute(const Value& gateway, const Value& listener, const Value& route, const Value& parent) {
  const std::string_view ns = cluster::namespaceOf(gateway);
  if (parent["kind"].asStringView("Gateway") != "Gateway" || parent["name"].asStringView() != cluster::nameOf(gateway))
    return false;
  if (parent["namespace"].asStringView(cluster::namespaceOf(route)) != ns) return false;
  const std::string_view section = parent["sectionName"].asStringView();
  if (!section.empty() && section != listener["name"].asStringView()) return false;
  if (parent["port"].asInt() != 0 && parent["port"].asInt() != listener["port"].asInt()) return false;
  const bool from_all = listener.at({"allowedRoutes", "namespaces", "from"}).asStringView() == "All";
  if (!from_all && cluster::namespaceOf(route) != ns) return false;
  std::vector<std::string> hostnames;
  for (const Value& hostname : route.at({"spec", "hostnames"}).asArray())
    hostnames.push_back(lowerCase(hostname.asStringView()));
  return !intersectHostnames(lowerCase(listener["hostname"].asStringView()), hostnames).empty();
}

}  // namespace

Value writeCondition(const Value& before, Condition condition, std::int64_t generation, WallTime now) {
  std::string status = condition.holds ? "True" : "False";
  std::string since = formatRfc3339(now);
  for (const Value& old : before.asArray()) {
    bool same = old["type"].asStringView() == condition.type && old["status"].asStringView() == status;
    if (same) since = old["lastTransitionTime"].asString(since);
  }
  return Object{{"type", std::move(condition.type)},     {"status", std::move(status)},
                {"reason", std::move(condition.reason)}, {"message", std::move(condition.message)},
                {"observedGeneration", generation},      {"lastTransitionTime", std::move(since)}};
}

Value classStatus(const Value& gateway_class, WallTime now) {
  const Value& before = gateway_class.at({"status", "conditions"});
  Array conditions;
  for (const Value& old : before.asArray()) {
    if (old["type"].asStringView() != "Accepted") conditions.push_back(old);
  }
  conditions.push_back(writeCondition(before, {"Accepted", true, "Accepted", ""},
                                      gateway_class.at({"metadata", "generation"}).asInt(), now));
  return Object{{"conditions", std::move(conditions)}};
}

std::vector<std::int64_t> countAttached(const Value& gateway, const std::vector<Value>& http_routes) {
  std::vector<std::int64_t> counts;
  for (const Value& listener : gateway.at({"spec", "listeners"}).asArray()) {
    counts.push_back(std::ranges::count_if(http_routes, [&](const Value& route) {
      const Array& parents = route.at({"spec", "parentRefs"}).asArray();
      return isServed(listener) && std::ranges::any_of(parents, [&](const Value& parent) {
               return takesRoute(gateway, listener, route, parent);
             });
    }));
  }
  return counts;
}

Value gatewayStatus(const GatewayFacts& facts, WallTime now) {
  const Words words = wordsOf(facts);
  const std::int64_t generation = facts.gateway.at({"metadata", "generation"}).asInt();
  const Value& before = facts.gateway.at({"status", "conditions"});
  Condition accepted = gatewayAccepted(facts.gateway);
  Condition program = programmed(progressOf(facts, words, nullptr), "AddressNotUsable");
  if (!accepted.holds) program = {"Programmed", false, "Invalid", accepted.message};
  Array conditions;
  for (Condition* condition : {&accepted, &program}) {
    conditions.push_back(writeCondition(before, std::move(*condition), generation, now));
  }
  Array listeners;
  for (std::size_t i = 0; i < facts.attached.size(); ++i) listeners.push_back(listenerStatus(facts, words, i, now));
  Array nodes;
  for (const GatewayNode& node : facts.nodes) {
    if (auto word = words.find(node.name); word != words.end()) nodes.push_back(writeWord(node, word->second));
  }
  Value status = Object{{"addresses", addressesOf(facts, words)},
                        {"conditions", std::move(conditions)},
                        {"listeners", std::move(listeners)}};
  status["towpath"]["nodes"] = std::move(nodes);
  return status;
}

}  // namespace towpath::agents
