// Which ReplicaSet is which, revisions and history (core-semantics 2.3, 2.5, 2.6).
#include <algorithm>
#include <string_view>
#include <tuple>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

int nextRevision(const Pass& pass) {
  int highest = 0;
  const ReplicaSet* fresh = newSet(pass);
  for (const ReplicaSet& set : pass.world.replica_sets) {
    if (&set != fresh) highest = std::max(highest, set.revision.value_or(0));
  }
  return highest + 1;
}

void setRolloutRevision(Pass& pass, int revision) {
  if (pass.world.revision == revision) return;
  act(pass, SetRolloutRevision{revision});
  event(pass, "RolloutUpdated", fmt::format("Rollout updated to revision {}", revision));
}

// What ran before goes on, and so does its phase, until the deadline. The first version has none yet.
void writeCreationPhase(Pass& pass) {
  const model::Condition* progressing = findCondition(pass.next.conditions, model::condition::kProgressing);
  const auto deadline = std::chrono::seconds(pass.spec().progress_deadline_seconds);
  const bool overdue = progressing->last_update_time + deadline < pass.now;
  if (!overdue && pass.next.phase != model::RolloutPhase::kNone) return;
  pass.next.phase = overdue ? model::RolloutPhase::kDegraded : model::RolloutPhase::kProgressing;
  pass.next.message = fmt::format("{}: {}", progressing->reason, progressing->message);
}

void reportCreateFailure(Pass& pass, const CreateFailure& failure) {
  pass.next = pass.old();
  if (failure.collision) {
    pass.next.collision_count = pass.old().collision_count.value_or(0) + 1;
    act(pass, PatchStatus{pass.next, false});
    return;
  }
  const std::string message = fmt::format("Failed to create new replica set \"{}\": {}", failure.name, failure.message);
  const bool changed =
      setCondition(pass.next.conditions, {model::condition::kProgressing, model::ConditionStatus::kFalse,
                                          model::reason::kReplicaSetCreateError, message, pass.stamp, pass.stamp});
  writeCreationPhase(pass);
  if (pass.next != pass.old()) act(pass, PatchStatus{pass.next, false});
  if (changed) event(pass, model::reason::kReplicaSetCreateError, message, EventType::kWarning);
  lookAgain(pass, pass.now + 10s);
}

bool removable(const ReplicaSet& set) {
  return set.current_replicas == 0 && set.replicas == 0 && set.generation <= set.observed_generation && !set.deleting;
}

}  // namespace

void createNewSet(Pass& pass) {
  if (pass.in.create_failure) {
    reportCreateFailure(pass, *pass.in.create_failure);
    return;
  }
  const std::string name = pass.in.name + "-" + pass.in.computed_hash;
  const int revision = nextRevision(pass);
  act(pass, CreateReplicaSet{name, pass.in.computed_hash, revision, pass.wanted(), metadataOfNewSet(pass),
                             repulsionOf(pass, pass.in.computed_hash)});
  setRolloutRevision(pass, revision);
  event(pass, model::reason::kNewReplicaSetCreated, fmt::format("Created ReplicaSet {} (revision {})", name, revision));
  pass.decision.decide_again = true;
}

void syncRevision(Pass& pass) {
  const ReplicaSet* fresh = newSet(pass);
  // A revision is only ever raised, so that a re-used ReplicaSet becomes the newest.
  const int revision = std::max(nextRevision(pass), fresh->revision.value_or(0));
  if (!pass.world.new_rs_in_sync || fresh->revision != revision || repelsWrongVersion(pass)) {
    act(pass, SyncReplicaSet{fresh->name, revision, repulsionOf(pass, fresh->hash)});
  }
  setRolloutRevision(pass, revision);
}

void collectHistory(Pass& pass) {
  std::vector<const ReplicaSet*> candidates = otherSets(pass);
  std::erase_if(candidates, [](const ReplicaSet* set) { return set->deleting; });
  // Creation is dated by whole seconds: of those made within one the revision tells which is older.
  std::ranges::sort(candidates, {}, [](const ReplicaSet* set) {
    return std::tuple(set->creation_time, set->revision.value_or(0), std::string_view(set->name));
  });
  const auto excess = static_cast<std::int64_t>(candidates.size()) - pass.spec().revision_history_limit;
  std::vector<std::string> doomed;
  // Ones that can't go yet are not made up for by younger ones.
  for (std::int64_t i = 0; i < excess; ++i) {
    if (removable(*candidates[static_cast<std::size_t>(i)]))
      doomed.push_back(candidates[static_cast<std::size_t>(i)]->name);
  }
  for (const std::string& name : doomed) act(pass, DeleteReplicaSet{name});
}

}  // namespace towpath::rollout
