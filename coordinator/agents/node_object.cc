#include "agents/node_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "cluster/object.h"
#include "json/patch.h"

namespace towpath::agents {

namespace {

constexpr std::string_view kAgentLabels = "towpath.dev/agent-labels";
constexpr std::int64_t kPodsPerNode = 110;

// Labels whose meaning is the cluster's: an agent that could set them could draw other nodes' pods and secrets to
// itself.
bool isReserved(std::string_view key) {
  std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return false;
  std::string_view prefix = key.substr(0, slash);
  if (prefix == "topology.kubernetes.io") return false;
  return prefix == "kubernetes.io" || prefix == "k8s.io" || prefix.ends_with(".kubernetes.io") ||
         prefix.ends_with(".k8s.io");
}

std::vector<std::pair<std::string, std::string>> labelsOf(const std::string& name, const wire::NodeInfo& info) {
  std::vector<std::pair<std::string, std::string>> labels = {
      {"kubernetes.io/hostname", name}, {"kubernetes.io/arch", info.architecture}, {"kubernetes.io/os", "linux"}};
  for (const auto& [key, value] : info.labels) {
    if (!isReserved(key)) labels.emplace_back(key, value);
  }
  return labels;
}

std::string joinedKeys(const std::vector<std::pair<std::string, std::string>>& labels) {
  std::string keys;
  for (const auto& [key, value] : labels) keys.append(keys.empty() ? "" : ",").append(key);
  return keys;
}

Value addressesOf(const std::string& name, const wire::NodeInfo& info) {
  Array addresses;
  for (const std::string& address : info.addresses) {
    addresses.push_back(Object{{"type", "InternalIP"}, {"address", address}});
  }
  addresses.push_back(Object{{"type", "Hostname"}, {"address", name}});
  return addresses;
}

Value resourcesOf(const wire::NodeInfo& info) {
  return Object{{"cpu", fmt::format("{}m", info.cpu_milli)},
                {"memory", fmt::format("{}Ki", info.memory_bytes / 1024)},
                {"pods", std::to_string(kPodsPerNode)}};
}

Value ownPartOf(const wire::NodeInfo& info) {
  Array runtimes(info.runtimes.begin(), info.runtimes.end());
  Value own = Object{{"runtimes", std::move(runtimes)}, {"protocol", info.protocol}};
  if (info.port_range.size() == 2) {
    own["portRange"] =
        Array{static_cast<std::int64_t>(info.port_range[0]), static_cast<std::int64_t>(info.port_range[1])};
  }
  return own;
}

void fillStatus(Value& status, const std::string& name, const wire::NodeInfo& info) {
  status["addresses"] = addressesOf(name, info);
  status["capacity"] = resourcesOf(info);
  status["allocatable"] = resourcesOf(info);
  status["nodeInfo"] = Object{{"architecture", info.architecture},
                              {"bootID", info.boot_id},
                              {"containerRuntimeVersion", "towpath://" + info.agent_version},
                              {"kernelVersion", info.kernel},
                              {"kubeletVersion", info.agent_version},
                              {"operatingSystem", "linux"},
                              {"osImage", info.operating_system}};
  status["towpath"] = ownPartOf(info);
}

struct Condition {
  const char* type;
  const char* status;
  std::string reason, message;
};

// Sets it in the list; the time of the last transition moves only if the status does.
void setCondition(Array& conditions, const Condition& condition, WallTime now) {
  auto found =
      std::ranges::find_if(conditions, [&](const Value& c) { return c["type"].asStringView() == condition.type; });
  if (found == conditions.end()) {
    conditions.push_back(Object{{"type", condition.type}});
    found = std::prev(conditions.end());
  }
  if ((*found)["status"].asStringView() != condition.status) (*found)["lastTransitionTime"] = formatRfc3339(now);
  (*found)["status"] = condition.status;
  (*found)["reason"] = condition.reason;
  (*found)["message"] = condition.message;
}

void setConditions(Value& status, const std::optional<wire::NodeCondition>& condition, WallTime now) {
  Array& conditions = status["conditions"].makeArray();
  setCondition(conditions, {"Ready", "True", "AgentReady", "the agent reports"}, now);
  if (!condition) return;
  auto truth = [](bool value) { return value ? "True" : "False"; };
  setCondition(conditions,
               {"DiskPressure", truth(condition->disk_pressure),
                condition->disk_pressure ? "AgentHasDiskPressure" : "AgentHasSufficientDisk", ""},
               now);
  setCondition(conditions,
               {"MemoryPressure", truth(condition->memory_pressure),
                condition->memory_pressure ? "AgentHasInsufficientMemory" : "AgentHasSufficientMemory", ""},
               now);
  setCondition(conditions,
               {"ProxyReady", truth(condition->proxy_ready), condition->proxy_ready ? "ProxyServes" : "ProxyDown",
                condition->message},
               now);
}

}  // namespace

Value makeNode(const std::string& name, const wire::NodeInfo& info, const std::string& enrolled_with) {
  std::vector<std::pair<std::string, std::string>> labels = labelsOf(name, info);
  Value node = Object{{"apiVersion", "v1"}, {"kind", "Node"}};
  node["metadata"]["name"] = name;
  for (const auto& [key, value] : labels) node["metadata"]["labels"][key] = value;
  node["metadata"]["annotations"] =
      Object{{std::string(kAgentLabels), joinedKeys(labels)}, {kEnrolledWith, enrolled_with}};
  node["spec"] = Object{};
  return node;
}

std::optional<Value> labelPatch(const Value& node, const wire::NodeInfo& info) {
  std::vector<std::pair<std::string, std::string>> labels = labelsOf(std::string(cluster::nameOf(node)), info);
  Value patch;
  std::set<std::string_view> now;
  for (const auto& [key, value] : labels) {
    now.insert(key);
    if (cluster::labelOf(node, key) != value) patch["metadata"]["labels"][key] = value;
  }
  std::string_view before = cluster::annotationOf(node, kAgentLabels);
  if (before != joinedKeys(labels)) patch["metadata"]["annotations"][kAgentLabels] = joinedKeys(labels);
  while (!before.empty()) {
    std::size_t end = std::min(before.find(','), before.size());
    std::string_view key = before.substr(0, end);
    if (!now.contains(key)) patch["metadata"]["labels"][key] = nullptr;
    before.remove_prefix(std::min(end + 1, before.size()));
  }
  if (patch.isNull()) return std::nullopt;
  return patch;
}

std::optional<Value> nodeStatusPatch(const Value& node, const wire::NodeInfo* info,
                                     const std::optional<wire::NodeCondition>& condition, WallTime now) {
  Value wanted = node["status"];
  if (info) fillStatus(wanted, std::string(cluster::nameOf(node)), *info);
  setConditions(wanted, condition, now);
  Value difference = json::diffMerge(node["status"].isNull() ? Value(Object{}) : node["status"], wanted);
  if (difference.asObject().empty()) return std::nullopt;
  Value patch;
  patch["status"] = std::move(difference);
  return patch;
}

std::string conditionStatus(const Value& object, std::string_view type) {
  for (const Value& condition : object.at({"status", "conditions"}).asArray()) {
    if (condition["type"].asStringView() == type) return condition["status"].asString();
  }
  return {};
}

}  // namespace towpath::agents
