#include "edge/nodes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "cluster/kinds.h"

namespace towpath::edge {

using cluster::kNodes;
using cluster::kPods;

namespace {

constexpr const char* kSilentReason = "NodeStatusUnknown";

}  // namespace

Value wantedReadyCondition(const Value& node, Duration silence, Duration silence_max, WallTime now) {
  const Value& before = conditionOf(node, "Ready");
  const bool silent = silence > silence_max;
  const bool said_silent = before["status"].asStringView() == "Unknown";
  if (silent == said_silent && !before.isNull()) return {};
  // A node that speaks says itself how it is; only our own word is taken back.
  if (!silent && !before.isNull() && before["reason"].asStringView() != kSilentReason) return {};
  if (!silent && before.isNull()) return {};
  return Object{
      {"type", "Ready"},
      {"status", silent ? "Unknown" : "True"},
      {"reason", silent ? kSilentReason : "AgentReady"},
      {"message", silent ? "the agent has stopped reporting; its instances are left as they are" : "the agent reports"},
      {"lastTransitionTime", formatRfc3339(now)}};
}

Nodes::Nodes(Parts parts, NodeOptions options)
    : parts_(std::move(parts)), options_(options), scope_(parts_.loop, "node lifecycle") {}

void Nodes::start() { scope_.spawn(run()); }

loop::Task<void> Nodes::run() {
  while (true) {
    co_await checkSilence();
    co_await removeLostPods();
    co_await removeFinishedPods();
    co_await loop::sleep(parts_.loop, options_.check_interval);
  }
}

loop::Task<void> Nodes::checkSilence() {
  std::vector<std::pair<cluster::ObjectRef, Value>> changes;
  for (const NodeFacts* node : parts_.node_index.all()) {
    const Duration silence = parts_.loop.now() - parts_.last_heard(node->name);
    const bool silent = silence > options_.silence_max;
    const bool said_silent = node->ready == NodeFacts::Ready::kUnknown && node->ready_reason == kSilentReason;
    if (silent == said_silent) continue;
    Value condition =
        wantedReadyCondition(node->object->parse(), silence, options_.silence_max, parts_.loop.steadyNow());
    if (!condition.isNull()) changes.emplace_back(node->object, std::move(condition));
  }
  for (auto& [node, condition] : changes) co_await setReady(node, std::move(condition));
}

loop::Task<void> Nodes::setReady(cluster::ObjectRef node, Value condition) {
  const std::string status = condition["status"].asString();
  Array conditions = std::as_const(node)->parse()["status"]["conditions"].asArray();
  std::erase_if(conditions, [](const Value& one) { return one["type"].asStringView() == "Ready"; });
  conditions.push_back(std::move(condition));
  Value patch;
  patch["metadata"]["resourceVersion"] = node->meta().resource_version;
  patch["status"]["conditions"] = std::move(conditions);
  const auto written = co_await parts_.api.patch(kNodes, "", node->meta().name, cluster::PatchType::kMerge,
                                                 std::move(patch), {.subresource = "status"});
  if (!written) co_return;  // seen again at the next check
  parts_.nodes.observe(*written);
  const bool ready = status == "True";
  log::info("a node's readiness changed", {{"node", node->meta().name}, {"ready", status}});
  parts_.events.record(
      cluster::subjectOf(kNodes, node->meta()), ready ? cluster::EventType::kNormal : cluster::EventType::kWarning,
      ready ? "NodeReady" : "NodeNotReady",
      fmt::format("Node {} status is now: {}", node->meta().name, ready ? "NodeReady" : "NodeNotReady"));
}

loop::Task<void> Nodes::removeLostPods() {
  const MonoTime now = parts_.loop.now();
  std::map<std::string, MonoTime> missing;
  std::vector<const PodFacts*> lost;
  for (const PodFacts* pod : parts_.pod_index.all()) {
    if (pod->node.empty() || parts_.node_index.find(pod->node)) continue;
    const auto known = missing_since_.find(pod->node);
    const MonoTime since =
        missing.emplace(pod->node, known == missing_since_.end() ? now : known->second).first->second;
    if (now - since >= options_.deleted_node_grace) lost.push_back(pod);
  }
  missing_since_ = std::move(missing);
  std::vector<PodFacts> pods;
  for (const PodFacts* pod : lost) pods.push_back(*pod);
  for (const PodFacts& pod : pods) {
    log::info("removing a pod of a node that does not exist",
              {{"namespace", pod.ns}, {"pod", pod.name}, {"node", pod.node}});
    co_await removePod(pod.ns, pod.name, pod.uid);
  }
}

loop::Task<void> Nodes::removeFinishedPods() {
  std::vector<PodFacts> finished;
  for (const PodFacts* pod : parts_.pod_index.all()) {
    if (pod->finished() && !pod->deleting) finished.push_back(*pod);
  }
  if (finished.size() <= options_.finished_pods_max) co_return;
  std::ranges::sort(finished, {}, [](const PodFacts& pod) { return pod.created.value_or(WallTime::min()); });
  finished.resize(finished.size() - options_.finished_pods_max);
  for (const PodFacts& pod : finished) co_await removePod(pod.ns, pod.name, pod.uid);
}

loop::Task<void> Nodes::removePod(std::string ns, std::string name, std::string uid) {
  // A failure is met again at the next check.
  (void)co_await parts_.api.remove(kPods, ns, name, {.uid = uid, .grace_period_seconds = 0});
}

}  // namespace towpath::edge
