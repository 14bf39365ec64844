#pragma once
// The manifests of a play: the Rollout and the analysis templates out of a pile of objects, checked as the API server
// would check them.

#include <string_view>
#include <vector>

#include "api/analysis_run_spec.h"
#include "base/error.h"
#include "base/value.h"

namespace towpath::play {

// The schema of one of our kinds ("Rollout"), from its CustomResourceDefinition; null for any other.
const Value& schemaOf(std::string_view kind);

struct Manifests {
  Value rollout;                 // with the schema's defaults
  std::vector<Value> templates;  // AnalysisTemplates and ClusterAnalysisTemplates
  std::vector<Value> services;

  // `name`: which Rollout, if there are several; may be empty. Objects of other kinds are of no interest. kInvalid
  // names the object, the field and what to do.
  static Result<Manifests> read(std::vector<Value> objects, std::string_view name);
  // The Rollout's own rules, and those about what it refers to. Services that no file has are taken as sound; templates
  // have to be there.
  Result<void> check() const;
  // Refers to this object, which must outlive it.
  api::FindTemplate find() const;
};

}  // namespace towpath::play
