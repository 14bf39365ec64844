#include <map>

#include "api/analysis_view.h"
#include "api/keys.h"
#include "api/validate.h"
#include "api/validate_parts.h"
#include "json/field.h"
#include "json/serialize.h"

namespace towpath::api {

namespace {

constexpr std::size_t kMaxTemplates = 200;  // that one analysis may reach through nesting

struct ServiceReference {
  std::string path;
  std::string name;
};

enum class AnalysisUse { kBackground, kOther };

struct AnalysisBlock {
  std::string path;
  const Value* block = nullptr;
  AnalysisUse use = AnalysisUse::kOther;
};

std::vector<ServiceReference> servicesOf(const Value& strategy) {
  std::vector<ServiceReference> found;
  const auto add = [&](const std::string& path, const Value& name) {
    if (!name.asStringView().empty()) found.push_back({path, name.asString()});
  };
  const Value& canary = strategy["canary"];
  add("spec.strategy.blueGreen.activeService", strategy["blueGreen"]["activeService"]);
  add("spec.strategy.blueGreen.previewService", strategy["blueGreen"]["previewService"]);
  add("spec.strategy.canary.stableService", canary["stableService"]);
  add("spec.strategy.canary.canaryService", canary["canaryService"]);
  add("spec.strategy.canary.pingPong.pingService", canary["pingPong"]["pingService"]);
  add("spec.strategy.canary.pingPong.pongService", canary["pingPong"]["pongService"]);
  return found;
}

std::vector<AnalysisBlock> analysesOf(const Value& strategy) {
  std::vector<AnalysisBlock> found;
  const auto add = [&](const std::string& path, const Value& block, AnalysisUse use) {
    if (!block["templates"].asArray().empty()) found.push_back({path + ".templates", &block, use});
  };
  const Value& blue_green = strategy["blueGreen"];
  const Value& canary = strategy["canary"];
  add("spec.strategy.blueGreen.prePromotionAnalysis", blue_green["prePromotionAnalysis"], AnalysisUse::kOther);
  add("spec.strategy.blueGreen.postPromotionAnalysis", blue_green["postPromotionAnalysis"], AnalysisUse::kOther);
  const Array& steps = canary["steps"].asArray();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    add(json::joinPath("spec.strategy.canary.steps", i) + ".analysis", steps[i]["analysis"], AnalysisUse::kOther);
  }
  add("spec.strategy.canary.analysis", canary["analysis"], AnalysisUse::kBackground);
  return found;
}

std::optional<FieldError> checkService(const Value& rollout, const ServiceReference& reference, const Value* service) {
  const Value name(reference.name);
  if (!service) return invalidValue(reference.path, name, fmt::format("service \"{}\" not found", reference.name));
  const Value& labels = rollout["spec"]["template"]["metadata"]["labels"];
  const bool has_own_template = !rollout["spec"]["workloadRef"].isObject();
  for (const Object::Member& label : (*service)["spec"]["selector"].asObject()) {
    if (label.key == kHashLabel || !has_own_template || labels[label.key] == label.value) continue;
    return invalidValue(reference.path, name,
                        fmt::format("Service \"{}\" has unmatch label \"{}\" in rollout", reference.name, label.key));
  }
  const Value& owner = (*service)["metadata"]["annotations"][kManagedBy];
  if (owner.isString() && !(owner == rollout["metadata"]["name"])) {
    return invalidValue(reference.path, name,
                        fmt::format("Service \"{}\" is managed by another Rollout", reference.name));
  }
  return std::nullopt;
}

// The templates of a block and all that they nest, each once; namespaced ones before cluster ones, as the peer flattens
// them.
class TemplateSet {
 public:
  explicit TemplateSet(const References& references) : references_(references) {}

