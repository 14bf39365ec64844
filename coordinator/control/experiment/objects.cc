#include "control/experiment/objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "api/analysis_arguments.h"
#include "api/keys.h"
#include "api/template_hash.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "control/objects/patches.h"

namespace towpath::control {
namespace {

Value begin(const cluster::Resource& resource, const Value& experiment, const std::string& name) {
  Value object;
  object["apiVersion"] = resource.apiVersion();
  object["kind"] = resource.kind;
  Value& metadata = object["metadata"];
  metadata["name"] = name;
  metadata["namespace"] = cluster::namespaceOf(experiment);
  metadata["ownerReferences"] = Array{ownerReference(cluster::kExperiments, experiment)};
  return object;
}

void annotate(Value& object, const Value& experiment, std::string_view template_name) {
  Value& annotations = object["metadata"]["annotations"];
  annotations[api::kExperimentName] = cluster::nameOf(experiment);
  annotations[api::kExperimentTemplate] = template_name;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// Several ports of one Service need names; those of containers may lack them.
void nameAll(Array& ports) {
  if (ports.size() < 2) return;
  for (Value& port : ports) {
    if (port["name"].isNull())
      port["name"] = fmt::format("{}-{}", lower(port["protocol"].asStringView()), port["port"].asInt());
  }
}

Array servicePorts(const Value& replica_set) {
  Array ports;
  for (const Value& container : replica_set.at({"spec", "template", "spec", "containers"}).asArray()) {
    for (const Value& port : container["ports"].asArray()) {
      Value made;
      made["protocol"] = port["protocol"].asString("TCP");
      made["port"] = port["containerPort"];
      made["targetPort"] = port["containerPort"];
      const bool known = std::ranges::any_of(ports, [&](const Value& other) {
        return other["port"] == made["port"] && other["protocol"] == made["protocol"];
      });
      if (known) continue;
      if (port["name"].isString()) made["name"] = port["name"];
      ports.push_back(std::move(made));
    }
  }
  nameAll(ports);
  return ports;
}

std::optional<std::string> templateValue(const ExperimentView& view, std::string_view tag) {
  constexpr std::string_view kHash = ".podTemplateHash";
  constexpr std::string_view kName = ".replicaset.name";
  const bool wants_hash = tag.ends_with(kHash);
  if (!wants_hash && !tag.ends_with(kName)) return std::nullopt;
  tag.remove_suffix(wants_hash ? kHash.size() : kName.size());
  const auto found = view.world.templates.find(std::string(tag));
  if (found == view.world.templates.end() || !found->second.replica_set) return std::nullopt;
  return wants_hash ? found->second.replica_set->hash : found->second.replica_set->name;
}

// What {{…}} stands for in an argument of an experiment's analysis.
std::optional<std::string> tagValue(const ExperimentView& view, std::string_view tag) {
  constexpr std::string_view kTemplates = "templates.";
  if (tag.starts_with(kTemplates)) return templateValue(view, tag.substr(kTemplates.size()));
  const std::optional<WallTime>& available_at = view.world.status.available_at;
  if (!available_at) return std::nullopt;
  if (tag == "experiment.availableAt") return formatRfc3339(*available_at);
  const std::optional<Duration> duration = model::durationOf(view.world.spec);
  if (tag == "experiment.finishedAt" && duration) return formatRfc3339(*available_at + *duration);
  return std::nullopt;
}

Result<std::vector<model::Argument>> resolveArguments(const ExperimentView& view,
                                                      const std::vector<model::Argument>& args) {
  std::vector<model::Argument> resolved;
  for (const model::Argument& argument : args) {
    model::Argument made{.name = argument.name};
    made.secret = argument.secret;
    if (argument.value) {
      const Result<std::string> text =
          api::substituteTags(*argument.value, [&view](std::string_view tag) { return tagValue(view, tag); });
      if (!text) return std::unexpected(text.error());
      made.value = *text;
    } else if (argument.field_path) {
      const Result<std::string> text = api::fieldText(view.object, *argument.field_path);
      if (!text) return std::unexpected(text.error());
      made.value = *text;
    }
    resolved.push_back(std::move(made));
  }
  return resolved;
}

}  // namespace

const Value& templateOf(const Value& experiment, std::string_view name) {
  for (const Value& one : experiment["spec"]["templates"].asArray()) {
    if (one["name"].asStringView() == name) return one;
  }
  return Value::null();
}

std::string_view templateNameOf(const Value& object, std::string_view experiment) {
  if (cluster::annotationOf(object, api::kExperimentName) != experiment) return "";
  return cluster::annotationOf(object, api::kExperimentTemplate);
}

Value makeReplicaSet(const Value& experiment, const Value& one, std::optional<std::int32_t> collision_count) {
  const std::string_view name = one["name"].asStringView();
  Value pod_template = one["template"];
  pod_template.eraseAt({"metadata", "labels", api::kHashLabel});
  const std::string hash = api::podTemplateHash(pod_template, collision_count);
  pod_template["metadata"]["labels"][api::kHashLabel] = hash;
  Value set = begin(cluster::kReplicaSets, experiment, fmt::format("{}-{}", cluster::nameOf(experiment), name));
  annotate(set, experiment, name);
  set["metadata"]["labels"] = std::as_const(pod_template)["metadata"]["labels"];
  Value& spec = set["spec"];
  spec["replicas"] = 0;
  if (one["minReadySeconds"].asInt() != 0) spec["minReadySeconds"] = one["minReadySeconds"];
  spec["selector"] = one["selector"];
  spec["selector"]["matchLabels"][api::kHashLabel] = hash;
  spec["template"] = std::move(pod_template);
  return set;
}

Value makeService(const Value& experiment, const Value& replica_set, const std::string& name) {
  Value service = begin(cluster::kServices, experiment, name);
  annotate(service, experiment, cluster::annotationOf(replica_set, api::kExperimentTemplate));
  service["spec"]["selector"] = replica_set["metadata"]["labels"];
  service["spec"]["ports"] = servicePorts(replica_set);
  return service;
}

Result<Value> makeAnalysisRun(const ExperimentView& view, const model::ExperimentAnalysis& analysis,
                              const std::string& name, const api::FindTemplate& find) {
  const model::ExperimentSpec& spec = view.world.spec;
  const auto args = resolveArguments(view, analysis.args);
  if (!args) return std::unexpected(args.error());
  const model::AnalysisRef reference{.templates = {analysis.analysis_template},
                                     .args = {},
                                     .dry_run = spec.dry_run,
                                     .measurement_retention = spec.measurement_retention,
                                     .run_metadata = spec.run_metadata};
  Result<Value> made = api::composeRunSpec(reference, *args, find);
  if (!made) return made;
  Value run = begin(cluster::kAnalysisRuns, view.object, name);
  Value& metadata = run["metadata"];
  const std::string_view instance = cluster::labelOf(view.object, api::kInstanceId);
  if (!instance.empty()) metadata["labels"][api::kInstanceId] = instance;
  for (const auto& [key, value] : spec.run_metadata.labels) metadata["labels"][key] = value;
  for (const auto& [key, value] : spec.run_metadata.annotations) metadata["annotations"][key] = value;
  run["spec"] = std::move(*made);
  return run;
}

}  // namespace towpath::control
