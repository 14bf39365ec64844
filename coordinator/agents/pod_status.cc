#include "agents/pod_status.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "json/patch.h"

namespace towpath::agents {

namespace {

bool isOurs(const Value& condition) { return condition["type"].asStringView() == "PodScheduled"; }

std::int64_t restartsOf(const Value& status) {
  std::int64_t restarts = 0;
  for (const Value& container : status["containerStatuses"].asArray()) restarts += container["restartCount"].asInt();
  return restarts;
}

// A condition that holds as before keeps its time, unless a restart in between says that it was interrupted.
void dateCondition(Value& condition, const Value& stored, bool same_run, WallTime now) {
  if (condition["lastTransitionTime"].isNull()) return;
  condition["lastTransitionTime"] = formatRfc3339(now);
  for (const Value& before : stored["conditions"].asArray()) {
    const bool same = before["type"] == condition["type"] && before["status"] == condition["status"];
    if (same && same_run && !before["lastTransitionTime"].isNull())
      condition["lastTransitionTime"] = before["lastTransitionTime"];
  }
}

// The reported conditions, and before them those of ours that the stored status has.
Array mergedConditions(const Value& stored, const Value& reported, WallTime now) {
  const bool same_run = restartsOf(stored) == restartsOf(reported);
  Array merged;
  for (const Value& condition : stored["conditions"].asArray()) {
    if (isOurs(condition)) merged.push_back(condition);
  }
  for (const Value& condition : reported["conditions"].asArray()) {
    if (isOurs(condition)) continue;
    merged.push_back(condition);
    dateCondition(merged.back(), stored, same_run, now);
  }
  return merged;
}

}  // namespace

std::optional<Value> podStatusPatch(const Value& pod, Value reported, WallTime now) {
  const Value& stored = pod["status"];
  reported["conditions"] = mergedConditions(stored, reported, now);
  Value after = json::mergePatch(stored.isNull() ? Value(Object{}) : stored, reported);
  if (after == stored) return std::nullopt;
  Value patch;
  patch["status"] = std::move(reported);
  return patch;
}

}  // namespace towpath::agents