  std::optional<FieldError> collect(const Value& refs, const std::string& path) {
    for (const Value& ref : refs.asArray()) {
      const std::string name = ref["templateName"].asString();
      const bool is_cluster = ref["clusterScope"].asBool();
      std::vector<const Value*>& list = is_cluster ? cluster_ : namespaced_;
      const auto isSame = [&](const Value* known) { return (*known)["metadata"]["name"] == Value(name); };
      if (std::any_of(list.begin(), list.end(), isSame)) continue;
      const Value* found =
          is_cluster ? references_.cluster_analysis_template(name) : references_.analysis_template(name);
      if (!found) {
        return invalidValue(
            path, Value(name),
            fmt::format("{} '{}' not found", is_cluster ? "ClusterAnalysisTemplate" : "AnalysisTemplate", name));
      }
      if (namespaced_.size() + cluster_.size() >= kMaxTemplates) {
        return invalidValue(path, Value(name), "the analysis refers to too many templates");
      }
      list.push_back(found);
      if (std::optional<FieldError> error = collect((*found)["spec"]["templates"], "spec.templates")) return error;
    }
    return std::nullopt;
  }

  std::vector<const Value*> flattened() const {
    std::vector<const Value*> all = namespaced_;
    all.insert(all.end(), cluster_.begin(), cluster_.end());
    return all;
  }

 private:
  const References& references_;
  std::vector<const Value*> namespaced_;
  std::vector<const Value*> cluster_;
};

std::optional<std::string> findRepeated(const std::vector<const Value*>& lists, std::string_view what) {
  std::vector<std::string> seen;
  for (const Value* list : lists) {
    for (const Value& rule : list->asArray()) {
      std::string name = rule["metricName"].asString();
      if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
        return fmt::format("two {} metric rules have the same name '{}'", what, name);
      }
      seen.push_back(std::move(name));
    }
  }
  return std::nullopt;
}

std::optional<std::string> checkMetricNames(const std::vector<const Value*>& templates) {
  std::vector<std::string> seen;
  for (const Value* one : templates) {
    for (const Value& metric : (*one)["spec"]["metrics"].asArray()) {
      std::string name = metric["name"].asString();
      if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
        return fmt::format("two metrics have the same name '{}'", name);
      }
      seen.push_back(std::move(name));
    }
  }
  return std::nullopt;
}

bool hasSource(const model::Argument& argument) {
  return argument.pod_template_hash || argument.field_path || argument.secret;
}

// Merges the templates' arguments and those of the block; what is left without a value is an error.
std::optional<std::string> checkArguments(const std::vector<const Value*>& templates, const Value& block) {
  std::vector<model::Argument> merged;
  const auto find = [&](const std::string& name) {
    return std::find_if(merged.begin(), merged.end(), [&](const model::Argument& known) { return known.name == name; });
  };
  for (const Value* one : templates) {
    for (const Value& value : (*one)["spec"]["args"].asArray()) {
      model::Argument argument = decodeArgument(value);
      const auto known = find(argument.name);
      if (known == merged.end()) {
        merged.push_back(std::move(argument));
      } else if (known->value && argument.value && *known->value != *argument.value) {
        return fmt::format("Argument `{}` specified multiple times with different values: '{}', '{}'", argument.name,
                           *known->value, *argument.value);
      } else if (!known->value) {
        known->value = argument.value;
      }
    }
  }
  for (const Value& value : block["args"].asArray()) {
    // Whatever source the Rollout names, it will be a value when the run is made.
    const auto known = find(value["name"].asString());
    if (known != merged.end()) known->value = value["value"].asString();
  }
  for (const model::Argument& argument : merged) {
    if (!argument.value && !hasSource(argument)) return fmt::format("args.{} was not resolved", argument.name);
  }
  return std::nullopt;
}

std::optional<std::string> checkMerge(const std::vector<const Value*>& templates, const Value& block,
                                      const Value& dry_run, const Value& retention) {
  std::vector<const Value*> dry_runs{&dry_run};
  std::vector<const Value*> retentions{&retention};
  for (const Value* one : templates) {
    dry_runs.push_back(&(*one)["spec"]["dryRun"]);
    retentions.push_back(&(*one)["spec"]["measurementRetention"]);
  }
  if (std::optional<std::string> why = checkMetricNames(templates)) return why;
  if (std::optional<std::string> why = findRepeated(dry_runs, "Dry-Run")) return why;
  if (std::optional<std::string> why = findRepeated(retentions, "Measurement Retention")) return why;
  return checkArguments(templates, block);
}

