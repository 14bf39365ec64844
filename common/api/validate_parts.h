#pragma once
// The parts of validate.h, each appending to one list. Internal to api/.

#include <optional>
#include <string>

#include "api/field_error.h"
#include "base/value.h"

namespace towpath::api {

// A LabelSelector's requirements.
void validateSelector(const Value& selector, const std::string& path, FieldErrors& errors);

// The pod template: that the selector picks its labels, and what every pod needs. Lenient as the peer is: what only a
// kubelet would refuse is let through.
void validatePodTemplate(const Value& template_value, const Value& selector, const std::string& path,
                         FieldErrors& errors);

// spec.strategy.canary. `path` is "spec.strategy": the peer leaves the segment `canary` out of these paths.
void validateCanary(const Value& rollout, const std::string& path, FieldErrors& errors);

void validateAntiAffinity(const Value& affinity, const std::string& path, FieldErrors& errors);

// An integer below 0.
void validateNonNegative(const Value& number, const std::string& path, FieldErrors& errors);

// nullopt, or what is wrong with one metric (core-semantics 8.4). Text that still has an argument in it is not judged.
std::optional<std::string> checkMetric(const Value& metric);

}  // namespace towpath::api
