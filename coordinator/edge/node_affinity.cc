// nodeSelector and node affinity (k8s.io/component-helpers/scheduling/corev1/nodeaffinity).

#include <algorithm>
#include <charconv>
#include <optional>

#include "edge/placement.h"
#include "edge/topology.h"

namespace towpath::edge {
namespace {

std::optional<std::int64_t> numberOf(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool compares(const std::string* value, const Value& expression, bool greater) {
  const auto bound = numberOf(expression["values"][std::size_t{0}].asStringView());
  const auto number = value ? numberOf(*value) : std::nullopt;
  return number && bound && (greater ? *number > *bound : *number < *bound);
}

bool holds(const Value& expression, const std::string* value) {
  const std::string_view op = expression["operator"].asStringView();
  const auto listed = [&] {
    return value && std::ranges::any_of(expression["values"].asArray(),
                                        [&](const Value& one) { return one.asStringView() == *value; });
  };
  if (op == "In") return listed();
  if (op == "NotIn") return !listed();
  if (op == "Exists") return value != nullptr;
  if (op == "DoesNotExist") return value == nullptr;
  if (op == "Gt" || op == "Lt") return compares(value, expression, op == "Gt");
  return false;
}

// A term without expressions matches nothing.
bool termMatches(const Value& term, const NodeFacts& node) {
  const Array& expressions = term["matchExpressions"].asArray();
  const Array& fields = term["matchFields"].asArray();
  if (expressions.empty() && fields.empty()) return false;
  return std::ranges::all_of(
             expressions,
             [&](const Value& one) { return holds(one, labelOf(node.labels, one["key"].asStringView())); }) &&
         std::ranges::all_of(fields, [&](const Value& one) {
           return holds(one, one["key"].asStringView() == "metadata.name" ? &node.name : nullptr);
         });
}

}  // namespace

bool matchesNode(const Value& pod_spec, const NodeFacts& node) {
  for (const auto& [key, value] : pod_spec["nodeSelector"].asObject()) {
    const std::string* label = labelOf(node.labels, key);
    if (!label || *label != value.asStringView()) return false;
  }
  const Value& required = pod_spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
  if (required.isNull()) return true;
  return std::ranges::any_of(required["nodeSelectorTerms"].asArray(),
                             [&](const Value& term) { return termMatches(term, node); });
}

std::int64_t preferredNodeWeight(const Value& pod_spec, const NodeFacts& node) {
  std::int64_t weight = 0;
  const Value& preferred = pod_spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
  for (const Value& one : preferred.asArray()) {
    if (termMatches(one["preference"], node)) weight += one["weight"].asInt();
  }
  return weight;
}

}  // namespace towpath::edge
