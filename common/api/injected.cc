#include "api/injected.h"

#include <algorithm>
#include <array>

#include "api/decode.h"
#include "api/keys.h"
#include "api/template_defaults.h"
#include "api/template_hash.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::api {
namespace {

constexpr const char* kPreferred = "preferredDuringSchedulingIgnoredDuringExecution";
constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";

// The term itself, or the one that a preference wraps.
const Value& termIn(const Value& entry) {
  return entry["podAffinityTerm"].isObject() ? entry["podAffinityTerm"] : entry;
}

const Value* hashRequirement(const Value& entry) {
  for (const Value& requirement : termIn(entry)["labelSelector"]["matchExpressions"].asArray()) {
    if (requirement["key"].asStringView() == kHashLabel) return &requirement;
  }
  return nullptr;
}

void dropIfEmpty(Value& object, std::initializer_list<std::string_view> path) {
  const Value& value = std::as_const(object).at(path);
  const bool empty = (value.isObject() && value.asObject().empty()) || (value.isArray() && value.asArray().empty());
  if (empty) object.eraseAt(path);
}

void removeTerms(Value& pod_template) {
  const bool there = std::as_const(pod_template).at({"spec", "affinity", "podAntiAffinity"}).isObject();
  for (const char* list : {kPreferred, kRequired}) {
    if (!there) break;
    const auto path = {std::string_view("spec"), std::string_view("affinity"), std::string_view("podAntiAffinity"),
                       std::string_view(list)};
    if (!std::as_const(pod_template).at(path).isArray()) continue;
    std::erase_if(pod_template.mutableAt(path).makeArray(),
                  [](const Value& entry) { return hashRequirement(entry) != nullptr; });
    dropIfEmpty(pod_template, path);
  }
  // What is left empty is as absent: nobody can tell who had made it.
  dropIfEmpty(pod_template, {"spec", "affinity", "podAntiAffinity"});
  dropIfEmpty(pod_template, {"spec", "affinity"});
}

Value termFor(const std::string& hash, std::string_view ns) {
  Value requirement;
  requirement["key"] = kHashLabel;
  requirement["operator"] = "In";
  requirement["values"] = Array{Value(hash)};
  Value term;
  term["labelSelector"]["matchExpressions"] = Array{std::move(requirement)};
  term["namespaces"] = Array{Value(ns)};
  term["topologyKey"] = "kubernetes.io/hostname";
  return term;
}

bool setEntries(Value& metadata, const char* field, const std::map<std::string, std::string>& desired,
                const std::vector<std::string>& owned, const Value& own) {
  bool changed = false;
  for (const auto& [key, text] : desired) {
    const std::string* present = std::as_const(metadata)[field][key].ifString();
    if (present && *present == text) continue;
    metadata[field][key] = text;
    changed = true;
  }
  for (const std::string& key : owned) {
    if (desired.contains(key) || key == kHashLabel || own[field][key].isString()) continue;
    changed |= metadata.eraseAt({field, key});
  }
  return changed;
}

}  // namespace

std::optional<model::ObjectMetadata> recordedMetadata(const Value& replica_set) {
  const std::string* text = replica_set["metadata"]["annotations"][kEphemeralMetadata].ifString();
  if (!text) return std::nullopt;
  const Result<Value> value = json::parse(*text);
  if (!value || !value->isObject()) return model::ObjectMetadata{};
  return model::ObjectMetadata{stringMap(std::as_const(*value)["labels"]),
                               stringMap(std::as_const(*value)["annotations"])};
}

std::string metadataText(const model::ObjectMetadata& metadata) {
  Object object;
  put(object, "labels", metadata.labels);
  put(object, "annotations", metadata.annotations);
  return json::serialize(Value(std::move(object)));
}

void addKeys(InjectedKeys& keys, const model::ObjectMetadata& metadata) {
  for (const auto& [key, text] : metadata.labels) keys.labels.push_back(key);
  for (const auto& [key, text] : metadata.annotations) keys.annotations.push_back(key);
}

bool injectMetadata(Value& metadata, const model::ObjectMetadata& desired, const InjectedKeys& owned,
                    const Value& own) {
  const bool labels = setEntries(metadata, "labels", desired.labels, owned.labels, own);
  const bool annotations = setEntries(metadata, "annotations", desired.annotations, owned.annotations, own);
  return labels || annotations;
}

std::string repelledHash(const Value& pod_template) {
  const Value& rules = pod_template.at({"spec", "affinity", "podAntiAffinity"});
  for (const char* list : {kPreferred, kRequired}) {
    for (const Value& entry : rules[list].asArray()) {
      const Value* requirement = hashRequirement(entry);
      if (requirement) return (*requirement)["values"][0].asString();
    }
  }
  return "";
}

void setRepelledHash(Value& pod_template, const std::string& hash, const std::optional<model::AntiAffinity>& kind,
                     std::string_view ns) {
  removeTerms(pod_template);
  if (hash.empty() || !kind) return;
  Value entry = termFor(hash, ns);
  if (kind->preferred_weight) {
    Value preference;
    preference["weight"] = *kind->preferred_weight;
    preference["podAffinityTerm"] = std::move(entry);
    entry = std::move(preference);
  }
  Value& rules = pod_template["spec"]["affinity"]["podAntiAffinity"];
  rules[kind->preferred_weight ? kPreferred : kRequired].makeArray().push_back(std::move(entry));
}

Value templateWithoutInjections(const Value& replica_set) {
  Value pod_template = replica_set["spec"]["template"];
  pod_template.eraseAt({"metadata", "labels", kHashLabel});
  if (const std::optional<model::ObjectMetadata> recorded = recordedMetadata(replica_set)) {
    InjectedKeys keys;
    addKeys(keys, *recorded);
    injectMetadata(pod_template["metadata"], {}, keys);
  }
  removeTerms(pod_template);
  return pod_template;
}

bool sameTemplate(const Value& wanted, const Value& replica_set) {
  Value left = wanted;
  Value right = templateWithoutInjections(replica_set);
  left.eraseAt({"metadata", "labels", kHashLabel});
  // A key that the Rollout's own template has as well has been overwritten: it says nothing.
  if (const std::optional<model::ObjectMetadata> recorded = recordedMetadata(replica_set)) {
    InjectedKeys keys;
    addKeys(keys, *recorded);
    injectMetadata(left["metadata"], {}, keys);
  }
  removeTerms(left);
  for (Value* side : {&left, &right}) applyTemplateDefaults(*side);
  return canonicalTemplate(left) == canonicalTemplate(right);
}

}  // namespace towpath::api
