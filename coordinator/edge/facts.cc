#include "edge/facts.h"

#include <algorithm>
#include <charconv>

#include "base/quantity.h"

namespace towpath::edge {
namespace {

PodPhase readPhase(std::string_view text) {
  if (text == "Running") return PodPhase::kRunning;
  if (text == "Succeeded") return PodPhase::kSucceeded;
  if (text == "Failed") return PodPhase::kFailed;
  if (text == "Unknown") return PodPhase::kUnknown;
  return PodPhase::kPending;
}

// Admission has refused what is no quantity; what came another way counts as nothing.
std::int64_t quantityOf(const Value& value) {
  if (value.isInt()) return value.asInt() * 1000;
  return parseQuantityMilli(value.asStringView("0")).value_or(0);
}

Requests requestsOf(const Value& container) {
  const Value& resources = container["resources"];
  // A limit without a request is a request (k8s.io/api/core/v1 defaults).
  const auto read = [&](std::string_view name) {
    const Value& request = resources["requests"][name];
    return quantityOf(request.isNull() ? resources["limits"][name] : request);
  };
  return {read("cpu"), read("memory")};
}

std::vector<HostPort> readHostPorts(const Value& spec) {
  std::vector<HostPort> ports;
  for (const Value& container : spec["containers"].asArray()) {
    for (const Value& port : container["ports"].asArray()) {
      if (port["hostPort"].asInt() == 0) continue;
      ports.push_back({static_cast<std::int32_t>(port["hostPort"].asInt()), port["protocol"].asString("TCP")});
    }
  }
  return ports;
}

std::int64_t readNumber(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

const Value& conditionOf(const Value& object, std::string_view type) {
  for (const Value& condition : object["status"]["conditions"].asArray()) {
    if (condition["type"].asStringView() == type) return condition;
  }
  return Value::null();
}

const std::string* labelOf(const cluster::Labels& labels, std::string_view key) {
  const auto found = std::ranges::find(labels, key, [](const auto& label) -> std::string_view { return label.first; });
  return found == labels.end() ? nullptr : &found->second;
}

Requests readRequests(const Value& pod_spec) {
  Requests sum, largest_init;
  for (const Value& container : pod_spec["containers"].asArray()) {
    const Requests one = requestsOf(container);
    sum.cpu += one.cpu;
    sum.memory += one.memory;
  }
  for (const Value& container : pod_spec["initContainers"].asArray()) {
    const Requests one = requestsOf(container);
    largest_init.cpu = std::max(largest_init.cpu, one.cpu);
    largest_init.memory = std::max(largest_init.memory, one.memory);
  }
  return {std::max(sum.cpu, largest_init.cpu), std::max(sum.memory, largest_init.memory)};
}

PodFacts readPod(const cluster::ObjectRef& object) {
  const Value pod = object->parse();
  const cluster::ObjectMeta& meta = object->meta();
  PodFacts facts{.ns = meta.ns, .name = meta.name, .uid = meta.uid, .labels = meta.labels, .object = object};
  if (const cluster::OwnerRef* owner = meta.controllerOwner()) facts.owner_uid = owner->uid;
  facts.node = pod["spec"]["nodeName"].asString();
  facts.phase = readPhase(pod["status"]["phase"].asStringView());
  facts.deleting = meta.deleting;
  facts.scheduled = conditionOf(pod, "PodScheduled")["status"].asStringView() == "True";
  const Value& ready = conditionOf(pod, "Ready");
  facts.ready = ready["status"].asStringView() == "True";
  if (facts.ready) facts.ready_since = parseRfc3339(ready["lastTransitionTime"].asStringView());
  facts.created = parseRfc3339(pod["metadata"]["creationTimestamp"].asStringView());
  for (const Value& container : pod["status"]["containerStatuses"].asArray()) {
    facts.restarts = std::max(facts.restarts, container["restartCount"].asInt());
  }
  facts.deletion_cost = readNumber(cluster::annotationOf(pod, "controller.kubernetes.io/pod-deletion-cost"));
  facts.every_node = cluster::annotationOf(pod, kPlacementAnnotation) == kEveryNode;
  facts.requests = readRequests(pod["spec"]);
  facts.host_ports = readHostPorts(pod["spec"]);
  facts.address = pod["status"]["podIP"].asString();
  facts.ports = readInstancePorts(pod);
  return facts;
}

NodeFacts readNode(const cluster::ObjectRef& object) {
  const Value node = object->parse();
  const cluster::ObjectMeta& meta = object->meta();
  NodeFacts facts{.name = meta.name, .uid = meta.uid, .labels = meta.labels, .object = object};
  const Value& ready = conditionOf(node, "Ready");
  const std::string_view status = ready["status"].asStringView();
  facts.ready = status == "True"    ? NodeFacts::Ready::kTrue
                : status == "False" ? NodeFacts::Ready::kFalse
                                    : NodeFacts::Ready::kUnknown;
  facts.ready_reason = ready["reason"].asString();
  facts.unschedulable = node["spec"]["unschedulable"].asBool();
  facts.deleting = meta.deleting;
  const Value& allocatable = node["status"]["allocatable"];
  facts.allocatable = {quantityOf(allocatable["cpu"]), quantityOf(allocatable["memory"])};
  if (!allocatable["pods"].isNull()) facts.pods_max = quantityOf(allocatable["pods"]) / 1000;
  return facts;
}

}  // namespace towpath::edge
