#include "edge/replica_sets.h"

#include <fmt/format.h>

#include <algorithm>

#include "cluster/kinds.h"
#include "loop/timeout.h"

namespace towpath::edge {

using cluster::kPods;
using cluster::kReplicaSets;

namespace {

constexpr std::int32_t kFirstBatch = 1;    // a create that is always refused costs one request, not hundreds
constexpr std::int32_t kMostAtOnce = 500;  // creates or deletes of one pass

cluster::EventSubject subjectOf(const Value& object) {
  return {object["apiVersion"].asString(),           object["kind"].asString(),
          std::string(cluster::namespaceOf(object)), std::string(cluster::nameOf(object)),
          std::string(cluster::uidOf(object)),       object["metadata"]["resourceVersion"].asString()};
}

}  // namespace

ReplicaSets::ReplicaSets(Parts parts)
    : parts_(parts),
      controller_(parts.loop, {.name = "replica set"}, [this](cluster::ObjectKey key) { return pass(std::move(key)); }),
      replica_set_listener_(parts.replica_sets.listen(
          [this](const cluster::CacheChange& change) { controller_.queue().add(change.key()); })),
      pod_listener_(parts.pods.listen([this](const cluster::CacheChange& change) { podChanged(change); })) {}

void ReplicaSets::podChanged(const cluster::CacheChange& change) {
  if (!change.after || change.after->meta().deleting) deleted_uids_.erase(change.meta().uid);
  for (const cluster::ObjectRef& pod : {change.before, change.after}) {
    const cluster::OwnerRef* owner = pod ? pod->meta().controllerOwner() : nullptr;
    if (owner && owner->kind == kReplicaSets.kind) controller_.queue().add({pod->meta().ns, owner->name});
  }
}

ReplicaSetWorld ReplicaSets::worldOf(const Value& replica_set) const {
  const Value& spec = replica_set["spec"];
  ReplicaSetWorld world{.replicas = static_cast<std::int32_t>(spec["replicas"].asInt(1)),
                        .min_ready_seconds = static_cast<std::int32_t>(spec["minReadySeconds"].asInt()),
                        .deleting = !replica_set["metadata"]["deletionTimestamp"].isNull()};
  for (const auto& [key, value] : spec["template"]["metadata"]["labels"].asObject()) {
    world.template_labels.emplace_back(key, value.asString());
  }
  const std::string uid(cluster::uidOf(replica_set));
  for (const PodFacts* pod : parts_.index.ownedBy(uid)) {
    if (!deleted_uids_.contains(pod->uid)) {
      world.pods.push_back(pod);
    } else if (!pod->finished()) {
      ++world.terminating;
    }
  }
  const cluster::ObjectMeta meta = cluster::readMeta(replica_set);
  const cluster::OwnerRef* owner = meta.controllerOwner();
  if (!owner) return world;
  for (const cluster::ObjectRef& relative : parts_.replica_sets.controlledBy(owner->uid)) {
    if (relative->meta().uid == uid) continue;
    for (const PodFacts* pod : parts_.index.ownedBy(relative->meta().uid)) {
      if (pod->active() && !pod->node.empty()) ++world.related_by_node[pod->node];
    }
  }
  return world;
}

loop::Task<Result<cluster::PassEnd>> ReplicaSets::pass(cluster::ObjectKey key) {
  const cluster::ObjectRef stored = parts_.replica_sets.find(key.ns, key.name);
  if (!stored) co_return cluster::PassEnd{};
  const Value replica_set = stored->parse();
  const ReplicaSetPlan plan = planReplicaSet(worldOf(replica_set), parts_.loop.steadyNow());

  std::string failure;
  if (plan.create > 0) failure = co_await createPods(replica_set, std::min(plan.create, kMostAtOnce));
  std::vector<loop::Task<Result<void>>> deletions;
  for (const PodFacts* pod : plan.erase) {
    if (std::ssize(deletions) == kMostAtOnce) break;
    deleted_uids_.insert(pod->uid);
    deletions.push_back(deletePod(pod->ns, pod->name, pod->uid));
  }
  if (!deletions.empty()) {
    const auto count = deletions.size();
    for (const Result<void>& done : co_await loop::whenAll(parts_.loop, std::move(deletions))) {
      if (!done) co_return std::unexpected(done.error());
    }
    tell(replica_set, cluster::EventType::kNormal, "SuccessfulDelete", fmt::format("Deleted {} pod(s)", count));
  }
  // The caches know our own writes by now.
  const ReplicaSetPlan after = planReplicaSet(worldOf(replica_set), parts_.loop.steadyNow());
  if (auto written = co_await writeStatus(replica_set, after.counts, failure); !written) {
    co_return std::unexpected(written.error());
  }
  if (!failure.empty()) co_return fail(ErrorKind::kUnavailable, "pods cannot be created: " + failure);
  co_return cluster::PassEnd{.again_after = after.look_again};
}

// In batches that double: 1, 2, 4, … The message of the first refusal, or "".
loop::Task<std::string> ReplicaSets::createPods(const Value& replica_set, std::int32_t count) {
  std::string failure;
  for (std::int32_t batch = kFirstBatch; count > 0 && failure.empty(); batch *= 2) {
    std::vector<loop::Task<Result<void>>> creates;
    for (std::int32_t i = 0; i < std::min(batch, count); ++i) creates.push_back(createPod(replica_set));
    count -= static_cast<std::int32_t>(creates.size());
    for (const Result<void>& done : co_await loop::whenAll(parts_.loop, std::move(creates))) {
      if (!done && failure.empty()) failure = describe(done.error());
    }
  }
  if (!failure.empty()) {
    tell(replica_set, cluster::EventType::kWarning, "FailedCreate", "Error creating: " + failure);
  }
  co_return failure;
}

loop::Task<Result<void>> ReplicaSets::createPod(const Value& replica_set) {
  for (int attempt = 0;; ++attempt) {
    const std::string name = randomName(cluster::nameOf(replica_set), parts_.loop.random());
    const Result<cluster::ObjectRef> created = co_await parts_.api.create(kPods, podFor(replica_set, name));
    if (created) {
      parts_.pods.observe(*created);
      tell(replica_set, cluster::EventType::kNormal, "SuccessfulCreate", "Created pod: " + name);
      co_return {};
    }
    if (created.error().kind != ErrorKind::kAlreadyExists || attempt == 3) co_return std::unexpected(created.error());
  }
}

loop::Task<Result<void>> ReplicaSets::deletePod(std::string ns, std::string name, std::string uid) {
  Result<void> removed = co_await parts_.api.remove(kPods, ns, name, {.uid = uid});
  if (removed) co_return removed;
  if (removed.error().kind == ErrorKind::kNotFound || removed.error().kind == ErrorKind::kConflict) co_return {};
  deleted_uids_.erase(uid);
  co_return removed;
}

loop::Task<Result<void>> ReplicaSets::writeStatus(const Value& replica_set, ReplicaSetCounts counts,
                                                  std::string failure) {
  Value status = replicaSetStatus(replica_set, counts, failure, parts_.loop.steadyNow());
  if (status == replica_set["status"]) co_return {};
  Value updated = replica_set;
  updated["status"] = std::move(status);
  // Ours alone, and made from this very version: without a precondition, since the spec may have moved on meanwhile.
  updated["metadata"].makeObject().erase("resourceVersion");
  const Result<cluster::ObjectRef> written =
      co_await parts_.api.update(kReplicaSets, std::move(updated), {.subresource = "status"});
  if (!written) {
    if (written.error().kind == ErrorKind::kNotFound) co_return {};
    co_return std::unexpected(written.error());
  }
  parts_.replica_sets.observe(*written);
  co_return {};
}

void ReplicaSets::tell(const Value& replica_set, cluster::EventType type, const std::string& reason,
                       const std::string& message) {
  parts_.events.record(subjectOf(replica_set), type, reason, message);
}

}  // namespace towpath::edge
