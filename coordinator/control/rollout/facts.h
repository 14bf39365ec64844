#pragma once
// What the engine must know but cannot compute, since it sees no JSON: hashes of templates and steps, and whether a
// ReplicaSet's template is the Rollout's.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/value.h"

namespace towpath::control {

struct TemplateFacts {
  // Of a Rollout's spec.template at a collision count (core-semantics 2.1).
  std::function<std::string(const Value& pod_template, std::optional<std::int32_t> collision_count)> template_hash;
  // Of spec.strategy.canary.steps; null if there are none (4.11).
  std::function<std::string(const Value& steps)> step_hash;
  // Does the ReplicaSet run the wanted template (a Rollout's spec.template)? (2.2; what controllers inject and API
  // servers default is not part of it.)
  std::function<bool(const Value& wanted, const Value& replica_set)> same_template;
  // The first error of the whole Rollout, "<path>: …", or nullopt.
  std::function<std::optional<std::string>(const Value& rollout)> validate;
};

// As the peer computes them (api/).
TemplateFacts peerFacts();

}  // namespace towpath::control
