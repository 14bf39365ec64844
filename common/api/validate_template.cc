#include <algorithm>

#include "api/decode.h"
#include "api/validate_parts.h"
#include "api/workload_view.h"
#include "json/field.h"
#include "json/serialize.h"

namespace towpath::api {

namespace {

bool isAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool isLabelValue(std::string_view text) {
  if (text.empty()) return true;
  const auto isInner = [](char c) { return isAlphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  return text.size() <= 63 && isAlphanumeric(text.front()) && isAlphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(), isInner);
}

bool isDnsLabel(std::string_view text) {
  const auto isInner = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), isInner);
}

FieldError duplicate(std::string path, const Value& value) {
  return {FieldErrorKind::kInvalid, std::move(path), "Duplicate value: " + json::serialize(value)};
}

void validateLabels(const Value& labels, const std::string& path, FieldErrors& errors) {
  for (const Object::Member& label : labels.asObject()) {
    if (isLabelValue(label.value.asStringView())) continue;
    errors.push_back(
        invalidValue(path, label.value,
                     "a valid label must be at most 63 letters, digits, '-', '_' or '.', and begin and end with a "
                     "letter or a digit"));
  }
}

void validatePort(const Value& port, const std::string& path, FieldErrors& errors) {
  const std::int64_t number = port["containerPort"].asInt();
  if (number == 0) {
    errors.push_back(requiredValue(path + ".containerPort", ""));
  } else if (number < 1 || number > 65535) {
    errors.push_back(
        invalidValue(path + ".containerPort", port["containerPort"], "must be between 1 and 65535, inclusive"));
  }
  const std::string_view protocol = port["protocol"].asStringView("TCP");
  if (protocol != "TCP" && protocol != "UDP" && protocol != "SCTP") {
    errors.push_back({FieldErrorKind::kNotSupported, path + ".protocol",
                      fmt::format("Unsupported value: {}: supported values: \"SCTP\", \"TCP\", \"UDP\"",
                                  json::serialize(port["protocol"]))});
  }
}

void validateContainer(const Value& container, const Array& volumes, const std::string& path, FieldErrors& errors) {
  const Value& name = container["name"];
  if (name.asStringView().empty()) {
    errors.push_back(requiredValue(path + ".name", ""));
  } else if (!isDnsLabel(name.asStringView())) {
    errors.push_back(
        invalidValue(path + ".name", name,
                     "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
                     "must start and end with an alphanumeric character"));
  }
  if (container["image"].asStringView().empty()) errors.push_back(requiredValue(path + ".image", ""));
  const Array& ports = container["ports"].asArray();
  for (std::size_t i = 0; i < ports.size(); ++i) validatePort(ports[i], json::joinPath(path + ".ports", i), errors);
  const Array& env = container["env"].asArray();
  for (std::size_t i = 0; i < env.size(); ++i) {
    if (env[i]["name"].asStringView().empty()) {
      errors.push_back(requiredValue(json::joinPath(path + ".env", i) + ".name", ""));
    }
  }
  const Array& mounts = container["volumeMounts"].asArray();
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const std::string mount_path = json::joinPath(path + ".volumeMounts", i);
    const Value& wanted = mounts[i]["name"];
    const bool is_there =
        std::any_of(volumes.begin(), volumes.end(), [&](const Value& v) { return v["name"] == wanted; });
    if (!is_there) {
      errors.push_back({FieldErrorKind::kInvalid, mount_path + ".name", "Not found: " + json::serialize(wanted)});
    }
    if (mounts[i]["mountPath"].asStringView().empty()) errors.push_back(requiredValue(mount_path + ".mountPath", ""));
  }
}

void validateContainers(const Value& spec, std::string_view field, const std::string& path, FieldErrors& errors) {
  const Array& containers = spec[field].asArray();
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const std::string container_path = json::joinPath(json::joinPath(path, field), i);
    validateContainer(containers[i], spec["volumes"].asArray(), container_path, errors);
    const Value& name = containers[i]["name"];
    const auto end = containers.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(containers.begin(), end, [&](const Value& other) { return other["name"] == name; })) {
      errors.push_back(duplicate(container_path + ".name", name));
    }
  }
}

}  // namespace

void validateSelector(const Value& selector, const std::string& path, FieldErrors& errors) {
  validateLabels(selector["matchLabels"], path + ".matchLabels", errors);
  const Array& requirements = selector["matchExpressions"].asArray();
  for (std::size_t i = 0; i < requirements.size(); ++i) {
    const std::string place = json::joinPath(path + ".matchExpressions", i);
    const std::string_view op = requirements[i]["operator"].asStringView();
    const bool is_empty = requirements[i]["values"].asArray().empty();
    if (op == "In" || op == "NotIn") {
      if (is_empty) {
        errors.push_back(requiredValue(place + ".values", "must be specified when `operator` is 'In' or 'NotIn'"));
      }
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (!is_empty) {
        errors.push_back(
            forbiddenValue(place + ".values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
    } else {
      errors.push_back(invalidValue(place + ".operator", requirements[i]["operator"], "not a valid selector operator"));
    }
  }
}

void validatePodTemplate(const Value& template_value, const Value& selector, const std::string& path,
                         FieldErrors& errors) {
  const Value& labels = template_value["metadata"]["labels"];
  const std::string labels_path = path + ".metadata.labels";
  const bool selects = !selector["matchLabels"].asObject().empty() || !selector["matchExpressions"].asArray().empty();
  if (selects && !selectorMatches(selector, labels)) {
    errors.push_back(invalidValue(labels_path, labels, "`selector` does not match template `labels`"));
  }
  validateLabels(labels, labels_path, errors);
  const Value& spec = template_value["spec"];
  const std::string spec_path = path + ".spec";
  if (spec["containers"].asArray().empty()) errors.push_back(requiredValue(spec_path + ".containers", ""));
  validateContainers(spec, "containers", spec_path, errors);
  validateContainers(spec, "initContainers", spec_path, errors);
  const Value& restart = spec["restartPolicy"];
  if (restart.isString() && restart.asStringView() != "Always" && !restart.asStringView().empty()) {
    errors.push_back({FieldErrorKind::kNotSupported, spec_path + ".restartPolicy",
                      fmt::format("Unsupported value: {}: supported values: \"Always\"", json::serialize(restart))});
  }
  if (!spec["activeDeadlineSeconds"].isNull()) {
    errors.push_back(
        forbiddenValue(spec_path + ".activeDeadlineSeconds", "activeDeadlineSeconds in ReplicaSet is not Supported"));
  }
}

}  // namespace towpath::api
