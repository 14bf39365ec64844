#include "model/conditions.h"

namespace towpath::model {

const char* toString(ConditionStatus status) {
  switch (status) {
    case ConditionStatus::kFalse:
      return "False";
    case ConditionStatus::kTrue:
      return "True";
    case ConditionStatus::kUnknown:
      return "Unknown";
  }
  return "Unknown";
}

ConditionStatus parseConditionStatus(std::string_view text) {
  if (text == "True") return ConditionStatus::kTrue;
  if (text == "False") return ConditionStatus::kFalse;
  return ConditionStatus::kUnknown;
}

const Condition* findCondition(const Conditions& conditions, std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &Condition::type);
  return found == conditions.end() ? nullptr : &*found;
}

bool hasReason(const Conditions& conditions, std::string_view type, std::string_view reason) {
  const Condition* found = findCondition(conditions, type);
  return found != nullptr && found->reason == reason;
}

bool setCondition(Conditions& conditions, Condition next, ConditionWrite write) {
  const auto found = std::ranges::find(conditions, next.type, &Condition::type);
  if (found != conditions.end()) {
    const bool same = found->status == next.status && found->reason == next.reason;
    if (same && write == ConditionWrite::kIfChanged) return false;
    if (found->status == next.status) next.last_transition_time = found->last_transition_time;
    if (*found == next) return false;
    conditions.erase(found);
  }
  conditions.push_back(std::move(next));
  return true;
}

bool removeCondition(Conditions& conditions, std::string_view type) {
  return std::erase_if(conditions, [&](const Condition& condition) { return condition.type == type; }) > 0;
}

}  // namespace towpath::model
