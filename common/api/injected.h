#pragma once
// What a controller puts into the pod template of a ReplicaSet beside what the Rollout asks for: the hash label,
// ephemeral metadata (core-semantics 2.9) and the anti-affinity term (2.10); and the comparison of templates that looks
// past all of it (2.2).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"
#include "model/analysis.h"
#include "model/rollout.h"

namespace towpath::api {

// The annotation ephemeral-metadata of a ReplicaSet: what was injected into its template and its pods. nullopt:
// nothing.
std::optional<model::ObjectMetadata> recordedMetadata(const Value& replica_set);
// Its text: {"labels":{…},"annotations":{…}}, empty maps left out.
std::string metadataText(const model::ObjectMetadata& metadata);

// Keys that may be injected, now or in the past.
struct InjectedKeys {
  std::vector<std::string> labels;
  std::vector<std::string> annotations;
};
void addKeys(InjectedKeys& keys, const model::ObjectMetadata& metadata);

// Brings a metadata object ({labels, annotations}) to `desired`: sets its entries, removes those of `owned` that it
// lacks and that `own` (the metadata of the template that a pod came from) does not have either. Everything else stays.
// True if anything changed.
bool injectMetadata(Value& metadata, const model::ObjectMetadata& desired, const InjectedKeys& owned,
                    const Value& own = Value::null());

// The hash that the injected anti-affinity term of a pod template keeps away from; "" if there is no such term.
std::string repelledHash(const Value& pod_template);
// Replaces the term by one for `hash`; "" only takes it away. Terms of the user's stay.
void setRepelledHash(Value& pod_template, const std::string& hash, const std::optional<model::AntiAffinity>& kind,
                     std::string_view ns);

// The template of a ReplicaSet as the Rollout gave it: without the hash label and what was injected.
Value templateWithoutInjections(const Value& replica_set);

// Does the ReplicaSet run what `wanted` (a Rollout's spec.template) says? Looks past injections and the defaults of API
// servers; quantities compare by value, empty lists and maps are as absent ones.
bool sameTemplate(const Value& wanted, const Value& replica_set);

}  // namespace towpath::api
