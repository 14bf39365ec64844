#include "apiserver/strategy.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/extensions.h"
#include "api/schema.h"
#include "api/validate.h"
#include "apiserver/names.h"
#include "base/base64.h"
#include "cluster/selector.h"

namespace towpath::apiserver {
namespace {

void setDefault(Value& object, std::string_view key, Value value) {
  if (object[key].isNull()) object[key] = std::move(value);
}

void defaultService(Value& service) {
  auto& spec = service["spec"];
  setDefault(spec, "type", "ClusterIP");
  setDefault(spec, "sessionAffinity", "None");
  if (spec["type"].asStringView() == "ExternalName") return;
  setDefault(spec, "internalTrafficPolicy", "Cluster");
  if (spec["type"].asStringView() != "ClusterIP") setDefault(spec, "externalTrafficPolicy", "Cluster");
  if (auto* ports = spec["ports"].ifArray()) {
    for (auto& port : *ports) {
      setDefault(port, "protocol", "TCP");
      if (port["targetPort"].isNull()) port["targetPort"] = Value(port["port"]);
    }
  } else if (spec["ports"].isNull()) {
    spec.makeObject().erase("ports");
  }
}

void defaultSecret(Value& secret) {
  setDefault(secret, "type", "Opaque");
  const Value texts = secret["stringData"];
  for (const auto& [key, text] : texts.asObject()) {
    if (text.isString()) secret["data"][key] = encodeBase64(text.asStringView());
  }
  secret.makeObject().erase("stringData");
}

void defaultJob(Value& job) {
  auto& spec = job["spec"];
  setDefault(spec, "backoffLimit", 6);
  if (spec["completions"].isNull()) {
    if (spec["parallelism"].isNull())
      spec["completions"] = 1;
    else
      spec.makeObject().erase("completions");
  }
  setDefault(spec, "parallelism", 1);
  setDefault(spec, "completionMode", "NonIndexed");
  setDefault(spec, "suspend", false);
}

void prepareJob(Value& job) {
  const auto uid = job["metadata"]["uid"].asString();
  const auto name = job["metadata"]["name"].asString();
  if (job["spec"]["manualSelector"].asBool()) return;
  auto& labels = job["spec"]["template"]["metadata"]["labels"];
  for (const auto* prefix : {"", "batch.kubernetes.io/"}) {
    labels[fmt::format("{}controller-uid", prefix)] = uid;
    labels[fmt::format("{}job-name", prefix)] = name;
  }
  job["spec"]["selector"] = Object{{"matchLabels", Object{{"batch.kubernetes.io/controller-uid", uid}}}};
}

void prepareNamespace(Value& ns) {
  ns["metadata"]["labels"]["kubernetes.io/metadata.name"] = ns["metadata"]["name"].asString();
  ns["spec"]["finalizers"] = Array{"kubernetes"};
  ns["status"] = Object{{"phase", "Active"}};
}

Cause immutableField(std::string field, std::string_view why = "field is immutable") {
  return {.message = fmt::format("Invalid value: {}", why), .field = std::move(field)};
}

void keepSame(const Value& old, const Value& next, std::string_view section, std::string_view member,
              std::vector<Cause>& causes) {
  if (!(old[section][member] == next[section][member]))
    causes.push_back(immutableField(fmt::format("{}.{}", section, member)));
}

// A pod's spec is fixed but for images, deadlines, tolerations and, once, its node.
void keepPodSpec(const Value& old, const Value& next, std::vector<Cause>& causes) {
  Value before = old["spec"], after = next["spec"];
  for (auto* spec : {&before, &after}) {
    for (const auto* list : {"containers", "initContainers"}) {
      auto* containers = spec->makeObject().find(list);
      if (containers == nullptr || !containers->isArray()) continue;
      for (auto& container : *containers->ifArray()) container.makeObject().erase("image");
    }
    for (const auto* member : {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"}) {
      spec->makeObject().erase(member);
    }
  }
  if (before["nodeName"].asStringView().empty()) {
    before.makeObject().erase("nodeName");
    after.makeObject().erase("nodeName");
  }
  if (before == after) return;
  causes.push_back({"FieldValueForbidden",
                    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`, "
                    "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` or "
                    "`spec.terminationGracePeriodSeconds`",
                    "spec"});
}

void checkImmutable(const Kind& kind, const Value& old, const Value& next, std::vector<Cause>& causes) {
  const auto& name = kind.resource.kind;
  if (name == "ReplicaSet") keepSame(old, next, "spec", "selector", causes);
  if (name == "Job") {
    keepSame(old, next, "spec", "selector", causes);
    keepSame(old, next, "spec", "template", causes);
    keepSame(old, next, "spec", "completionMode", causes);
  }
  if (name == "Pod") keepPodSpec(old, next, causes);
  if (name == "Secret" && !(old["type"] == next["type"])) causes.push_back(immutableField("type"));
  if (name == "EndpointSlice" && !(old["addressType"] == next["addressType"]))
    causes.push_back(immutableField("addressType"));
  if ((name == "Secret" || name == "ConfigMap") && old["immutable"].asBool()) {
    for (const auto* member : {"data", "binaryData", "immutable"}) {
      if (old[member] == next[member]) continue;
      causes.push_back({"FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", member});
    }
  }
  if (name == "Service" && old["spec"]["type"] == next["spec"]["type"] && !old["spec"]["clusterIP"].isNull()) {
    keepSame(old, next, "spec", "clusterIP", causes);
  }
}

void checkReplicaSet(const Value& set, std::vector<Cause>& causes) {
  const auto selector = cluster::LabelSelector::fromObject(set["spec"]["selector"]);
  cluster::Labels labels;
  for (const auto& [key, value] : set["spec"]["template"]["metadata"]["labels"].asObject()) {
    labels.emplace_back(key, value.asString());
  }
  if (!selector) {
    causes.push_back({.message = "Invalid value: " + selector.error().message, .field = "spec.selector"});
  } else if (selector->empty()) {
    causes.push_back(
        {.message = "Invalid value: empty selector is invalid for a replica set", .field = "spec.selector"});
  } else if (!selector->matches(labels)) {
    causes.push_back({.message = "Invalid value: `selector` does not match template `labels`",
                      .field = "spec.template.metadata.labels"});
  }
  if (const auto replicas = set["spec"]["replicas"].asInt(); replicas < 0) {
    causes.push_back({.message = fmt::format("Invalid value: {}: must be greater than or equal to 0", replicas),
                      .field = "spec.replicas"});
  }
}

void checkPort(const Value& port, std::string field, std::vector<Cause>& causes) {
  const auto number = port.asInt();
  if (!port.isInt() || (number >= 1 && number <= 65535)) return;
  causes.push_back({.message = fmt::format("Invalid value: {}: must be between 1 and 65535, inclusive", number),
                    .field = std::move(field)});
}

void checkService(const Value& service, std::vector<Cause>& causes) {
  const auto& ports = service["spec"]["ports"];
  const bool headless = service["spec"]["clusterIP"].asStringView() == "None";
  if (ports.asArray().empty() && !headless && service["spec"]["type"].asStringView() != "ExternalName") {
    causes.push_back({"FieldValueRequired", "Required value", "spec.ports"});
  }
  for (std::size_t i = 0; i < ports.asArray().size(); ++i) {
    const auto path = fmt::format("spec.ports[{}]", i);
    checkPort(ports[i]["port"], path + ".port", causes);
    checkPort(ports[i]["targetPort"], path + ".targetPort", causes);
    if (ports.asArray().size() > 1 && ports[i]["name"].asStringView().empty()) {
      causes.push_back({"FieldValueRequired", "Required value: several ports need names", path + ".name"});
    }
    for (std::size_t j = 0; j < i; ++j) {
      const bool same = ports[i]["port"] == ports[j]["port"] && ports[i]["protocol"] == ports[j]["protocol"];
      const bool named = ports[i]["name"] == ports[j]["name"] && !ports[i]["name"].isNull();
      if (!same && !named) continue;
      causes.push_back({"FieldValueDuplicate", fmt::format("Duplicate value: the same as spec.ports[{}]", j), path});
    }
  }
}

void checkPodSpec(const Value& spec, const std::string& path, std::vector<Cause>& causes) {
  const auto& containers = spec["containers"];
  if (containers.asArray().empty()) causes.push_back({"FieldValueRequired", "Required value", path + ".containers"});
  for (std::size_t i = 0; i < containers.asArray().size(); ++i) {
    const auto at = fmt::format("{}.containers[{}]", path, i);
    const auto name = containers[i]["name"].asStringView();
    if (auto why = dnsLabelError(name); !why.empty()) {
      causes.push_back({.message = fmt::format("Invalid value: \"{}\": {}", name, why), .field = at + ".name"});
    }
    if (containers[i]["image"].asStringView().empty())
      causes.push_back({"FieldValueRequired", "Required value", at + ".image"});
    const auto& ports = containers[i]["ports"];
    for (std::size_t j = 0; j < ports.asArray().size(); ++j) {
      checkPort(ports[j]["containerPort"], fmt::format("{}.ports[{}].containerPort", at, j), causes);
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (containers[j]["name"] == containers[i]["name"]) {
        causes.push_back({"FieldValueDuplicate", fmt::format("Duplicate value: \"{}\"", name), at + ".name"});
      }
    }
  }
}

void checkJob(const Value& job, std::vector<Cause>& causes) {
  const auto& spec = job["spec"];
  const auto policy = spec["template"]["spec"]["restartPolicy"].asStringView();
  if (policy != "Never" && policy != "OnFailure") {
    causes.push_back({"FieldValueNotSupported",
                      fmt::format("Unsupported value: \"{}\": supported values: \"OnFailure\", \"Never\"",
                                  policy.empty() ? "Always" : policy),
                      "spec.template.spec.restartPolicy"});
  }
  for (const auto* member :
       {"parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"}) {
    if (spec[member].asInt() >= 0) continue;
    causes.push_back(
        {.message = fmt::format("Invalid value: {}: must be greater than or equal to 0", spec[member].asInt()),
         .field = fmt::format("spec.{}", member)});
  }
}

void checkSecret(const Value& secret, std::vector<Cause>& causes) {
  for (const auto& [key, value] : secret["data"].asObject()) {
    if (value.isString() && !decodeBase64(value.asStringView())) {
      causes.push_back({.message = "Invalid value: is not base64; plain text belongs in stringData",
                        .field = fmt::format("data[{}]", key)});
    }
  }
}

// Of our own kinds, unless a write leaves an older object's spec as it was: its status must stay writable.
void checkRollouts(const Kind& kind, const Value* old, const Value& object, std::vector<Cause>& causes) {
  if (old != nullptr && (*old)["spec"] == object["spec"]) return;
  const auto& name = kind.resource.kind;
  api::FieldErrors errors;
  if (name == "Rollout") {
    errors = api::validateRollout(object);
  } else if (name == "AnalysisTemplate" || name == "ClusterAnalysisTemplate" || name == "AnalysisRun") {
    errors = api::validateAnalysis(object);
  }
  for (auto& error : errors) causes.push_back({toString(error.kind), std::move(error.message), std::move(error.path)});
}

}  // namespace

std::vector<std::string> warningsOf(const Kind& kind) {
  if (!(kind.resource == cluster::kDeployments)) return {};
  return {"no controller here runs Deployments: it serves as the workloadRef of a Rollout only"};
}

std::string nameError(const Kind& kind, std::string_view name) {
  const auto& resource = kind.resource;
  if (resource == cluster::kServices || resource == cluster::kNamespaces) return dnsLabelError(name);
  return dnsSubdomainError(name);
}

void applyDefaults(const Kind& kind, Value& object) {
  const auto& name = kind.resource.kind;
  if (kind.resource == cluster::kServices) defaultService(object);
  if (kind.resource == cluster::kSecrets) defaultSecret(object);
  if (kind.resource == cluster::kJobs) defaultJob(object);
  if (kind.resource == cluster::kReplicaSets || kind.resource == cluster::kDeployments) {
    setDefault(object["spec"], "replicas", 1);
  }
  if (name == "Pod" && kind.resource.group.empty()) {
    setDefault(object["spec"], "restartPolicy", "Always");
    setDefault(object["spec"], "terminationGracePeriodSeconds", 30);
  }
}

void prepareCreate(const Kind& kind, Value& object) {
  // A node registers with its state; every other status is the server's to begin.
  if (kind.has_status && !(kind.resource == cluster::kNodes)) object.makeObject().erase("status");
  applyDefaults(kind, object);
  if (kind.resource == cluster::kPods) object["status"] = Object{{"phase", "Pending"}};
  if (kind.resource == cluster::kReplicaSets) object["status"] = Object{{"replicas", 0}};
  if (kind.resource == cluster::kServices) object["status"] = Object{{"loadBalancer", Object()}};
  if (kind.resource == cluster::kJobs) prepareJob(object);
  if (kind.resource == cluster::kNamespaces) prepareNamespace(object);
}

void checkRules(const Kind& kind, const Value* old, const Value& object, std::vector<Cause>& causes) {
  if (!kind.custom && old != nullptr) checkImmutable(kind, *old, object, causes);
  if (kind.custom && old != nullptr && kind.schema != nullptr) {
    for (auto& error : api::validateTransition(*kind.schema, *old, object)) {
      causes.push_back({toString(error.kind), std::move(error.message), std::move(error.path)});
    }
  }
  const auto& resource = kind.resource;
  if (resource == cluster::kReplicaSets) checkReplicaSet(object, causes);
  if (resource == cluster::kJobs) checkJob(object, causes);
  if (resource == cluster::kServices) checkService(object, causes);
  if (resource == cluster::kPods) checkPodSpec(object["spec"], "spec", causes);
  if (resource == cluster::kPodTemplates) checkPodSpec(object["template"]["spec"], "template.spec", causes);
  if (resource == cluster::kReplicaSets || resource == cluster::kDeployments || resource == cluster::kJobs) {
    checkPodSpec(object["spec"]["template"]["spec"], "spec.template.spec", causes);
  }
  if (resource == cluster::kSecrets) checkSecret(object, causes);
  if (resource.group == cluster::kRollouts.group) checkRollouts(kind, old, object, causes);
  if (resource == cluster::kCustomResourceDefinitions) {
    if (auto kinds = kindsOfDefinition(object); !kinds) {
      causes.push_back({.message = "Invalid value: " + kinds.error().message, .field = kinds.error().field});
    }
  }
}

}  // namespace towpath::apiserver
