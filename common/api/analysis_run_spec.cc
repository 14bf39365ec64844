#include "api/analysis_run_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/analysis_arguments.h"
#include "api/analysis_view.h"
#include "api/rollout_view.h"

namespace towpath::api {
namespace {

std::string missing(const model::TemplateRef& ref) {
  return fmt::format("{} '{}' not found", ref.cluster_scope ? "ClusterAnalysisTemplate" : "AnalysisTemplate", ref.name);
}

// Depth first, each template once: namespaced ones and cluster ones apart.
struct Collected {
  std::vector<Value> namespaced, cluster;
  std::set<std::pair<bool, std::string>> seen;
};

Result<void> collect(const std::vector<model::TemplateRef>& refs, const FindTemplate& find, Collected& out) {
  for (const model::TemplateRef& ref : refs) {
    if (!out.seen.insert({ref.cluster_scope, ref.name}).second) continue;
    Value found = find(ref);
    if (found.isNull()) return fail(ErrorKind::kInvalid, missing(ref));
    const std::vector<model::TemplateRef> nested = decodeAnalysisRef(found["spec"]).templates;
    (ref.cluster_scope ? out.cluster : out.namespaced).push_back(std::move(found));
    if (Result<void> done = collect(nested, find, out); !done) return done;
  }
  return {};
}

struct Merged {
  Array metrics, dry_run, retention;
  std::vector<model::Argument> args;
};

Result<void> append(Array& into, const Value& list, const char* key, const char* what) {
  for (const Value& entry : list.asArray()) {
    const std::string_view name = entry[key].asStringView();
    const bool known = std::ranges::any_of(into, [&](const Value& e) { return e[key].asStringView() == name; });
    if (known) return fail(ErrorKind::kInvalid, fmt::format("two {} have the same name '{}'", what, name));
    into.push_back(entry);
  }
  return {};
}

Result<void> mergeTemplate(Merged& into, const Value& spec) {
  if (auto done = append(into.metrics, spec["metrics"], "name", "metrics"); !done) return done;
  if (auto done = append(into.dry_run, spec["dryRun"], "metricName", "Dry-Run metric rules"); !done) return done;
  if (auto done =
          append(into.retention, spec["measurementRetention"], "metricName", "Measurement Retention metric rules");
      !done) {
    return done;
  }
  for (const Value& argument : spec["args"].asArray()) into.args.push_back(decodeArgument(argument));
  return {};
}

Result<Merged> merge(const model::AnalysisRef& reference, const FindTemplate& find) {
  Collected templates;
  if (auto done = collect(reference.templates, find, templates); !done) return std::unexpected(done.error());
  Merged merged;
  // The Rollout's own rules come first.
  Array dry_run, retention;
  for (const model::DryRun& rule : reference.dry_run) dry_run.push_back(Object{{"metricName", rule.metric_name}});
  for (const model::MeasurementRetention& rule : reference.measurement_retention) {
    retention.push_back(Object{{"metricName", rule.metric_name}, {"limit", rule.limit}});
  }
  const Value own = Object{{"dryRun", std::move(dry_run)}, {"measurementRetention", std::move(retention)}};
  if (auto done = mergeTemplate(merged, own); !done) return std::unexpected(done.error());
  for (const auto* list : {&templates.namespaced, &templates.cluster}) {
    for (const Value& found : *list) {
      if (auto done = mergeTemplate(merged, found["spec"]); !done) return std::unexpected(done.error());
    }
  }
  return merged;
}

}  // namespace

Result<std::vector<model::Argument>> literalArguments(const std::vector<model::Argument>& args, const Value& rollout,
                                                      const VersionHashes& hashes) {
  std::vector<model::Argument> values;
  for (const model::Argument& argument : args) {
    model::Argument value{.name = argument.name, .value = argument.value};
    if (!value.value && argument.pod_template_hash) {
      const bool stable = *argument.pod_template_hash == model::PodTemplateHashValue::kStable;
      value.value = stable ? hashes.stable : hashes.latest;
    }
    if (!value.value && argument.field_path) {
      const Result<std::string> text = fieldText(rollout, *argument.field_path);
      if (!text) return std::unexpected(text.error());
      value.value = *text;
    }
    if (!value.value) value.value = "";
    values.push_back(std::move(value));
  }
  return values;
}

Result<Value> composeRunSpec(const model::AnalysisRef& reference, const std::vector<model::Argument>& incoming,
                             const FindTemplate& find) {
  Result<Merged> merged = merge(reference, find);
  if (!merged) return std::unexpected(merged.error());
  const auto args = mergeArguments(std::move(merged->args), incoming);
  if (!args) return std::unexpected(args.error());
  Value spec;
  spec["metrics"] = std::move(merged->metrics);
  Array list;
  for (const model::Argument& argument : *args) list.push_back(encodeArgument(argument));
  if (!list.empty()) spec["args"] = std::move(list);
  if (!merged->dry_run.empty()) spec["dryRun"] = std::move(merged->dry_run);
  if (!merged->retention.empty()) spec["measurementRetention"] = std::move(merged->retention);
  return spec;
}

Result<Value> makeRunSpec(const Value& rollout, const model::AnalysisRef& reference, const VersionHashes& hashes,
                          const FindTemplate& find) {
  const auto incoming = literalArguments(reference.args, rollout, hashes);
  if (!incoming) return std::unexpected(incoming.error());
  return composeRunSpec(reference, *incoming, find);
}

}  // namespace towpath::api
