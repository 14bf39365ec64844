// The columns of built-in kinds as kubectl users know them (kubernetes: pkg/printers/internalversion).

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "apiserver/table.h"
#include "cluster/selector.h"

namespace towpath::apiserver {
namespace {

Value nameCell(const Value& object, WallTime) { return object["metadata"]["name"]; }
Value ageCell(const Value& object, WallTime now) { return ageText(object["metadata"]["creationTimestamp"], now); }

std::string orNone(std::string text, const char* none = "<none>") { return text.empty() ? none : text; }

template <class Text>
std::string joined(const Array& list, Text text, const char* separator = ",") {
  std::string all;
  for (const auto& one : list) {
    std::string piece = text(one);
    if (piece.empty()) continue;
    if (!all.empty()) all += separator;
    all += piece;
  }
  return all;
}

std::string labelsText(const Value& labels) {
  std::vector<std::string> pairs;
  for (const auto& [key, value] : labels.asObject()) pairs.push_back(fmt::format("{}={}", key, value.asStringView()));
  std::ranges::sort(pairs);
  return fmt::format("{}", fmt::join(pairs, ","));
}

std::string selectorText(const Value& selector) {
  const auto parsed = cluster::LabelSelector::fromObject(selector);
  return orNone(parsed ? parsed->text() : std::string());
}

std::string memberText(const Array& list, const char* member) {
  return joined(list, [member](const Value& one) { return one[member].asString(); });
}

const Value& conditionOf(const Value& object, std::string_view type) {
  for (const auto& condition : object["status"]["conditions"].asArray()) {
    if (condition["type"].asStringView() == type) return condition;
  }
  return Value::null();
}

// Pods
// ------------------------------------------------------------------------------------------------------------------------

Value podReady(const Value& pod, WallTime) {
  const auto& statuses = pod["status"]["containerStatuses"].asArray();
  const auto ready = std::ranges::count_if(statuses, [](const Value& one) { return one["ready"].asBool(); });
  return fmt::format("{}/{}", ready, pod["spec"]["containers"].asArray().size());
}

Value podStatus(const Value& pod, WallTime) {
  const auto& status = pod["status"];
  std::string text = status["reason"].asString(status["phase"].asStringView("Unknown"));
  for (const auto& one : status["containerStatuses"].asArray()) {
    const auto& state = one["state"];
    const auto waiting = state["waiting"]["reason"].asString(), ended = state["terminated"]["reason"].asString();
    if (!waiting.empty())
      text = waiting;
    else if (!ended.empty())
      text = ended;
    else if (state["terminated"].isObject())
      text = fmt::format("ExitCode:{}", state["terminated"]["exitCode"].asInt());
  }
  if (!pod["metadata"]["deletionTimestamp"].isNull())
    text = status["reason"].asStringView() == "NodeLost" ? "Unknown" : "Terminating";
  return text;
}

Value podRestarts(const Value& pod, WallTime now) {
  std::int64_t restarts = 0;
  std::string_view last;
  for (const auto& one : pod["status"]["containerStatuses"].asArray()) {
    restarts += one["restartCount"].asInt();
    last = std::max(last, one["lastState"]["terminated"]["finishedAt"].asStringView());
  }
  if (restarts > 0 && !last.empty()) return fmt::format("{} ({} ago)", restarts, ageText(Value(last), now));
  return std::to_string(restarts);
}

Value podIp(const Value& pod, WallTime) { return orNone(pod["status"]["podIP"].asString()); }
Value podNode(const Value& pod, WallTime) { return orNone(pod["spec"]["nodeName"].asString()); }
Value podNominated(const Value& pod, WallTime) { return orNone(pod["status"]["nominatedNodeName"].asString()); }
Value noneCell(const Value&, WallTime) { return "<none>"; }

// Workloads
// ---------------------------------------------------------------------------------------------------------------------

Value specReplicas(const Value& set, WallTime) { return set["spec"]["replicas"].asInt(); }
Value statusReplicas(const Value& set, WallTime) { return set["status"]["replicas"].asInt(); }
Value readyReplicas(const Value& set, WallTime) { return set["status"]["readyReplicas"].asInt(); }
Value containerNames(const Value& set, WallTime) {
  return memberText(set["spec"]["template"]["spec"]["containers"].asArray(), "name");
}
Value containerImages(const Value& set, WallTime) {
  return memberText(set["spec"]["template"]["spec"]["containers"].asArray(), "image");
}
Value workloadSelector(const Value& set, WallTime) { return selectorText(set["spec"]["selector"]); }

Value jobStatus(const Value& job, WallTime) {
  if (conditionOf(job, "Complete")["status"].asStringView() == "True") return "Complete";
  if (conditionOf(job, "Failed")["status"].asStringView() == "True") return "Failed";
  if (!job["metadata"]["deletionTimestamp"].isNull()) return "Terminating";
  if (conditionOf(job, "Suspended")["status"].asStringView() == "True") return "Suspended";
  return "Running";
}
Value jobCompletions(const Value& job, WallTime) {
  return fmt::format("{}/{}", job["status"]["succeeded"].asInt(), job["spec"]["completions"].asInt(1));
}
Value jobDuration(const Value& job, WallTime now) {
  const auto started = parseRfc3339(job["status"]["startTime"].asStringView());
  if (!started) return "";
  return formatAge(parseRfc3339(job["status"]["completionTime"].asStringView()).value_or(now) - *started);
}

// Services
// ----------------------------------------------------------------------------------------------------------------------

Value serviceType(const Value& service, WallTime) { return service["spec"]["type"]; }
Value serviceAddress(const Value& service, WallTime) { return orNone(service["spec"]["clusterIP"].asString()); }
Value serviceExternal(const Value& service, WallTime) {
  const auto& spec = service["spec"];
  if (spec["type"].asStringView() == "ExternalName") return spec["externalName"];
  auto text = joined(service["status"]["loadBalancer"]["ingress"].asArray(),
                     [](const Value& one) { return one["ip"].asString(one["hostname"].asStringView()); });
  if (text.empty()) text = joined(spec["externalIPs"].asArray(), [](const Value& one) { return one.asString(); });
  return orNone(std::move(text), spec["type"].asStringView() == "LoadBalancer" ? "<pending>" : "<none>");
}
Value servicePorts(const Value& service, WallTime) {
  return orNone(joined(service["spec"]["ports"].asArray(), [](const Value& port) {
    const auto node_port = port["nodePort"].asInt();
    const auto protocol = port["protocol"].asStringView("TCP");
    return node_port > 0 ? fmt::format("{}:{}/{}", port["port"].asInt(), node_port, protocol)
                         : fmt::format("{}/{}", port["port"].asInt(), protocol);
  }));
}
Value serviceSelector(const Value& service, WallTime) { return orNone(labelsText(service["spec"]["selector"])); }

Value sliceType(const Value& slice, WallTime) { return slice["addressType"]; }
Value slicePorts(const Value& slice, WallTime) {
  return orNone(
      joined(slice["ports"].asArray(), [](const Value& port) { return std::to_string(port["port"].asInt()); }),
      "<unset>");
}
Value sliceEndpoints(const Value& slice, WallTime) {
  const auto& endpoints = slice["endpoints"].asArray();
  constexpr std::size_t kShown = 3;
  Array shown(endpoints.begin(), endpoints.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, endpoints.size())));
  auto text = joined(shown, [](const Value& one) { return one["addresses"][std::size_t{0}].asString(); });
  if (endpoints.size() > kShown) text += fmt::format(" + {} more...", endpoints.size() - kShown);
  return orNone(std::move(text), "<unset>");
}

