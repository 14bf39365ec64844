#pragma once
// Manifests checked with no server at hand: what an API server, a controller or an analysis run would say of them only
// later, and what it would not say at all. Rollout, AnalysisTemplate, ClusterAnalysisTemplate, AnalysisRun and
// Experiment are checked, and Services, HTTPRoutes and Gateways beside them; other kinds are looked up only.
//
//   - the schema of crds/, unknown fields included, and the rules beyond it (api/validate.h, engine/analysis)
//   - arguments: each {{args.x}} is declared, each declared one gets a value, each is used
//   - conditions: they compile, give a boolean, and fit the type that the provider measures (engine/expr)
//   - JSONPath, durations, patterns
//   - what is referred to: Services with their selectors, templates, routes and what they name

#include <functional>
#include <vector>

#include "base/error.h"
#include "base/value.h"
#include "lint/document.h"
#include "lint/finding.h"

namespace towpath::lint {

// What a provider of the coordinator's own says of its settings: kInvalid with the field below its name.
using ProviderCheck = std::function<Result<void>(const Value& provider)>;

// In the order of files and lines. Without `check` nothing is said of plugins' settings.
std::vector<Finding> lint(const std::vector<Document>& documents, Missing missing = Missing::kWarning,
                          const ProviderCheck& check = {});

}  // namespace towpath::lint
