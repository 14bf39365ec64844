#include "apiserver/new_version_rule.h"

#include <map>
#include <string>

#include "api/extensions.h"
#include "cluster/kinds.h"
#include "store/store.h"

namespace towpath::apiserver {
namespace {

constexpr const char* kHashLabel = "rollouts-pod-template-hash";

// When each version's ReplicaSet was made, by hash; RFC 3339 in UTC compares as text.
std::map<std::string, std::string> creationsOf(const store::Store& store, const Value& rollout) {
  std::map<std::string, std::string> creations;
  const std::string uid(cluster::uidOf(rollout));
  const auto sets =
      store.list(cluster::kReplicaSets.storageName(),
                 {.ns = std::string(cluster::namespaceOf(rollout)), .filter = [&uid](const cluster::StoredObject& set) {
                    const cluster::OwnerRef* owner = set.meta().controllerOwner();
                    return owner != nullptr && owner->uid == uid && !set.meta().deleting;
                  }});
  if (!sets) return creations;
  for (const cluster::ObjectRef& set : sets->items) {
    const std::string* hash = set->meta().label(kHashLabel);
    if (hash != nullptr) creations[*hash] = set->parse()["metadata"]["creationTimestamp"].asString();
  }
  return creations;
}

}  // namespace

AdmissionHook newVersionRule(const store::Store& store) {
  return [&store](AdmissionRequest& request) {
    std::vector<Error> refused;
    if (request.old == nullptr || request.object == nullptr || !request.subresource.empty()) return refused;
    const auto is_older = [&](const std::string& hash, const std::string& stable) {
      const std::map<std::string, std::string> creations = creationsOf(store, *request.old);
      const auto wanted = creations.find(hash), reference = creations.find(stable);
      return wanted != creations.end() && reference != creations.end() && wanted->second < reference->second;
    };
    api::FieldErrors errors;
    api::validateNewVersion(*request.old, *request.object, is_older, errors);
    for (api::FieldError& error : errors) {
      refused.push_back({ErrorKind::kInvalid, std::move(error.message), std::move(error.path)});
    }
    return refused;
  };
}

}  // namespace towpath::apiserver
