#include "api/experiment_view.h"

#include <algorithm>

#include "api/analysis_view.h"
#include "api/decode.h"
#include "api/rollout_view.h"

namespace towpath::api {

namespace {

using namespace model;

SelectorKind selectorKind(const Value& selector) {
  if (!selector.isObject()) return SelectorKind::kMissing;
  const bool empty = selector["matchLabels"].asObject().empty() && selector["matchExpressions"].asArray().empty();
  return empty ? SelectorKind::kEmpty : SelectorKind::kSelects;
}

ExperimentTemplate decodeTemplate(const Value& value) {
  ExperimentTemplate result;
  result.name = value["name"].asString();
  result.replicas = intOr(value["replicas"], 1);
  result.min_ready_seconds = intOr(value["minReadySeconds"], 0);
  result.selector = selectorKind(value["selector"]);
  result.has_ports = std::ranges::any_of(value.at({"template", "spec", "containers"}).asArray(),
                                         [](const Value& container) { return !container["ports"].asArray().empty(); });
  result.wants_service = value["service"].isObject();
  result.service_name = value["service"]["name"].asString();
  return result;
}

ExperimentAnalysis decodeAnalysis(const Value& value) {
  ExperimentAnalysis result;
  result.name = value["name"].asString();
  result.analysis_template = {value["templateName"].asString(), value["clusterScope"].asBool()};
  result.args = decodeList<Argument>(value["args"], decodeArgument);
  result.required_for_completion = value["requiredForCompletion"].asBool();
  return result;
}

TemplateStatus decodeTemplateStatus(const Value& value) {
  TemplateStatus status;
  status.name = value["name"].asString();
  status.replicas = intOr(value["replicas"], 0);
  status.updated_replicas = intOr(value["updatedReplicas"], 0);
  status.ready_replicas = intOr(value["readyReplicas"], 0);
  status.available_replicas = intOr(value["availableReplicas"], 0);
  status.collision_count = optionalInt(value["collisionCount"]);
  status.status = parseTemplateStatusCode(value["status"].asStringView());
  status.message = value["message"].asString();
  status.last_transition_time = optionalTime(value["lastTransitionTime"]);
  status.service_name = value["serviceName"].asString();
  status.pod_template_hash = value["podTemplateHash"].asString();
  return status;
}

Value encodeTemplateStatus(const TemplateStatus& status) {
  Object object{{"name", status.name},
                {"replicas", status.replicas},
                {"updatedReplicas", status.updated_replicas},
                {"readyReplicas", status.ready_replicas},
                {"availableReplicas", status.available_replicas}};
  if (status.collision_count) object.set("collisionCount", *status.collision_count);
  put(object, "status", std::string(toString(status.status)));
  put(object, "message", status.message);
  put(object, "lastTransitionTime", status.last_transition_time);
  put(object, "serviceName", status.service_name);
  put(object, "podTemplateHash", status.pod_template_hash);
  return object;
}

ExperimentAnalysisStatus decodeAnalysisStatus(const Value& value) {
  return {value["name"].asString(), value["analysisRun"].asString(), parseAnalysisPhase(value["phase"].asStringView()),
          value["message"].asString()};
}

Value encodeAnalysisStatus(const ExperimentAnalysisStatus& status) {
  Object object{{"name", status.name}, {"analysisRun", status.run}, {"phase", toString(status.phase)}};
  put(object, "message", status.message);
  return object;
}

}  // namespace

model::ExperimentSpec decodeExperimentSpec(const Value& object) {
  const Value& value = object["spec"];
  ExperimentSpec spec;
  spec.templates = decodeList<ExperimentTemplate>(value["templates"], decodeTemplate);
  spec.analyses = decodeList<ExperimentAnalysis>(value["analyses"], decodeAnalysis);
  spec.duration = value["duration"].asString();
  spec.progress_deadline_seconds = intOr(value["progressDeadlineSeconds"], spec.progress_deadline_seconds);
  spec.scale_down_delay_seconds = intOr(value["scaleDownDelaySeconds"], spec.scale_down_delay_seconds);
  spec.terminate = value["terminate"].asBool();
  // The rules for its runs are spelled as in a Rollout's reference.
  AnalysisRef rules = decodeAnalysisRef(value);
  spec.dry_run = std::move(rules.dry_run);
  spec.measurement_retention = std::move(rules.measurement_retention);
  spec.run_metadata = std::move(rules.run_metadata);
  return spec;
}

model::ExperimentStatus decodeExperimentStatus(const Value& object) {
  const Value& value = object["status"];
  ExperimentStatus status;
  status.phase = parseAnalysisPhase(value["phase"].asStringView());
  status.message = value["message"].asString();
  status.templates = decodeList<TemplateStatus>(value["templateStatuses"], decodeTemplateStatus);
  status.available_at = optionalTime(value["availableAt"]);
  status.conditions = decodeConditions(value["conditions"]);
  status.analyses = decodeList<ExperimentAnalysisStatus>(value["analysisRuns"], decodeAnalysisStatus);
  return status;
}

Value encodeExperimentStatus(const model::ExperimentStatus& status) {
  Object object;
  put(object, "phase", std::string(toString(status.phase)));
  put(object, "message", status.message);
  put(object, "templateStatuses", encodeList(status.templates, encodeTemplateStatus));
  put(object, "availableAt", status.available_at);
  put(object, "conditions", encodeConditions(status.conditions));
  put(object, "analysisRuns", encodeList(status.analyses, encodeAnalysisStatus));
  return object;
}

}  // namespace towpath::api
