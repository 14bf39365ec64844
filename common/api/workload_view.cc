#include "api/workload_view.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "api/decode.h"
#include "api/injected.h"
#include "api/keys.h"
#include "api/rollout_view.h"

namespace towpath::api {

namespace {

std::optional<int> annotatedNumber(const Value& annotations, std::string_view key) {
  const std::string_view text = annotations[key].asStringView();
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string requirementText(const std::string& key, std::string_view op, const Value& values) {
  if (op == "Exists") return key;
  if (op == "DoesNotExist") return "!" + key;
  std::set<std::string> sorted;
  for (const Value& value : values.asArray()) sorted.insert(value.asString());
  return fmt::format("{} {} ({})", key, op == "NotIn" ? "notin" : "in", fmt::join(sorted, ","));
}

bool requirementMatches(const Value& requirement, const Value& labels) {
  const std::string* label = labels[requirement["key"].asStringView()].ifString();
  const std::string_view op = requirement["operator"].asStringView();
  if (op == "Exists") return label;
  if (op == "DoesNotExist") return !label;
  const Array& values = requirement["values"].asArray();
  const bool is_listed = label && std::find(values.begin(), values.end(), Value(*label)) != values.end();
  if (op == "NotIn") return !is_listed;
  return op == "In" && is_listed;
}

}  // namespace

model::ReplicaSet decodeReplicaSet(const Value& object) {
  const Value& metadata = object["metadata"];
  const Value& annotations = metadata["annotations"];
  const Value& status = object["status"];
  model::ReplicaSet set;
  set.name = metadata["name"].asString();
  set.uid = metadata["uid"].asString();
  set.hash = metadata["labels"][kHashLabel].asString();
  set.creation_time = optionalTime(metadata["creationTimestamp"]).value_or(WallTime{});
  set.revision = annotatedNumber(annotations, kRevision);
  set.desired_replicas = annotatedNumber(annotations, kDesiredReplicas);
  if (const std::string* deadline = annotations[kScaleDownDeadline].ifString(); deadline && !deadline->empty()) {
    set.scale_down_deadline = parseRfc3339(*deadline).value_or(WallTime{});
  }
  set.min_ready_seconds = intOr(object["spec"]["minReadySeconds"], 0);
  set.generation = metadata["generation"].asInt();
  set.observed_generation = status["observedGeneration"].asInt();
  set.replicas = intOr(object["spec"]["replicas"], 1);
  set.current_replicas = intOr(status["replicas"], 0);
  set.ready_replicas = intOr(status["readyReplicas"], 0);
  set.available_replicas = intOr(status["availableReplicas"], 0);
  set.terminating_replicas = intOr(status["terminatingReplicas"], 0);
  const model::Conditions conditions = decodeConditions(status["conditions"]);
  if (const model::Condition* failure = model::findCondition(conditions, model::condition::kReplicaFailure)) {
    set.failure = *failure;
  }
  set.ephemeral_metadata = recordedMetadata(object);
  set.repelled_hash = repelledHash(object["spec"]["template"]);
  set.deleting = metadata["deletionTimestamp"].isString();
  return set;
}

model::Service decodeService(const Value& object) {
  return {object["metadata"]["name"].asString(), object["spec"]["selector"][kHashLabel].asString(),
          object["metadata"]["annotations"][kManagedBy].asString()};
}

std::string selectorText(const Value& selector) {
  std::vector<std::pair<std::string, std::string>> parts;  // key and text
  for (const Object::Member& label : selector["matchLabels"].asObject()) {
    parts.emplace_back(label.key, label.key + "=" + label.value.asString());
  }
  for (const Value& requirement : selector["matchExpressions"].asArray()) {
    const std::string key = requirement["key"].asString();
    parts.emplace_back(key, requirementText(key, requirement["operator"].asStringView(), requirement["values"]));
  }
  std::sort(parts.begin(), parts.end());
  std::string text;
  for (const auto& [key, part] : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

bool selectorMatches(const Value& selector, const Value& labels) {
  if (!selector.isObject()) return false;
  const Object& wanted = selector["matchLabels"].asObject();
  const Array& requirements = selector["matchExpressions"].asArray();
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const Object::Member& label) { return labels[label.key] == label.value; }) &&
         std::all_of(requirements.begin(), requirements.end(),
                     [&](const Value& requirement) { return requirementMatches(requirement, labels); });
}

}  // namespace towpath::api
