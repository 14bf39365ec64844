#include "edge/jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cluster/kinds.h"
#include "edge/replica_set_plan.h"

namespace towpath::edge {

using cluster::kJobs;
using cluster::kPods;

namespace {

constexpr std::int32_t kMostAtOnce = 100;  // creates of one pass

// Pods of an analysis' job are named after it: uid.metric.number, which may be cut anywhere.
std::string podName(const Value& job, std::uint64_t random) {
  std::string prefix(cluster::nameOf(job).substr(0, 57));
  while (prefix.ends_with('.') || prefix.ends_with('-')) prefix.pop_back();
  return randomName(prefix, random);
}

}  // namespace

Jobs::Jobs(Parts parts)
    : parts_(parts),
      controller_(parts.loop, {.name = "job"}, [this](cluster::ObjectKey key) { return pass(std::move(key)); }),
      job_listener_(
          parts.jobs.listen([this](const cluster::CacheChange& change) { controller_.queue().add(change.key()); })),
      pod_listener_(parts.pods.listen([this](const cluster::CacheChange& change) { podChanged(change); })) {}

void Jobs::podChanged(const cluster::CacheChange& change) {
  if (!change.after || change.after->meta().deleting) deleted_uids_.erase(change.meta().uid);
  const cluster::OwnerRef* owner = (change.after ? change.after : change.before)->meta().controllerOwner();
  if (owner && owner->kind == kJobs.kind) controller_.queue().add({change.meta().ns, owner->name});
}

JobWorld Jobs::worldOf(const Value& job) const {
  JobWorld world{.job = job, .pods = {}};
  for (const PodFacts* pod : parts_.index.ownedBy(std::string(cluster::uidOf(job)))) {
    if (pod->finished() || !deleted_uids_.contains(pod->uid)) world.pods.push_back(pod);
  }
  return world;
}

loop::Task<Result<cluster::PassEnd>> Jobs::pass(cluster::ObjectKey key) {
  const cluster::ObjectRef stored = parts_.jobs.find(key.ns, key.name);
  if (!stored) co_return cluster::PassEnd{};
  const Value job = stored->parse();
  JobPlan plan = planJob(worldOf(job), parts_.loop.steadyNow());
  if (plan.expired) {
    Result<void> removed = co_await parts_.api.remove(
        kJobs, key.ns, key.name, {.propagation = cluster::Propagation::kForeground, .uid = stored->meta().uid});
    if (!removed && removed.error().kind != ErrorKind::kNotFound) co_return std::unexpected(removed.error());
    co_return cluster::PassEnd{};
  }
  // What is written first cannot be undone by a crash: a job that has failed starts no pod again.
  if (auto written = co_await writeStatus(job, std::move(plan.status)); !written) {
    co_return std::unexpected(written.error());
  }
  std::vector<std::pair<std::string, std::string>> gone;
  for (const PodFacts* pod : plan.erase) gone.emplace_back(pod->name, pod->uid);
  for (auto& [name, uid] : gone) {
    if (auto deleted = co_await deletePod(key.ns, name, uid); !deleted) co_return std::unexpected(deleted.error());
  }
  for (std::int32_t i = 0; i < std::min(plan.create, kMostAtOnce); ++i) {
    if (auto created = co_await createPod(job); !created) co_return std::unexpected(created.error());
  }
  if (!plan.event.empty()) {
    const bool bad = plan.event != "Completed" && plan.event != "Suspended";
    parts_.events.record(cluster::subjectOf(kJobs, stored->meta()),
                         bad ? cluster::EventType::kWarning : cluster::EventType::kNormal, plan.event, plan.message);
  }
  co_return cluster::PassEnd{.again_after = plan.look_again};
}

loop::Task<Result<void>> Jobs::createPod(const Value& job) {
  const cluster::EventSubject subject = cluster::subjectOf(kJobs, cluster::readMeta(job));
  for (int attempt = 0;; ++attempt) {
    const std::string name = podName(job, parts_.loop.random());
    const Result<cluster::ObjectRef> created = co_await parts_.api.create(kPods, podFor(job, name));
    if (created) {
      parts_.pods.observe(*created);
      parts_.events.record(subject, cluster::EventType::kNormal, "SuccessfulCreate", "Created pod: " + name);
      co_return {};
    }
    if (created.error().kind == ErrorKind::kAlreadyExists && attempt < 3) continue;
    parts_.events.record(subject, cluster::EventType::kWarning, "FailedCreate",
                         "Error creating: " + describe(created.error()));
    co_return std::unexpected(created.error());
  }
}

loop::Task<Result<void>> Jobs::deletePod(std::string ns, std::string name, std::string uid) {
  deleted_uids_.insert(uid);
  Result<void> removed = co_await parts_.api.remove(kPods, ns, name, {.uid = uid});
  if (removed) co_return removed;
  deleted_uids_.erase(uid);
  if (removed.error().kind == ErrorKind::kNotFound || removed.error().kind == ErrorKind::kConflict) co_return {};
  co_return removed;
}

loop::Task<Result<void>> Jobs::writeStatus(const Value& job, Value status) {
  if (status == job["status"]) co_return {};
  Value updated = job;
  updated["status"] = std::move(status);
  const Result<cluster::ObjectRef> written =
      co_await parts_.api.update(kJobs, std::move(updated), {.subresource = "status"});
  if (!written) {
    if (written.error().kind == ErrorKind::kNotFound) co_return {};
    co_return std::unexpected(written.error());
  }
  parts_.jobs.observe(*written);
  co_return {};
}

}  // namespace towpath::edge
