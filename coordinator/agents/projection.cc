#include "agents/projection.h"

#include <utility>

#include "base/hash.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "json/serialize.h"

namespace towpath::agents {

namespace {

using cluster::kConfigMaps;
using cluster::kGateways;
using cluster::kHttpRoutes;
using cluster::kSecrets;
using cluster::kServices;

constexpr std::string_view kNodeSelector = "towpath.dev/node-selector";
constexpr std::string_view kServiceName = "kubernetes.io/service-name";

void addName(std::vector<store::Key>& to, const cluster::Resource& resource, std::string_view ns, const Value& name) {
  if (name.asStringView().empty()) return;
  to.push_back({resource.storageName(), std::string(ns), name.asString()});
}

void readContainer(std::vector<store::Key>& to, std::string_view ns, const Value& container) {
  for (const Value& source : container["envFrom"].asArray()) {
    addName(to, kConfigMaps, ns, source.at({"configMapRef", "name"}));
    addName(to, kSecrets, ns, source.at({"secretRef", "name"}));
  }
  for (const Value& variable : container["env"].asArray()) {
    addName(to, kConfigMaps, ns, variable.at({"valueFrom", "configMapKeyRef", "name"}));
    addName(to, kSecrets, ns, variable.at({"valueFrom", "secretKeyRef", "name"}));
  }
}

void readVolume(std::vector<store::Key>& to, std::string_view ns, const Value& volume) {
  addName(to, kConfigMaps, ns, volume.at({"configMap", "name"}));
  addName(to, kSecrets, ns, volume.at({"secret", "secretName"}));
  for (const Value& source : volume.at({"projected", "sources"}).asArray()) {
    addName(to, kConfigMaps, ns, source.at({"configMap", "name"}));
    addName(to, kSecrets, ns, source.at({"secret", "name"}));
  }
}

Placement readPod(const Value& pod) {
  Placement placement;
  const Value& spec = pod["spec"];
  std::string_view ns = cluster::namespaceOf(pod);
  placement.node = spec["nodeName"].asString();
  for (const char* list : {"initContainers", "containers"}) {
    for (const Value& container : spec[list].asArray()) readContainer(placement.references, ns, container);
  }
  for (const Value& volume : spec["volumes"].asArray()) readVolume(placement.references, ns, volume);
  for (const Value& secret : spec["imagePullSecrets"].asArray()) {
    addName(placement.references, kSecrets, ns, secret["name"]);
  }
  return placement;
}

// A parentRef or backendRef: kind and namespace have defaults (Gateway API v1).
void readReference(std::vector<store::Key>& to, std::string_view ns, const Value& reference, std::string_view kind) {
  kind = reference["kind"].asStringView(kind);
  ns = reference["namespace"].asStringView(ns);
  if (kind == "Gateway") addName(to, kGateways, ns, reference["name"]);
  if (kind == "Service") addName(to, kServices, ns, reference["name"]);
}

Placement readRoute(const Value& route) {
  Placement placement;
  std::string_view ns = cluster::namespaceOf(route);
  for (const Value& parent : route.at({"spec", "parentRefs"}).asArray()) {
    readReference(placement.parents, ns, parent, "Gateway");
  }
  for (const Value& rule : route.at({"spec", "rules"}).asArray()) {
    for (const Value& backend : rule["backendRefs"].asArray()) {
      readReference(placement.references, ns, backend, "Service");
    }
  }
  return placement;
}

Placement readService(const Value& service) {
  Placement placement;
  for (const Value& port : service.at({"spec", "ports"}).asArray()) {
    if (port["nodePort"].asInt() != 0) placement.node_port = true;
  }
  return placement;
}

}  // namespace

std::string projectForNode(Value object) {
  object.eraseAt({"status"});
  object.eraseAt({"metadata", "managedFields"});
  object.eraseAt({"metadata", "resourceVersion"});
  return json::serialize(object);
}

std::uint64_t hashOf(std::string_view json) {
  std::uint64_t hash = fnv1a64(json);
  return hash == 0 ? 1 : hash;
}

Placement readPlacement(std::string_view resource, const Value& object) {
  if (resource == cluster::kPods.storageName()) return readPod(object);
  if (resource == kHttpRoutes.storageName()) return readRoute(object);
  if (resource == kServices.storageName()) return readService(object);
  Placement placement;
  if (resource == cluster::kEndpointSlices.storageName()) placement.service = cluster::labelOf(object, kServiceName);
  if (resource == kGateways.storageName()) placement.node_selector = cluster::annotationOf(object, kNodeSelector);
  return placement;
}

}  // namespace towpath::agents
