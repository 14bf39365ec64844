#include "control/rollout/pod_metadata.h"

#include "api/injected.h"
#include "api/keys.h"
#include "base/log.h"
#include "control/rollout/act.h"
#include "json/patch.h"

namespace towpath::control {
namespace {

constexpr int kPodWriteAttempts = 3;  // the cached pod may be older than the stored one

std::vector<const model::ObjectMetadata*> blocksOf(const model::RolloutSpec& spec) {
  std::vector<const model::ObjectMetadata*> blocks;
  const auto add = [&blocks](const std::optional<model::ObjectMetadata>& block) {
    if (block) blocks.push_back(&*block);
  };
  if (const model::CanaryStrategy* canary = spec.canary()) {
    add(canary->canary_metadata);
    add(canary->stable_metadata);
  }
  if (const model::BlueGreenStrategy* blue_green = spec.blueGreen()) {
    add(blue_green->active_metadata);
    add(blue_green->preview_metadata);
  }
  return blocks;
}

// A pod that was made while the metadata changed bears either set: both are known, whatever is recorded by now.
api::InjectedKeys keysOf(const model::RolloutSpec& spec, const std::optional<model::ObjectMetadata>& recorded) {
  api::InjectedKeys keys;
  if (recorded) api::addKeys(keys, *recorded);
  for (const model::ObjectMetadata* block : blocksOf(spec)) api::addKeys(keys, *block);
  return keys;
}

Value replicaSetPatch(const Value& replica_set, const std::optional<model::ObjectMetadata>& wanted) {
  const Value& metadata = replica_set["spec"]["template"]["metadata"];
  Value next = metadata;
  api::InjectedKeys owned;
  if (const auto recorded = api::recordedMetadata(replica_set)) api::addKeys(owned, *recorded);
  api::injectMetadata(next, wanted.value_or(model::ObjectMetadata{}), owned);
  Value patch;
  patch["metadata"]["annotations"][api::kEphemeralMetadata] = wanted ? Value(api::metadataText(*wanted)) : Value();
  Value difference = json::diffMerge(metadata, next);
  if (!difference.asObject().empty()) patch["spec"]["template"]["metadata"] = std::move(difference);
  return patch;
}

}  // namespace

bool podsLag(const RolloutContext& context, const model::RolloutSpec& spec, const Value& replica_set) {
  const std::optional<model::ObjectMetadata> recorded = api::recordedMetadata(replica_set);
  if (!context.caches.pods || replica_set["spec"]["replicas"].asInt() == 0) return false;
  if (!recorded && blocksOf(spec).empty()) return false;
  const api::InjectedKeys keys = keysOf(spec, recorded);
  for (const cluster::ObjectRef& ref : context.caches.pods->controlledBy(cluster::uidOf(replica_set))) {
    Value metadata = ref->parse()["metadata"];
    const Value& own = replica_set["spec"]["template"]["metadata"];
    if (api::injectMetadata(metadata, recorded.value_or(model::ObjectMetadata{}), keys, own)) return true;
  }
  return false;
}

loop::Task<Result<void>> Actor::updatePod(cluster::ObjectRef pod, PodMetadata wanted) {
  for (int attempt = 0; attempt < kPodWriteAttempts; ++attempt) {
    Value object = pod->parse();
    if (!api::injectMetadata(object["metadata"], wanted.metadata, wanted.keys, wanted.own)) co_return {};
    const Result<cluster::ObjectRef> written =
        co_await context_.api->update(cluster::kPods, std::move(object), {.field_manager = kFieldManager});
    if (written) {
      context_.caches.pods->observe(*written);
      co_return {};
    }
    if (written.error().kind == ErrorKind::kNotFound) co_return {};
    if (written.error().kind != ErrorKind::kConflict) co_return std::unexpected(written.error());
    Result<cluster::ObjectRef> newer = co_await context_.api->get(cluster::kPods, pod->meta().ns, pod->meta().name);
    if (!newer) co_return std::unexpected(newer.error());
    pod = std::move(*newer);
  }
  co_return fail(ErrorKind::kConflict, "the pod " + pod->meta().name + " changes too often");
}

// The ReplicaSet first, so that its next pods are right from the start.
loop::Task<Result<void>> Actor::act(View& view, const rollout::SetEphemeralMetadata& action) {
  const Value before = view.replica_sets[action.name];
  api::InjectedKeys keys = keysOf(view.world.spec, api::recordedMetadata(before));
  Value patch = replicaSetPatch(before, action.metadata);
  if (json::mergePatch(before, patch) != before) {
    if (auto done = co_await patchReplicaSet(view, action.name, std::move(patch)); !done) co_return done;
  }
  if (!context_.caches.pods) co_return {};
  const Value& own = view.replica_sets[action.name]["spec"]["template"]["metadata"];
  const PodMetadata wanted{action.metadata.value_or(model::ObjectMetadata{}), std::move(keys), own};
  Result<void> all;
  for (const cluster::ObjectRef& pod : context_.caches.pods->controlledBy(cluster::uidOf(before))) {
    Result<void> done = co_await updatePod(pod, wanted);
    if (!done && all) all = std::move(done);
  }
  co_return all;
}

}  // namespace towpath::control
