#include "cluster/selector.h"

#include <algorithm>
#include <tuple>

namespace towpath::cluster {
namespace {

const std::string* valueOf(const Labels& labels, std::string_view key) {
  for (const auto& [name, value] : labels) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<LabelRequirement> readRequirement(const Value& expression) {
  using Operator = LabelRequirement::Operator;
  LabelRequirement requirement;
  requirement.key = expression["key"].asString();
  if (requirement.key.empty()) return fail(ErrorKind::kInvalid, "must name a label", "key");
  const std::string_view op = expression["operator"].asStringView();
  for (const Value& value : expression["values"].asArray()) requirement.values.push_back(value.asString());
  std::ranges::sort(requirement.values);
  if (op == "In" || op == "NotIn") {
    requirement.op = op == "In" ? Operator::kIn : Operator::kNotIn;
    if (requirement.values.empty()) {
      return fail(ErrorKind::kInvalid, "must be specified when `operator` is 'In' or 'NotIn'", "values");
    }
    return requirement;
  }
  if (op != "Exists" && op != "DoesNotExist") {
    return fail(ErrorKind::kInvalid, "\"" + std::string(op) + "\" is not a valid label selector operator", "operator");
  }
  requirement.op = op == "Exists" ? Operator::kExists : Operator::kDoesNotExist;
  return requirement;
}

std::string list(const std::vector<std::string>& values) {
  std::string text = "(";
  for (const std::string& value : values) text += (text.size() > 1 ? "," : "") + value;
  return text + ")";
}

std::string textOf(const LabelRequirement& requirement) {
  using Operator = LabelRequirement::Operator;
  switch (requirement.op) {
    case Operator::kIn:
      return requirement.key + " in " + list(requirement.values);
    case Operator::kNotIn:
      return requirement.key + " notin " + list(requirement.values);
    case Operator::kExists:
      return requirement.key;
    case Operator::kDoesNotExist:
      return "!" + requirement.key;
    case Operator::kEquals:
      return requirement.key + "=" + requirement.values.front();
  }
  return {};
}

bool holds(const LabelRequirement& requirement, const Labels& labels) {
  using Operator = LabelRequirement::Operator;
  const std::string* value = valueOf(labels, requirement.key);
  const bool listed = value && std::ranges::find(requirement.values, *value) != requirement.values.end();
  switch (requirement.op) {
    case Operator::kEquals:
    case Operator::kIn:
      return listed;
    case Operator::kNotIn:
      return !listed;
    case Operator::kExists:
      return value != nullptr;
    case Operator::kDoesNotExist:
      return value == nullptr;
  }
  return false;
}

}  // namespace

Result<LabelSelector> LabelSelector::fromObject(const Value& selector) {
  LabelSelector read;
  for (const auto& [key, value] : selector["matchLabels"].asObject()) {
    read.requirements_.push_back({key, LabelRequirement::Operator::kEquals, {value.asString()}});
  }
  for (const Value& expression : selector["matchExpressions"].asArray()) {
    Result<LabelRequirement> requirement = readRequirement(expression);
    if (!requirement) return std::unexpected(requirement.error());
    read.requirements_.push_back(std::move(*requirement));
  }
  std::ranges::sort(read.requirements_,
                    [](const auto& a, const auto& b) { return std::tie(a.key, a.values) < std::tie(b.key, b.values); });
  return read;
}

bool LabelSelector::matches(const Labels& labels) const {
  return std::ranges::all_of(requirements_, [&](const LabelRequirement& r) { return holds(r, labels); });
}

std::string LabelSelector::text() const {
  std::string text;
  for (const LabelRequirement& requirement : requirements_) {
    if (!text.empty()) text += ",";
    text += textOf(requirement);
  }
  return text;
}

}  // namespace towpath::cluster
