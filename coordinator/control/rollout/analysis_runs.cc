#include "control/rollout/analysis_runs.h"

#include "api/analysis_run_spec.h"
#include "api/keys.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "control/rollout/replica_sets.h"

namespace towpath::control {
namespace {

void setMetadata(Value& run, const Value& rollout, const model::AnalysisRef& reference,
                 const rollout::StartAnalysis& action) {
  Value& metadata = run["metadata"];
  metadata["name"] = action.name;
  metadata["namespace"] = cluster::namespaceOf(rollout);
  Value& labels = metadata["labels"];
  labels[api::kHashLabel] = action.hash;
  labels[api::kRolloutType] = rollout::toString(action.type);
  if (action.step_index) labels[api::kStepIndex] = std::to_string(*action.step_index);
  const std::string_view instance = cluster::labelOf(rollout, api::kInstanceId);
  if (!instance.empty()) labels[api::kInstanceId] = instance;
  for (const auto& [key, value] : reference.run_metadata.labels) labels[key] = value;
  for (const auto& [key, value] : rollout["spec"]["selector"]["matchLabels"].asObject()) labels[key] = value;
  Value& annotations = metadata["annotations"];
  annotations[api::kRevision] = std::to_string(action.revision);
  for (const auto& [key, value] : reference.run_metadata.annotations) annotations[key] = value;
  metadata["ownerReferences"] = Array{ownerReference(rollout)};
}

}  // namespace

Result<Value> makeAnalysisRun(const Value& rollout, const model::AnalysisRef& reference,
                              const rollout::StartAnalysis& action, const FindTemplate& find) {
  Result<Value> spec = api::makeRunSpec(rollout, reference, {action.latest_hash, action.stable_hash}, find);
  if (!spec) return std::unexpected(spec.error());
  Value run;
  run["apiVersion"] = cluster::kAnalysisRuns.apiVersion();
  run["kind"] = cluster::kAnalysisRuns.kind;
  setMetadata(run, rollout, reference, action);
  run["spec"] = *std::move(spec);
  return run;
}

bool sameRun(const Value& a, const Value& b) {
  for (const char* key : {"metrics", "dryRun", "measurementRetention", "args"}) {
    if (!(a["spec"][key] == b["spec"][key])) return false;
  }
  return true;
}

}  // namespace towpath::control
