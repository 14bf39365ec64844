#include "edge/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "cluster/kinds.h"

namespace towpath::edge {

using cluster::kPods;

namespace {

// A pod that changed meanwhile is looked at again with its next state.
constexpr Duration kAfterConflict = 50ms;

// Nothing to place, and nothing to say about the place.
bool isSettled(const PodFacts* pod) { return !pod || !pod->active() || (!pod->node.empty() && pod->scheduled); }

Result<cluster::PassEnd> endOf(const Result<void>& done) {
  if (done || done.error().kind == ErrorKind::kNotFound) return cluster::PassEnd{};
  if (done.error().kind == ErrorKind::kConflict) return cluster::PassEnd{.again_after = kAfterConflict};
  return std::unexpected(done.error());
}

Value scheduledCondition(const Value& before, const std::string& reason, const std::string& message, WallTime now) {
  const char* status = reason.empty() ? "True" : "False";
  Value condition = Object{{"type", "PodScheduled"}, {"status", status}};
  const bool lasting = before["status"].asStringView() == status;
  condition["lastTransitionTime"] = lasting ? before["lastTransitionTime"] : Value(formatRfc3339(now));
  if (!reason.empty()) condition["reason"] = reason;
  if (!message.empty()) condition["message"] = message;
  return condition;
}

}  // namespace

// One worker: each decision must see the one before it.
Scheduler::Scheduler(Parts parts)
    : parts_(parts),
      controller_(parts.loop, {.name = "scheduler", .workers = 1},
                  [this](cluster::ObjectKey key) { return pass(std::move(key)); }),
      pod_listener_(parts.pods.listen([this](const cluster::CacheChange& change) { podChanged(change); })),
      node_listener_(parts.nodes.listen([this](const cluster::CacheChange&) { roomChanged(); })) {}

void Scheduler::podChanged(const cluster::CacheChange& change) {
  const cluster::ObjectKey key = change.key();
  const PodFacts* pod = parts_.pod_index.find(key);
  if (!pod || !pod->node.empty() || !pod->active()) without_place_.erase(key);
  if (!pod || pod->finished()) roomChanged();
  if (isSettled(pod)) return;
  // A pod without a node waits for room, not for its own next change; one with a node lacks only the condition.
  if (!change.before || !pod->node.empty()) controller_.queue().add(key);
}

void Scheduler::roomChanged() {
  for (const cluster::ObjectKey& key : without_place_) controller_.queue().add(key);
}

PlacementWorld Scheduler::world() const {
  PlacementWorld world{.nodes = parts_.node_index.all()};
  for (const PodFacts* pod : parts_.pod_index.all()) {
    if (!pod->node.empty() && !pod->finished()) world.pods.push_back(pod);
  }
  return world;
}

PlacementRequest Scheduler::requestFor(const PodFacts& pod, const Value& object) const {
  PlacementRequest request{.pod = &pod, .spec = object["spec"], .every_node = pod.every_node};
  const cluster::OwnerRef* owner = pod.object->meta().controllerOwner();
  const cluster::ObjectRef set =
      owner && owner->kind == "ReplicaSet" ? parts_.replica_sets.find(pod.ns, owner->name) : nullptr;
  if (!set) return request;
  if (cluster::annotationOf(set->parse(), kPlacementAnnotation) == kEveryNode) request.every_node = true;
  const cluster::OwnerRef* rollout = set->meta().controllerOwner();
  if (!rollout) return request;
  for (const cluster::ObjectRef& relative : parts_.replica_sets.controlledBy(rollout->uid)) {
    if (relative->meta().uid != set->meta().uid) request.related_owners.push_back(relative->meta().uid);
  }
  return request;
}

loop::Task<Result<cluster::PassEnd>> Scheduler::pass(cluster::ObjectKey key) {
  const PodFacts* pod = parts_.pod_index.find(key);
  if (isSettled(pod)) co_return cluster::PassEnd{};
  if (!pod->node.empty()) co_return endOf(co_await setScheduled(pod->object, "", ""));
  const Value object = pod->object->parse();
  if (!object["spec"]["schedulingGates"].asArray().empty()) co_return cluster::PassEnd{};
  const PlacementAnswer answer = place(requestFor(*pod, object), world());
  Result<void> done;
  if (const auto* placed = std::get_if<Placed>(&answer)) {
    without_place_.erase(key);
    done = co_await bind(*pod, placed->node);
  } else {
    without_place_.insert(key);
    const std::string& message = std::get<NotPlaced>(answer).message;
    const cluster::ObjectRef ref = pod->object;
    if (conditionOf(object, "PodScheduled")["message"].asStringView() != message) {
      parts_.events.record(cluster::subjectOf(kPods, ref->meta()), cluster::EventType::kWarning, "FailedScheduling",
                           message);
    }
    done = co_await setScheduled(ref, "Unschedulable", message);
  }
  co_return endOf(done);
}

loop::Task<Result<void>> Scheduler::bind(PodFacts pod, std::string node) {
  Value patch;
  patch["metadata"]["uid"] = pod.uid;
  patch["metadata"]["resourceVersion"] = pod.object->meta().resource_version;
  patch["spec"]["nodeName"] = node;
  const Result<cluster::ObjectRef> bound =
      co_await parts_.api.patch(kPods, pod.ns, pod.name, cluster::PatchType::kMerge, std::move(patch));
  if (!bound) co_return std::unexpected(bound.error());
  parts_.pods.observe(*bound);
  parts_.events.record(cluster::subjectOf(kPods, (*bound)->meta()), cluster::EventType::kNormal, "Scheduled",
                       fmt::format("Successfully assigned {}/{} to {}", pod.ns, pod.name, node));
  co_return co_await setScheduled(*bound, "", "");
}

// An empty reason: it is scheduled.
loop::Task<Result<void>> Scheduler::setScheduled(cluster::ObjectRef pod, std::string reason, std::string message) {
  const Value object = pod->parse();
  const Value& before = conditionOf(object, "PodScheduled");
  Value condition = scheduledCondition(before, reason, message, parts_.loop.steadyNow());
  if (before == condition) co_return {};
  Array conditions = object["status"]["conditions"].asArray();
  std::erase_if(conditions, [](const Value& one) { return one["type"].asStringView() == "PodScheduled"; });
  conditions.push_back(std::move(condition));
  Value patch;
  // The list is replaced whole, so it must be the one that was read.
  patch["metadata"]["resourceVersion"] = pod->meta().resource_version;
  patch["status"]["conditions"] = std::move(conditions);
  const Result<cluster::ObjectRef> written = co_await parts_.api.patch(
      kPods, pod->meta().ns, pod->meta().name, cluster::PatchType::kMerge, std::move(patch), {.subresource = "status"});
  if (written) parts_.pods.observe(*written);
  if (!written) co_return std::unexpected(written.error());
  co_return {};
}

}  // namespace towpath::edge
