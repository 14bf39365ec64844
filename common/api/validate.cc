#include "api/validate.h"

#include "api/decode.h"
#include "api/extensions.h"
#include "api/validate_parts.h"
#include "json/field.h"

namespace towpath::api {

namespace {

bool isEmptyTemplate(const Value& template_value) {
  const Value& metadata = template_value["metadata"];
  return metadata["labels"].asObject().empty() && metadata["annotations"].asObject().empty();
}

void validateOwnSelector(const Value& spec, FieldErrors& errors) {
  const Value& selector = spec["selector"];
  if (!selector.isObject()) {
    errors.push_back(requiredValue("spec.selector", "Rollout has missing field '.spec.selector'"));
    return;
  }
  validateSelector(selector, "spec.selector", errors);
  if (selector["matchLabels"].asObject().empty() && selector["matchExpressions"].asArray().empty()) {
    errors.push_back(invalidValue("spec.selector", selector, "empty selector is invalid for deployment"));
  }
}

void validateBlueGreen(const Value& spec, const std::string& path, FieldErrors& errors) {
  const Value& strategy = spec["strategy"]["blueGreen"];
  const Value active(strategy["activeService"].asString());
  if (active.asStringView() == strategy["previewService"].asStringView()) {
    errors.push_back(invalidValue(path + ".activeService", active,
                                  "This rollout uses the same service for the active and preview services, but two "
                                  "different services are required."));
  }
  const Value& limit = strategy["scaleDownDelayRevisionLimit"];
  if (optionalInt(limit) && intOr(limit, 0) > intOr(spec["revisionHistoryLimit"], 10)) {
    errors.push_back(
        invalidValue(path + ".scaleDownDelayRevisionLimit", limit,
                     "This rollout's revision history limit can not be smaller than the rollout's scale down limit"));
  }
  validateAntiAffinity(strategy["antiAffinity"], path + ".antiAffinity", errors);
}

void validateStrategy(const Value& rollout, FieldErrors& errors) {
  const std::string path = "spec.strategy";
  const Value& strategy = rollout["spec"]["strategy"];
  const bool is_blue_green = strategy["blueGreen"].isObject();
  const bool is_canary = strategy["canary"].isObject();
  if (is_blue_green && is_canary) {
    errors.push_back(invalidValue(path + ".strategy", Value("blueGreen: true canary: true"),
                                  "Multiple Strategies can not be listed"));
  } else if (is_blue_green) {
    validateBlueGreen(rollout["spec"], path, errors);
  } else if (is_canary) {
    validateCanary(rollout, path, errors);
  } else {
    errors.push_back(requiredValue(path + ".strategy",
                                   "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'"));
  }
}

void validateDeadlines(const Value& spec, FieldErrors& errors) {
  validateNonNegative(spec["minReadySeconds"], "spec.minReadySeconds", errors);
  validateNonNegative(spec["revisionHistoryLimit"], "spec.revisionHistoryLimit", errors);
  validateNonNegative(spec["progressDeadlineSeconds"], "spec.progressDeadlineSeconds", errors);
  const std::int32_t deadline = intOr(spec["progressDeadlineSeconds"], 600);
  if (deadline <= intOr(spec["minReadySeconds"], 0)) {
    errors.push_back(
        invalidValue("spec.progressDeadlineSeconds", Value(deadline), "must be greater than minReadySeconds"));
  }
}

}  // namespace

void validateNonNegative(const Value& number, const std::string& path, FieldErrors& errors) {
  if (number.asInt() >= 0) return;
  errors.push_back(invalidValue(path, number, "must be greater than or equal to 0"));
}

void validateAntiAffinity(const Value& affinity, const std::string& path, FieldErrors& errors) {
  if (!affinity.isObject()) return;
  const Value& preferred = affinity["preferredDuringSchedulingIgnoredDuringExecution"];
  const bool is_preferred = preferred.isObject();
  const bool is_required = affinity["requiredDuringSchedulingIgnoredDuringExecution"].isObject();
  if (is_preferred == is_required) {
    const std::string value = fmt::format(
        "antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: {} "
        "antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: {}",
        is_preferred, is_required);
    errors.push_back(invalidValue(path, Value(value), "AntiAffinity must have exactly one strategy listed"));
  }
  const std::int32_t weight = intOr(preferred["weight"], 0);
  if (is_preferred && (weight < 1 || weight > 100)) {
    errors.push_back(invalidValue(path + ".weight", Value(weight), "AntiAffinity weight must be between 1-100"));
  }
}

FieldErrors validateRollout(const Value& rollout) {
  FieldErrors errors;
  const Value& spec = rollout["spec"];
  const bool is_reference = spec["workloadRef"].isObject();
  validateNonNegative(spec["replicas"], "spec.replicas", errors);
  if (!is_reference) validateOwnSelector(spec, errors);
  if (is_reference && !isEmptyTemplate(spec["template"])) {
    errors.push_back(internalError("spec.template", "template must be empty for workload reference rollout"));
  }
  if (!is_reference) validatePodTemplate(spec["template"], spec["selector"], "spec.template", errors);
  validateDeadlines(spec, errors);
  validateStrategy(rollout, errors);
  validateExtensions(rollout, errors);
  return errors;
}

FieldErrors validateAnalysis(const Value& object) {
  FieldErrors errors;
  const Array& metrics = object["spec"]["metrics"].asArray();
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const std::string path = json::joinPath("spec.metrics", i);
    const Value& name = metrics[i]["name"];
    if (name.asStringView().empty()) errors.push_back(requiredValue(path + ".name", ""));
    if (std::find(names.begin(), names.end(), name.asStringView()) != names.end()) {
      errors.push_back(invalidValue(path + ".name", name, "two metrics have the same name"));
    }
    names.push_back(name.asStringView());
    const Object& providers = metrics[i]["provider"].asObject();
    const auto count =
        std::count_if(providers.begin(), providers.end(), [](const auto& p) { return !p.value.isNull(); });
    if (count != 1) {
      errors.push_back(invalidValue(path + ".provider", metrics[i]["provider"],
                                    count == 0 ? "no provider specified" : "multiple providers specified"));
    }
    if (const std::optional<std::string> why = checkMetric(metrics[i])) {
      errors.push_back(invalidValue(path, name, *why));
    }
  }
  return errors;
}

}  // namespace towpath::api