// Nodes
// -------------------------------------------------------------------------------------------------------------------------

Value nodeStatus(const Value& node, WallTime) {
  const auto& ready = conditionOf(node, "Ready");
  std::string text = ready.isNull() ? "Unknown" : ready["status"].asStringView() == "True" ? "Ready" : "NotReady";
  if (node["spec"]["unschedulable"].asBool()) text += ",SchedulingDisabled";
  return text;
}
Value nodeRoles(const Value& node, WallTime) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::string roles;
  for (const auto& [key, value] : node["metadata"]["labels"].asObject()) {
    if (key.starts_with(kPrefix)) roles += (roles.empty() ? "" : ",") + key.substr(kPrefix.size());
  }
  return orNone(std::move(roles));
}
Value nodeVersion(const Value& node, WallTime) { return node["status"]["nodeInfo"]["kubeletVersion"]; }
std::string nodeAddress(const Value& node, std::string_view type) {
  for (const auto& address : node["status"]["addresses"].asArray()) {
    if (address["type"].asStringView() == type) return address["address"].asString();
  }
  return "<none>";
}
Value nodeInternal(const Value& node, WallTime) { return nodeAddress(node, "InternalIP"); }
Value nodeExternal(const Value& node, WallTime) { return nodeAddress(node, "ExternalIP"); }
Value nodeOs(const Value& node, WallTime) {
  return orNone(node["status"]["nodeInfo"]["osImage"].asString(), "<unknown>");
}
Value nodeKernel(const Value& node, WallTime) {
  return orNone(node["status"]["nodeInfo"]["kernelVersion"].asString(), "<unknown>");
}
Value nodeRuntime(const Value& node, WallTime) {
  return orNone(node["status"]["nodeInfo"]["containerRuntimeVersion"].asString(), "<unknown>");
}

// Events
// ------------------------------------------------------------------------------------------------------------------------

