// towpath.dev/on-new-version: a new template while an update is in progress. With `queue` it waits until that update
// has ended: promoted, aborted, or timed out. With `reject` it is refused for good; the annotation
// towpath.dev/rejected-template remembers it, and another template, or its removal, ends that. While a template is
// held, everything is decided as if the Rollout still had the template of the update in progress. A way back (to the
// stable version or to one before it) is never held, and neither is anything once the update is aborted.
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

using model::OnNewVersion;

const ReplicaSet* byHash(const World& world, const std::string& hash) {
  const auto found = std::ranges::find(world.replica_sets, hash, &ReplicaSet::hash);
  return hash.empty() || found == world.replica_sets.end() || found->deleting ? nullptr : &*found;
}

bool updateInProgress(const World& world) {
  const model::RolloutStatus& status = world.status;
  if (status.stable_rs.empty() || status.stable_rs == status.current_pod_hash || status.abort) return false;
  return !hasReason(status.conditions, model::condition::kProgressing, model::reason::kProgressDeadlineExceeded);
}

bool isWayBack(const World& world, const std::string& hash) {
  if (hash == world.status.stable_rs) return true;
  const ReplicaSet* wanted = byHash(world, hash);
  const ReplicaSet* stable = byHash(world, world.status.stable_rs);
  return wanted != nullptr && stable != nullptr && wanted->creation_time < stable->creation_time;
}

std::string templateHash(const World& world) {
  const auto found =
      world.new_rs ? std::ranges::find(world.replica_sets, *world.new_rs, &ReplicaSet::name) : world.replica_sets.end();
  return found == world.replica_sets.end() ? world.computed_hash : found->hash;
}

// Aborts are carried out first: the update has ended when the time of the abort is written.
bool abortIsNew(const World& world) { return world.status.abort && !world.status.aborted_at; }

}  // namespace

std::optional<World> holdNewVersion(const World& world) {
  const OnNewVersion policy = world.extensions.on_new_version;
  const ReplicaSet* current = byHash(world, world.status.current_pod_hash);
  if (policy == OnNewVersion::kReplace || current == nullptr || world.invalid) return std::nullopt;
  const std::string hash = templateHash(world);
  if (hash == current->hash || isWayBack(world, hash)) return std::nullopt;
  const bool busy = updateInProgress(world) || (abortIsNew(world) && world.status.stable_rs != current->hash);
  const bool refused = policy == OnNewVersion::kReject && world.extensions.rejected_hash == hash;
  if (!busy && !refused) return std::nullopt;
  World held = world;
  held.waiting = WaitingVersion{hash, policy == OnNewVersion::kReject};
  held.new_rs = current->name;
  held.computed_hash = current->hash;
  held.new_rs_in_sync = true;
  return held;
}

void noteWaiting(Pass& pass) {
  const std::optional<WaitingVersion>& waiting = pass.in.waiting;
  const std::string rejected = waiting && waiting->rejected ? waiting->hash : "";
  if (pass.in.extensions.rejected_hash != rejected) act(pass, NoteRejected{rejected});
}

void writeWaiting(Pass& pass) {
  const std::optional<WaitingVersion>& waiting = pass.in.waiting;
  const char* queued = model::condition::kNewVersionQueued;
  const char* rejected = model::condition::kNewVersionRejected;
  for (const char* type : {queued, rejected}) {
    const bool holds = waiting && (type == rejected) == waiting->rejected;
    if (!holds) removeCondition(pass.next.conditions, type);
  }
  if (!waiting) return;
  const std::string update =
      fmt::format("the update to revision {} ({})", pass.world.revision.value_or(0), pass.next.current_pod_hash);
  const std::string message =
      waiting->rejected
          ? fmt::format(
                "The template {} was refused during {}; to ship it, change the template again or remove the "
                "annotation towpath.dev/rejected-template after the end of the update",
                waiting->hash, update)
          : fmt::format("The template {} waits for the end of {}; abort that one to start it now", waiting->hash,
                        update);
  const char* type = waiting->rejected ? rejected : queued;
  const model::Condition* before = findCondition(pass.next.conditions, type);
  if (before != nullptr && before->message == message) return;
  removeCondition(pass.next.conditions, type);
  setCondition(pass.next.conditions, {type, model::ConditionStatus::kTrue, model::reason::kUpdateInProgress, message,
                                      pass.stamp, pass.stamp});
  eventAfterPatch(pass, type, message, waiting->rejected ? EventType::kWarning : EventType::kNormal);
}

}  // namespace towpath::rollout
