#pragma once
// The spec of an AnalysisRun made from a Rollout's reference: templates collected and merged, arguments resolved
// (core-semantics 8.1 to 8.3). Pure.

#include <functional>
#include <string>
#include <vector>

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

// Arguments of a reference as literal values (8.2). kInvalid: a field that the Rollout does not have.
Result<std::vector<model::Argument>> literalArguments(const std::vector<model::Argument>& args, const Value& rollout,
                                                      const VersionHashes& hashes);

// The reference's templates in one, with these arguments, whatever the reference says of them. kInvalid for templates
// that are missing, contradict each other or go in a circle; arguments that have no value.
Result<Value> composeRunSpec(const model::AnalysisRef& reference, const std::vector<model::Argument>& args,
                             const FindTemplate& find);

// The same, with the reference's own arguments as they are for the Rollout.
Result<Value> makeRunSpec(const Value& rollout, const model::AnalysisRef& reference, const VersionHashes& hashes,
                          const FindTemplate& find);

}  // namespace towpath::api