Value eventLastSeen(const Value& event, WallTime now) {
  for (const auto* member : {"lastTimestamp", "eventTime", "firstTimestamp"}) {
    if (event[member].isString()) return ageText(event[member], now);
  }
  return ageText(event["metadata"]["creationTimestamp"], now);
}
Value eventFirstSeen(const Value& event, WallTime now) {
  for (const auto* member : {"firstTimestamp", "eventTime"}) {
    if (event[member].isString()) return ageText(event[member], now);
  }
  return eventLastSeen(event, now);
}
Value eventType(const Value& event, WallTime) { return event["type"]; }
Value eventReason(const Value& event, WallTime) { return event["reason"]; }
Value eventObject(const Value& event, WallTime) {
  const auto& object = event["involvedObject"];
  std::string kind = object["kind"].asString();
  std::ranges::transform(kind, kind.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return fmt::format("{}/{}", kind, object["name"].asStringView());
}
Value eventSubobject(const Value& event, WallTime) { return event["involvedObject"]["fieldPath"].asString(); }
Value eventSource(const Value& event, WallTime) {
  auto source = event["source"]["component"].asString(event["reportingComponent"].asStringView());
  if (const auto host = event["source"]["host"].asString(); !host.empty()) source += ", " + host;
  return source;
}
Value eventMessage(const Value& event, WallTime) { return event["message"].asString(); }
Value eventCount(const Value& event, WallTime) { return event["count"].asInt(event["series"]["count"].asInt(1)); }

// Others
// ------------------------------------------------------------------------------------------------------------------------

Value dataCount(const Value& object, WallTime) {
  return static_cast<std::int64_t>(object["data"].asObject().size() + object["binaryData"].asObject().size());
}
Value secretType(const Value& secret, WallTime) { return secret["type"]; }
Value namespacePhase(const Value& ns, WallTime) { return ns["status"]["phase"]; }
Value leaseHolder(const Value& lease, WallTime) { return lease["spec"]["holderIdentity"]; }
Value createdAt(const Value& object, WallTime) { return object["metadata"]["creationTimestamp"]; }

using Columns = std::vector<ComputedColumn>;

ComputedColumn shown(const char* name, CellFunction cell, const char* type = "string") {
  return {{.name = name, .type = type, .format = cell == nameCell ? "name" : ""}, cell};
}
ComputedColumn wide(const char* name, CellFunction cell, const char* type = "string") {
  auto column = shown(name, cell, type);
  column.column.priority = 1;
  return column;
}

std::map<std::string, Columns, std::less<>> makeColumns() {
  const auto name = shown("Name", nameCell), age = shown("Age", ageCell);
  std::map<std::string, Columns, std::less<>> table;
  table["pods"] = {name,
                   shown("Ready", podReady),
                   shown("Status", podStatus),
                   shown("Restarts", podRestarts),
                   age,
                   wide("IP", podIp),
                   wide("Node", podNode),
                   wide("Nominated Node", podNominated),
                   wide("Readiness Gates", noneCell)};
  table["replicasets.apps"] = {name,
                               shown("Desired", specReplicas, "integer"),
                               shown("Current", statusReplicas, "integer"),
                               shown("Ready", readyReplicas, "integer"),
                               age,
                               wide("Containers", containerNames),
                               wide("Images", containerImages),
                               wide("Selector", workloadSelector)};
  table["services"] = {name,
                       shown("Type", serviceType),
                       shown("Cluster-IP", serviceAddress),
                       shown("External-IP", serviceExternal),
                       shown("Port(s)", servicePorts),
                       age,
                       wide("Selector", serviceSelector)};
  table["nodes"] = {name,
                    shown("Status", nodeStatus),
                    shown("Roles", nodeRoles),
                    age,
                    shown("Version", nodeVersion),
                    wide("Internal-IP", nodeInternal),
                    wide("External-IP", nodeExternal),
                    wide("OS-Image", nodeOs),
                    wide("Kernel-Version", nodeKernel),
                    wide("Container-Runtime", nodeRuntime)};
  table["events"] = {shown("Last Seen", eventLastSeen),    shown("Type", eventType),
                     shown("Reason", eventReason),         shown("Object", eventObject),
                     wide("Subobject", eventSubobject),    wide("Source", eventSource),
                     shown("Message", eventMessage),       wide("First Seen", eventFirstSeen),
                     wide("Count", eventCount, "integer"), wide("Name", nameCell)};
  table["jobs.batch"] = {name,
                         shown("Status", jobStatus),
                         shown("Completions", jobCompletions),
                         shown("Duration", jobDuration),
                         age,
                         wide("Containers", containerNames),
                         wide("Images", containerImages),
                         wide("Selector", workloadSelector)};
  table["configmaps"] = {name, shown("Data", dataCount, "integer"), age};
  table["secrets"] = {name, shown("Type", secretType), shown("Data", dataCount, "integer"), age};
  table["namespaces"] = {name, shown("Status", namespacePhase), age};
  table["leases.coordination.k8s.io"] = {name, shown("Holder", leaseHolder), age};
  table["endpointslices.discovery.k8s.io"] = {name, shown("AddressType", sliceType), shown("Ports", slicePorts),
                                              shown("Endpoints", sliceEndpoints), age};
  table["customresourcedefinitions.apiextensions.k8s.io"] = {name, shown("Created At", createdAt, "date")};
  return table;
}

}  // namespace

const std::vector<ComputedColumn>* computedColumns(const Kind& kind) {
  static const auto table = makeColumns();
  const auto found = table.find(kind.storageName());
  return found == table.end() ? nullptr : &found->second;
}

}  // namespace towpath::apiserver
