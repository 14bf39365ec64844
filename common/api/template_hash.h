#pragma once
// The hashes that name pod templates and lists of steps, byte for byte as the peer computes them: FNV-1a over the JSON
// that Go's encoding/json emits for the typed struct (core-semantics 2.1, 4.11; k8s.io/api v0.34).

#include <cstdint>
#include <optional>
#include <string>

#include "base/value.h"

namespace towpath::api {

// The value of `rollouts-pod-template-hash`. `template_value` is spec.template as stored, not defaulted; fields that
// the typed struct does not know, and those of a wrong type, do not count.
std::string podTemplateHash(const Value& template_value, std::optional<std::int32_t> collision_count = std::nullopt);

// The value of status.currentStepHash. `steps` is spec.strategy.canary.steps; null (no such list) has a hash as well.
// For blue-green there is none: the caller leaves the field empty.
std::string stepHash(const Value& steps);

// The JSON texts that are hashed; for tests, and to compare two templates as the peer would.
std::string canonicalTemplate(const Value& template_value);
std::string canonicalSteps(const Value& steps);

}  // namespace towpath::api
