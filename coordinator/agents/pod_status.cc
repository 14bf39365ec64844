#include "agents/pod_status.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "json/patch.h"

namespace towpath::agents {

namespace {

bool isOurs(const Value& condition) { return condition["type"].asStringView() == "PodScheduled"; }

// The reported conditions, and before them those of ours that the stored status has.
Array mergedConditions(const Value& stored, const Value& reported) {
  Array merged;
  for (const Value& condition : stored["conditions"].asArray()) {
    if (isOurs(condition)) merged.push_back(condition);
  }
  for (const Value& condition : reported["conditions"].asArray()) {
    if (!isOurs(condition)) merged.push_back(condition);
  }
  return merged;
}

}  // namespace

std::optional<Value> podStatusPatch(const Value& pod, Value reported) {
  const Value& stored = pod["status"];
  reported["conditions"] = mergedConditions(stored, reported);
  Value after = json::mergePatch(stored.isNull() ? Value(Object{}) : stored, reported);
  if (after == stored) return std::nullopt;
  Value patch;
  patch["status"] = std::move(reported);
  return patch;
}

}  // namespace towpath::agents
