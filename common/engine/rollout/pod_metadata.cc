// What a version's pods carry by the part they play: ephemeral metadata (core-semantics 2.9) and the term that keeps
// the new version away from the nodes of the stable one (2.10).
#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

using Metadata = std::optional<model::ObjectMetadata>;

// The blocks of the strategy, by the part that a version plays.
struct Blocks {
  Metadata stable;  // or active
  Metadata fresh;   // canary or preview
};

Blocks blocksOf(const model::RolloutSpec& spec) {
  if (const model::CanaryStrategy* canary = spec.canary()) return {canary->stable_metadata, canary->canary_metadata};
  if (const model::BlueGreenStrategy* blue_green = spec.blueGreen()) {
    return {blue_green->active_metadata, blue_green->preview_metadata};
  }
  return {};
}

Metadata metadataOf(const Pass& pass, const ReplicaSet& set) {
  const Blocks blocks = blocksOf(pass.spec());
  const ReplicaSet* stable = stableSet(pass);
  if (&set == stable) return blocks.stable;
  if (&set != newSet(pass)) return std::nullopt;
  return pass.old().stable_rs.empty() ? blocks.stable : blocks.fresh;
}

const std::optional<model::AntiAffinity>& antiAffinity(const model::RolloutSpec& spec) {
  static const std::optional<model::AntiAffinity> none;
  if (const model::CanaryStrategy* canary = spec.canary()) return canary->anti_affinity;
  if (const model::BlueGreenStrategy* blue_green = spec.blueGreen()) return blue_green->anti_affinity;
  return none;
}

}  // namespace

std::optional<Repulsion> repulsionOf(const Pass& pass, const std::string& hash) {
  const std::optional<model::AntiAffinity>& kind = antiAffinity(pass.spec());
  const std::string& stable = pass.old().stable_rs;
  if (!kind || stable.empty() || stable == hash) return std::nullopt;
  return Repulsion{stable, *kind};
}

// A term that is absent is not added later, and one that has served is not taken away for its own sake: running pods
// would not follow anyway.
bool repelsWrongVersion(const Pass& pass) {
  const ReplicaSet* fresh = newSet(pass);
  const std::string& stable = pass.old().stable_rs;
  return !fresh->repelled_hash.empty() && stable != fresh->hash && fresh->repelled_hash != stable;
}

Metadata metadataOfNewSet(const Pass& pass) {
  const Blocks blocks = blocksOf(pass.spec());
  return stableSet(pass) == nullptr ? blocks.stable : blocks.fresh;
}

void reconcileMetadata(Pass& pass) {
  std::vector<SetEphemeralMetadata> changes;
  for (const ReplicaSet& set : pass.world.replica_sets) {
    const Metadata wanted = metadataOf(pass, set);
    if (!set.deleting && (set.ephemeral_metadata != wanted || set.pods_lag)) changes.push_back({set.name, wanted});
  }
  for (SetEphemeralMetadata& change : changes) {
    act(pass, std::move(change));
    // No event tells of a pod that could not be written.
    lookAgain(pass, pass.now + 10s);
  }
}

}  // namespace towpath::rollout