// A run that something waits for must come to an end by itself.
std::optional<FieldError> checkBounded(const Value& one, const std::string& path) {
  const Value& name = one["metadata"]["name"];
  for (const Value& value : one["spec"]["args"].asArray()) {
    if (!value["value"].isNull() && !value["valueFrom"].isNull()) {
      return invalidValue(path, name,
                          fmt::format("AnalysisTemplate {}: arg '{}' has both Value and ValueFrom fields",
                                      name.asStringView(), value["name"].asStringView()));
    }
  }
  for (const Value& metric : one["spec"]["metrics"].asArray()) {
    const Value& count = metric["count"];
    const bool is_counted = count.isString() || count.asInt() != 0;
    if (is_counted || metric["interval"].asStringView().empty()) continue;
    return invalidValue(
        path, name,
        fmt::format("AnalysisTemplate {} has metric {} which runs indefinitely. Invalid value for count: {}",
                    name.asStringView(), metric["name"].asStringView(),
                    count.isNull() ? "nil" : json::serialize(count)));
  }
  return std::nullopt;
}

std::optional<FieldError> checkBackgroundArguments(const Value& one, const AnalysisBlock& analysis) {
  const Value& name = one["metadata"]["name"];
  const Value& given = (*analysis.block)["args"];
  for (const Value& argument : one["spec"]["args"].asArray()) {
    if (!argument["value"].isNull() || !argument["valueFrom"].isNull()) continue;
    if (given.isNull()) return invalidValue(analysis.path, name, "missing analysis arguments in rollout spec");
    const Array& args = given.asArray();
    const auto isSame = [&](const Value& other) { return other["name"] == argument["name"]; };
    if (std::none_of(args.begin(), args.end(), isSame)) {
      return invalidValue(analysis.path, name, argument["name"].asStringView());
    }
  }
  return std::nullopt;
}

std::optional<FieldError> checkAnalysis(const Value& rollout, const AnalysisBlock& analysis,
                                        const References& references) {
  TemplateSet set(references);
  if (std::optional<FieldError> error = set.collect((*analysis.block)["templates"], analysis.path)) return error;
  const std::vector<const Value*> templates = set.flattened();
  std::vector<std::string> names;
  for (const Value* one : templates) names.push_back((*one)["metadata"]["name"].asString());
  const Value shown(fmt::format("templateNames: [{}]", fmt::join(names, " ")));

  std::optional<std::string> why = checkMerge(templates, *analysis.block, Value::null(), Value::null());
  // The peer tries the rules of every analysis step against every analysis.
  for (const Value& step : rollout["spec"]["strategy"]["canary"]["steps"].asArray()) {
    const Value& block = step["analysis"];
    if (why || !block.isObject()) continue;
    why = checkMerge(templates, *analysis.block, block["dryRun"], block["measurementRetention"]);
  }
  if (why) return invalidValue(analysis.path, shown, *why);
  for (const Value* one : templates) {
    std::optional<FieldError> error = analysis.use == AnalysisUse::kBackground
                                          ? checkBackgroundArguments(*one, analysis)
                                          : checkBounded(*one, analysis.path);
    if (error) return error;
  }
  return std::nullopt;
}

}  // namespace

FieldErrors validateReferences(const Value& rollout, const References& references, Lookups lookups) {
  FieldErrors errors;
  const Value& strategy = rollout["spec"]["strategy"];
  const auto enough = [&] { return lookups == Lookups::kUntilFirstError && !errors.empty(); };
  for (const ServiceReference& reference : servicesOf(strategy)) {
    if (enough()) return errors;
    std::optional<FieldError> error = checkService(rollout, reference, references.service(reference.name));
    if (error) errors.push_back(*std::move(error));
  }
  for (const AnalysisBlock& analysis : analysesOf(strategy)) {
    if (enough()) return errors;
    std::optional<FieldError> error = checkAnalysis(rollout, analysis, references);
    if (error) errors.push_back(*std::move(error));
  }
  return errors;
}

}  // namespace towpath::api
