#pragma once
// What the engine knows of a Service: where its selector points, and which Rollout claims it.

#include <optional>
#include <string>

namespace towpath::model {

struct Service {
  std::string name;
  std::string selector_hash;  // selector's rollouts-pod-template-hash; "" if the selector has none
  std::string managed_by;     // annotation argo-rollouts.argoproj.io/managed-by-rollouts; "" if absent

  bool operator==(const Service&) const = default;
};

}  // namespace towpath::model
