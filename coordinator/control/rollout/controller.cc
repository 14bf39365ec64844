#include "control/rollout/controller.h"

#include <algorithm>
#include <utility>

#include "api/keys.h"
#include "base/log.h"
#include "cluster/selector.h"
#include "control/rollout/gather.h"
#include "control/rollout/replica_sets.h"
#include "control/rollout/workload.h"
#include "engine/rollout/decide.h"

namespace towpath::control {
namespace {

constexpr Duration kResync = 15min;      // looks again at a settled Rollout
constexpr Duration kNextTurn = 100ms;    // after as many decisions as one turn may take
constexpr Duration kInvalidRetry = 10s;  // an invalid one: what it lacks may have come by ways that no watch shows

}  // namespace

RolloutController::RolloutController(RolloutContext context, int workers)
    : context_(std::move(context)),
      actor_(context_, {plugin_calls_, webhook_calls_},
             [this](cluster::ObjectKey key) { controller_.queue().add(std::move(key)); }),
      controller_(*context_.loop, {.name = "rollout", .workers = workers},
                  [this](cluster::ObjectKey key) { return pass(std::move(key)); }),
      services_(context_),
      plugin_calls_(*context_.loop, context_.step_plugins),
      webhook_calls_(*context_.loop, context_.webhooks),
      status_delay_(context_.status_delay),
      scope_(*context_.loop, "rollout controller") {}

void RolloutController::start() { scope_.spawn(begin()); }

loop::Task<void> RolloutController::begin() {
  const Caches& caches = context_.caches;
  for (cluster::Cache* cache : {caches.rollouts, caches.replica_sets, caches.services, caches.analysis_runs,
                                caches.analysis_templates, caches.cluster_analysis_templates, caches.http_routes,
                                caches.pods, caches.deployments, caches.pod_templates, caches.experiments}) {
    if (cache) co_await cache->waitSynced();
  }
  listen();
  controller_.start();
  services_.start();
}

void RolloutController::listen() {
  const Caches& caches = context_.caches;
  listeners_.push_back(caches.rollouts->listen([this](const cluster::CacheChange& change) {
    if (!change.before) {
      context_.events->record(cluster::subjectOf(cluster::kRollouts, change.meta()), cluster::EventType::kNormal,
                              "RolloutAddedToInformer",
                              "Rollout resource added to informer: " + toString(change.key()));
    }
    if (!change.after) {
      traffic_.erase(change.meta().uid);
      plugin_calls_.forget(change.meta().uid);
      webhook_calls_.forget(change.meta().uid);
      status_delay_.forget(change.meta().uid);
      context_.events->record(cluster::subjectOf(cluster::kRollouts, change.meta()), cluster::EventType::kNormal,
                              "RolloutDeleted",
                              "Rollout " + change.meta().name + "/" + change.meta().ns + " is deleted.");
    }
    controller_.queue().add(change.key());
  }));
  listeners_.push_back(
      caches.replica_sets->listen([this](const cluster::CacheChange& change) { noteReplicaSet(change); }));
  for (cluster::Cache* cache : {caches.analysis_runs, caches.experiments}) {
    if (!cache) continue;
    listeners_.push_back(cache->listen([this](const cluster::CacheChange& change) { enqueueOwner(change); }));
  }
  for (cluster::Cache* cache : {caches.services, caches.analysis_templates, caches.cluster_analysis_templates,
                                caches.deployments, caches.pod_templates, caches.plain_replica_sets}) {
    if (!cache) continue;
    listeners_.push_back(
        cache->listen([this, cache](const cluster::CacheChange& change) { enqueueUsers(cache->resource(), change); }));
  }
  if (caches.http_routes) {
    listeners_.push_back(caches.http_routes->listen([this](const cluster::CacheChange& change) { noteRoute(change); }));
  }
}

void RolloutController::enqueueOwner(const cluster::CacheChange& change) {
  for (const cluster::ObjectRef& object : {change.before, change.after}) {
    const cluster::OwnerRef* owner = object ? object->meta().controllerOwner() : nullptr;
    if (owner && owner->kind == cluster::kRollouts.kind) controller_.queue().add({object->meta().ns, owner->name});
  }
}

void RolloutController::enqueueUsers(const cluster::Resource& resource, const cluster::CacheChange& change) {
  const auto users = users_.find(referenceId(resource, change.meta().ns, change.meta().name));
  if (users == users_.end()) return;
  for (const cluster::ObjectKey& key : users->second) controller_.queue().add(key);
}

void RolloutController::noteReplicaSet(const cluster::CacheChange& change) {
  enqueueOwner(change);
  enqueueUsers(cluster::kReplicaSets, change);  // as a workloadRef
  const bool orphan = change.after && !change.after->meta().controllerOwner() && !change.after->meta().deleting &&
                      change.after->meta().label(api::kHashLabel);
  if (!orphan) {
    orphans_.erase(change.key());
  } else if (orphans_.insert(change.key()).second) {
    for (const cluster::ObjectRef& rollout : context_.caches.rollouts->list(change.meta().ns)) {
      controller_.queue().add({rollout->meta().ns, rollout->meta().name});
    }
  }
}

void RolloutController::noteRoute(const cluster::CacheChange& change) {
  const auto users = users_.find(referenceId(cluster::kHttpRoutes, change.meta().ns, change.meta().name));
  if (users == users_.end()) return;
  const bool respecified =
      !change.before || !change.after || change.before->meta().generation != change.after->meta().generation;
  for (const cluster::ObjectKey& key : users->second) {
    const cluster::ObjectRef rollout = context_.caches.rollouts->find(key.ns, key.name);
    if (respecified && rollout) traffic_.erase(rollout->meta().uid);
    controller_.queue().add(key);
  }
}

void RolloutController::remember(const View& view) {
  const cluster::ObjectKey key = view.key();
  std::set<std::string> now = references(view);
  std::set<std::string>& before = references_[key];
  if (now == before) return;
  for (const std::string& id : before) {
    if (!now.contains(id)) users_[id].erase(key);
  }
  for (const std::string& id : now) users_[id].insert(key);
  before = std::move(now);
}

loop::Task<Result<cluster::PassEnd>> RolloutController::pass(cluster::ObjectKey key) {
  const cluster::ObjectRef ref = context_.caches.rollouts->find(key.ns, key.name);
  if (!ref) {
    for (const std::string& id : references_[key]) users_[id].erase(key);
    references_.erase(key);
    co_return cluster::PassEnd{};
  }
  if (ref->meta().deleting) {
    traffic_.erase(ref->meta().uid);
    co_return cluster::PassEnd{};
  }
  Value object = ref->parse();
  if (const Result<void> claimed = co_await claim(ref, object); !claimed) co_return std::unexpected(claimed.error());
  View view = gather(context_, ref, std::move(object));
  remember(view);
  if (const auto known = traffic_.find(view.world.uid); known != traffic_.end()) view.world.traffic = known->second;
  view.world.plugin_call = plugin_calls_.last(view.world.uid);
  view.world.webhook_calls = webhook_calls_.calls(view.world.uid);
  view.world.traffic.verified = co_await actor_.verifyTraffic(view);
  co_return co_await turn(view);
}

loop::Task<Result<cluster::PassEnd>> RolloutController::turn(View& view) {
  for (int i = 0; i < rollout::kMaxDecisionsPerTurn; ++i) {
    const WallTime now = context_.loop->steadyNow();
    rollout::Decision decision = rollout::decide(view.world, now);
    if (context_.observe_decision) context_.observe_decision(view.world, decision, now);
    const std::optional<WallTime> look_again_at = decision.look_again_at;
    const Duration status_waits = status_delay_.hold(view.world, decision, context_.loop->now());
    const Result<ActEnd> end = co_await actor_.carryOut(view, std::move(decision));
    if (view.world.traffic.applied) traffic_[view.world.uid] = view.world.traffic;
    if (!end) co_return std::unexpected(end.error());
    // Somebody changed the spec meanwhile: what was gathered for the old one is not for this.
    if (end->outdated) co_return cluster::PassEnd{Duration::zero()};
    if (end->decide_again) continue;
    Duration again = view.world.invalid ? kInvalidRetry : kResync;
    if (status_waits > Duration::zero()) again = std::min(again, status_waits);
    if (look_again_at) again = std::clamp(Duration(*look_again_at - now), Duration(1ms), again);
    co_return cluster::PassEnd{again};
  }
  // Others have their turn first.
  co_return cluster::PassEnd{kNextTurn};
}

// Of the Rollout, or of the workload that it names; nullopt if that is not there.
std::optional<Value> RolloutController::selectorOf(const Value& rollout) const {
  if (!rollout["spec"]["workloadRef"].isObject()) return rollout["spec"]["selector"];
  Value resolved = rollout;
  if (!resolveWorkload(context_.caches, resolved)) return std::nullopt;
  return std::as_const(resolved)["spec"]["selector"];
}

// Adopts ReplicaSets of ours that lost their owner and lets go of those that the selector doesn't match (2.4).
loop::Task<Result<void>> RolloutController::claim(cluster::ObjectRef rollout, const Value& object) {
  std::vector<cluster::ObjectRef> orphans;
  for (const cluster::ObjectKey& key : orphans_) {
    if (key.ns != rollout->meta().ns) continue;
    if (cluster::ObjectRef set = context_.caches.replica_sets->find(key.ns, key.name))
      orphans.push_back(std::move(set));
  }
  const std::vector<cluster::ObjectRef> owned = context_.caches.replica_sets->controlledBy(rollout->meta().uid);
  if (orphans.empty() && owned.empty()) co_return {};
  const std::optional<Value> labels = selectorOf(object);
  if (!labels) co_return {};
  const Result<cluster::LabelSelector> selector = cluster::LabelSelector::fromObject(*labels);
  if (!selector || selector->empty()) co_return {};
  for (const cluster::ObjectRef& set : orphans) {
    if (!selector->matches(set->meta().labels)) continue;
    const Value current = set->parse();
    Value owners = current["metadata"]["ownerReferences"];
    owners.makeArray().push_back(ownerReference(object));
    if (auto done = co_await setOwner(set, std::move(owners)); !done) co_return done;
  }
  for (const cluster::ObjectRef& set : owned) {
    if (selector->matches(set->meta().labels) || set->meta().deleting) continue;
    const Value current = set->parse();
    Value owners = current["metadata"]["ownerReferences"];
    std::erase_if(owners.makeArray(),
                  [&](const Value& owner) { return owner["uid"].asStringView() == rollout->meta().uid; });
    if (auto done = co_await setOwner(set, std::move(owners)); !done) co_return done;
  }
  co_return {};
}

loop::Task<Result<void>> RolloutController::setOwner(cluster::ObjectRef replica_set, Value owners) {
  Value patch;
  patch["metadata"]["resourceVersion"] = replica_set->meta().resource_version;
  patch["metadata"]["ownerReferences"] = std::move(owners);
  const Result<cluster::ObjectRef> written =
      co_await context_.api->patch(cluster::kReplicaSets, replica_set->meta().ns, replica_set->meta().name,
                                   cluster::PatchType::kMerge, std::move(patch), {.field_manager = kFieldManager});
  if (!written) co_return std::unexpected(written.error());
  context_.caches.replica_sets->observe(*written);
  co_return {};
}

}  // namespace towpath::control
