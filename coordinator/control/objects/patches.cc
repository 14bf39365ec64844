#include "control/objects/patches.h"

#include <charconv>

#include "api/analysis_view.h"
#include "api/experiment_view.h"
#include "api/rollout_view.h"
#include "cluster/object.h"
#include "json/patch.h"

namespace towpath::control {
namespace {

Value statusPatch(const Value& known, const Value& next) {
  Value difference = json::diffMerge(known, next);
  Value patch = Object{};
  if (!difference.asObject().empty()) patch["status"] = std::move(difference);
  return patch;
}

}  // namespace

Value rolloutStatusPatch(const Value& rollout, const model::RolloutStatus& next) {
  return statusPatch(api::encodeRolloutStatus(api::decodeRolloutStatus(rollout)), api::encodeRolloutStatus(next));
}

Value analysisRunStatusPatch(const Value& run, const model::AnalysisRunStatus& next) {
  const bool fresh = !run["status"].isObject();
  const Value known = fresh ? Value(Object{}) : api::encodeAnalysisRunStatus(api::decodeAnalysisRunStatus(run));
  return statusPatch(known, api::encodeAnalysisRunStatus(next));
}

Value experimentStatusPatch(const Value& experiment, const model::ExperimentStatus& next) {
  return statusPatch(api::encodeExperimentStatus(api::decodeExperimentStatus(experiment)),
                     api::encodeExperimentStatus(next));
}

Value ownerReference(const cluster::Resource& resource, const Value& owner) {
  Value reference;
  reference["apiVersion"] = resource.apiVersion();
  reference["kind"] = resource.kind;
  reference["name"] = cluster::nameOf(owner);
  reference["uid"] = cluster::uidOf(owner);
  reference["controller"] = true;
  reference["blockOwnerDeletion"] = true;
  return reference;
}

std::optional<int> numberIn(const Value& value) {
  const std::string_view text = value.asStringView();
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

WallTime creationTime(const Value& object) {
  return parseRfc3339(object["metadata"]["creationTimestamp"].asStringView()).value_or(WallTime{});
}

}  // namespace towpath::control
