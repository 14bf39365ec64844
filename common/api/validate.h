#pragma once
// The rules of a Rollout's and a template's spec that go beyond the schema (core-semantics 1.5–1.7), in the order in
// which the peer evaluates them: its condition shows the first error only.

#include <functional>

#include "api/field_error.h"
#include "base/value.h"

namespace towpath::api {

// The rules that the Rollout alone decides.
FieldErrors validateRollout(const Value& rollout);

// How the rules about other objects look them up, in the Rollout's namespace; null if there is no such object.
struct References {
  std::function<const Value*(std::string_view name)> service;
  std::function<const Value*(std::string_view name)> analysis_template;
  std::function<const Value*(std::string_view name)> cluster_analysis_template;
};

enum class Lookups {
  kUntilFirstError,  // as a controller does, whose condition shows one
  kAll,
};

// The rules about what the Rollout refers to: services and analysis templates. At most one error for each of them.
FieldErrors validateReferences(const Value& rollout, const References& references,
                               Lookups lookups = Lookups::kUntilFirstError);

// AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun: one provider a metric, durations, counts, unique names.
FieldErrors validateAnalysis(const Value& object);

}  // namespace towpath::api
