#include "control/rollout/experiments.h"

#include <fmt/format.h>

#include "api/analysis_run_spec.h"
#include "api/analysis_view.h"
#include "api/keys.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "control/objects/patches.h"
#include "control/rollout/replica_sets.h"

namespace towpath::control {
namespace {

Result<const Value*> setOf(const View& view, const Value& step, const rollout::StartExperiment& action) {
  const std::string_view ref = step["specRef"].asStringView();
  if (ref != "canary" && ref != "stable") {
    return fail(ErrorKind::kInvalid, fmt::format("template {}: specRef is \"{}\"; it must be canary or stable",
                                                 step["name"].asStringView(), ref));
  }
  const auto found = view.replica_sets.find(ref == "canary" ? action.canary_set : action.stable_set);
  if (found == view.replica_sets.end())
    return fail(ErrorKind::kNotFound, fmt::format("the ReplicaSet of the {} version", ref));
  return &found->second;
}

// Labels of the step tell its pods apart, so that they select them too.
void setMetadata(Value& made, const Value& metadata) {
  for (const auto& [key, value] : metadata["labels"].asObject()) {
    made["template"]["metadata"]["labels"][key] = value;
    made["selector"]["matchLabels"][key] = value;
  }
  for (const auto& [key, value] : metadata["annotations"].asObject())
    made["template"]["metadata"]["annotations"][key] = value;
}

Result<Value> makeTemplate(const View& view, const Value& step, const rollout::StartExperiment& action) {
  const Result<const Value*> set = setOf(view, step, action);
  if (!set) return std::unexpected(set.error());
  const Value& spec = (**set)["spec"];
  Value made;
  made["name"] = step["name"];
  if (!step["replicas"].isNull()) made["replicas"] = step["replicas"];
  if (spec["minReadySeconds"].asInt() != 0) made["minReadySeconds"] = spec["minReadySeconds"];
  made["selector"] = step["selector"].isNull() ? spec["selector"] : step["selector"];
  made["template"] = spec["template"];
  setMetadata(made, step["metadata"]);
  if (step["service"].isObject())
    made["service"] = step["service"];
  else if (!step["weight"].isNull())
    made["service"] = Object{};
  return made;
}

Result<Value> makeAnalysis(const Value& rollout, const Value& step, const rollout::StartExperiment& action) {
  std::vector<model::Argument> args;
  for (const Value& argument : step["args"].asArray()) args.push_back(api::decodeArgument(argument));
  const auto values = api::literalArguments(args, rollout, {.latest = action.hash, .stable = action.stable_hash});
  if (!values) return std::unexpected(withContext(values.error(), "analysis " + step["name"].asString()));
  Value made = step;
  Array list;
  for (const model::Argument& value : *values) list.push_back(api::encodeArgument(value));
  if (!list.empty()) made["args"] = std::move(list);
  return made;
}

Result<Value> makeSpec(const View& view, const Value& step, const rollout::StartExperiment& action) {
  Value spec;
  Array templates, analyses;
  for (const Value& one : step["templates"].asArray()) {
    Result<Value> made = makeTemplate(view, one, action);
    if (!made) return made;
    templates.push_back(std::move(*made));
  }
  for (const Value& one : step["analyses"].asArray()) {
    Result<Value> made = makeAnalysis(view.object, one, action);
    if (!made) return made;
    analyses.push_back(std::move(*made));
  }
  spec["templates"] = std::move(templates);
  if (!analyses.empty()) spec["analyses"] = std::move(analyses);
  for (const char* key : {"duration", "scaleDownDelaySeconds", "dryRun", "analysisRunMetadata"}) {
    if (!step[key].isNull()) spec[key] = step[key];
  }
  const Value& deadline = view.object["spec"]["progressDeadlineSeconds"];
  if (!deadline.isNull()) spec["progressDeadlineSeconds"] = deadline;
  return spec;
}

}  // namespace

Result<Value> makeExperiment(const View& view, const rollout::StartExperiment& action) {
  const Value& steps = view.object.at({"spec", "strategy", "canary", "steps"});
  Result<Value> spec = makeSpec(view, steps[static_cast<std::size_t>(action.step_index)]["experiment"], action);
  if (!spec) return spec;
  Value made;
  made["apiVersion"] = cluster::kExperiments.apiVersion();
  made["kind"] = cluster::kExperiments.kind;
  Value& metadata = made["metadata"];
  metadata["name"] = action.name;
  metadata["namespace"] = view.world.namespace_name;
  // The instance id is one of them, where there is one.
  for (const auto& [key, value] : view.object["metadata"]["labels"].asObject()) metadata["labels"][key] = value;
  metadata["labels"][api::kHashLabel] = action.hash;
  metadata["annotations"][api::kRevision] = std::to_string(action.revision);
  metadata["ownerReferences"] = Array{ownerReference(view.object)};
  made["spec"] = std::move(*spec);
  return made;
}

bool sameExperiment(const Value& a, const Value& b) {
  Value left = a["spec"], right = b["spec"];
  for (Value* side : {&left, &right}) side->eraseAt({"terminate"});
  return left == right;
}

rollout::ExperimentView readExperimentView(const Value& experiment) {
  rollout::ExperimentView view;
  view.name = std::string(cluster::nameOf(experiment));
  view.hash = std::string(cluster::labelOf(experiment, api::kHashLabel));
  view.phase = model::parseAnalysisPhase(experiment["status"]["phase"].asStringView());
  view.message = experiment["status"]["message"].asString();
  view.creation_time = creationTime(experiment);
  view.terminate = experiment["spec"]["terminate"].asBool();
  view.deleting = !experiment["metadata"]["deletionTimestamp"].isNull();
  for (const Value& status : experiment["status"]["templateStatuses"].asArray()) {
    view.templates.push_back(
        {status["name"].asString(), status["serviceName"].asString(), status["podTemplateHash"].asString()});
  }
  return view;
}

}  // namespace towpath::control
