#pragma once
// The spec of an AnalysisRun made from a Rollout's reference: templates collected and merged, arguments resolved
// (core-semantics 8.1 to 8.3). Pure.

#include <functional>
#include <string>

#include "base/error.h"
#include "base/value.h"
#include "model/analysis.h"

namespace towpath::api {

// The object of a template; null if there is none.
using FindTemplate = std::function<Value(const model::TemplateRef&)>;

// What valueFrom.podTemplateHashValue stands for.
struct VersionHashes {
  std::string latest;
  std::string stable;
};

// kInvalid for templates that are missing, contradict each other or go in a circle; arguments that have no value.
Result<Value> makeRunSpec(const Value& rollout, const model::AnalysisRef& reference, const VersionHashes& hashes,
                          const FindTemplate& find);

}  // namespace towpath::api
