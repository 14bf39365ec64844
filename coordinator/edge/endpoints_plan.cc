#include "edge/endpoints_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/hash.h"
#include "cluster/object.h"

namespace towpath::edge {
namespace {

constexpr std::size_t kNameLimit = 253;

struct SlicePort {
  std::string name, protocol;
  std::int32_t port = 0;
  auto operator<=>(const SlicePort&) const = default;
};

// What all endpoints of one slice have in common.
struct Group {
  std::string hash;  // of the version: proxies choose between versions, so a slice never mixes them
  std::string address_type;
  std::vector<SlicePort> ports;
  auto operator<=>(const Group&) const = default;
};

const char* addressTypeOf(const std::string& address) {
  if (address.find(':') != std::string::npos) return "IPv6";
  const bool digits = address.find_first_not_of("0123456789.") == std::string::npos;
  return digits ? "IPv4" : "FQDN";
}

Group groupOf(const Value& service, const PodFacts& pod) {
  const std::string* hash = labelOf(pod.labels, kPodTemplateHashLabel);
  Group group{.hash = hash ? *hash : "", .address_type = addressTypeOf(pod.address)};
  for (const Value& port : service["spec"]["ports"].asArray()) {
    const std::string protocol = port["protocol"].asString("TCP");
    const Value& target = port["targetPort"].isNull() ? port["port"] : port["targetPort"];
    // A pod that does not have the port is an endpoint without it, as in Kubernetes.
    if (const auto number = resolveTargetPort(pod.ports, target, protocol)) {
      group.ports.push_back({port["name"].asString(), protocol, *number});
    }
  }
  return group;
}

Value endpointOf(const Value& service, const PodFacts& pod) {
  const bool publish = service["spec"]["publishNotReadyAddresses"].asBool();
  return Object{{"addresses", Array{pod.address}},
                {"conditions", Object{{"ready", publish || (pod.ready && !pod.deleting)},
                                      {"serving", pod.ready},
                                      {"terminating", pod.deleting}}},
                {"nodeName", pod.node},
                {"targetRef", Object{{"kind", "Pod"}, {"namespace", pod.ns}, {"name", pod.name}, {"uid", pod.uid}}}};
}

Value portsOf(const Group& group) {
  Array ports;
  for (const SlicePort& port : group.ports) {
    ports.push_back(Object{{"name", port.name}, {"protocol", port.protocol}, {"port", port.port}});
  }
  return ports;
}

std::string sliceName(const Value& service, const Group& group, std::size_t count) {
  std::string text = group.hash + group.address_type;
  for (const SlicePort& port : group.ports) text += fmt::format("|{}/{}/{}", port.name, port.protocol, port.port);
  const std::string suffix =
      fmt::format("-{}{}", safeEncodeHash(fnv1a32(text)), count == 0 ? "" : fmt::format("-{}", count));
  return std::string(cluster::nameOf(service)).substr(0, kNameLimit - suffix.size()) + suffix;
}

Value sliceOf(const Value& service, const Group& group, std::size_t count, Array endpoints) {
  Value slice = Object{{"apiVersion", "discovery.k8s.io/v1"}, {"kind", "EndpointSlice"}};
  Value& metadata = slice["metadata"];
  metadata["name"] = sliceName(service, group, count);
  metadata["namespace"] = cluster::namespaceOf(service);
  metadata["labels"] = Object{{kServiceNameLabel, cluster::nameOf(service)}, {kManagedByLabel, kManagedBy}};
  if (!group.hash.empty()) metadata["labels"][kPodTemplateHashLabel] = group.hash;
  metadata["ownerReferences"] = Array{Object{{"apiVersion", "v1"},
                                             {"kind", "Service"},
                                             {"name", cluster::nameOf(service)},
                                             {"uid", cluster::uidOf(service)},
                                             {"controller", true},
                                             {"blockOwnerDeletion", true}}};
  slice["addressType"] = group.address_type;
  slice["ports"] = portsOf(group);
  slice["endpoints"] = std::move(endpoints);
  return slice;
}

}  // namespace

bool selectsPods(const Value& service) {
  return !service["spec"]["selector"].asObject().empty() && service["spec"]["type"].asStringView() != "ExternalName";
}

bool selectsPod(const Value& service, const cluster::Labels& labels) {
  if (!selectsPods(service)) return false;
  return std::ranges::all_of(service["spec"]["selector"].asObject(), [&](const auto& wanted) {
    const std::string* value = labelOf(labels, wanted.key);
    return value && *value == wanted.value.asStringView();
  });
}

std::vector<Value> endpointSlices(const Value& service, const std::vector<const PodFacts*>& pods) {
  std::map<Group, std::vector<const PodFacts*>> groups;
  for (const PodFacts* pod : pods) {
    if (pod->finished() || pod->address.empty() || !selectsPod(service, pod->labels)) continue;
    groups[groupOf(service, *pod)].push_back(pod);
  }
  std::vector<Value> slices;
  for (auto& [group, members] : groups) {
    std::ranges::sort(members, {}, [](const PodFacts* pod) -> const std::string& { return pod->name; });
    for (std::size_t begin = 0, count = 0; begin < members.size(); begin += kEndpointsPerSlice, ++count) {
      Array endpoints;
      for (std::size_t i = begin; i < std::min(begin + kEndpointsPerSlice, members.size()); ++i) {
        endpoints.push_back(endpointOf(service, *members[i]));
      }
      slices.push_back(sliceOf(service, group, count, std::move(endpoints)));
    }
  }
  return slices;
}

}  // namespace towpath::edge
