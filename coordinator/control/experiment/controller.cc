#include "control/experiment/controller.h"

#include <algorithm>
#include <utility>

#include "control/experiment/gather.h"
#include "engine/experiment/decide.h"

namespace towpath::control {
namespace {

constexpr Duration kResync = 15min;    // looks again at one that is settled
constexpr Duration kNextTurn = 100ms;  // after as many decisions as one turn may take

}  // namespace

ExperimentController::ExperimentController(ExperimentContext context, int workers)
    : context_(std::move(context)),
      actor_(context_),
      controller_(*context_.loop, {.name = "experiment", .workers = workers},
                  [this](cluster::ObjectKey key) { return pass(std::move(key)); }),
      scope_(*context_.loop, "experiment controller") {}

void ExperimentController::start() { scope_.spawn(begin()); }

loop::Task<void> ExperimentController::begin() {
  const Caches& caches = context_.caches;
  for (cluster::Cache* cache : {caches.experiments, caches.replica_sets, caches.services, caches.analysis_runs,
                                caches.analysis_templates, caches.cluster_analysis_templates, caches.rollouts}) {
    co_await cache->waitSynced();
  }
  listen();
  controller_.start();
}

void ExperimentController::listen() {
  const Caches& caches = context_.caches;
  listeners_.push_back(caches.experiments->listen(
      [this](const cluster::CacheChange& change) { controller_.queue().add(change.key()); }));
  for (cluster::Cache* cache : {caches.replica_sets, caches.services, caches.analysis_runs}) {
    listeners_.push_back(cache->listen([this](const cluster::CacheChange& change) { enqueueOwner(change); }));
  }
  // Its weights say whether a route still leads to an experiment.
  listeners_.push_back(caches.rollouts->listen([this](const cluster::CacheChange& change) {
    for (const cluster::ObjectRef& experiment : context_.caches.experiments->controlledBy(change.meta().uid))
      controller_.queue().add({experiment->meta().ns, experiment->meta().name});
  }));
}

void ExperimentController::enqueueOwner(const cluster::CacheChange& change) {
  for (const cluster::ObjectRef& object : {change.before, change.after}) {
    const cluster::OwnerRef* owner = object ? object->meta().controllerOwner() : nullptr;
    if (owner && owner->kind == cluster::kExperiments.kind) controller_.queue().add({object->meta().ns, owner->name});
  }
}

loop::Task<Result<cluster::PassEnd>> ExperimentController::pass(cluster::ObjectKey key) {
  const cluster::ObjectRef ref = context_.caches.experiments->find(key.ns, key.name);
  if (!ref || ref->meta().deleting) co_return cluster::PassEnd{};
  Result<ExperimentView> view = co_await gatherExperiment(context_, ref);
  if (!view) co_return std::unexpected(view.error());
  for (int i = 0; i < experiment::kMaxDecisionsPerTurn; ++i) {
    const WallTime now = context_.loop->steadyNow();
    experiment::Decision decision = experiment::decide(view->world, now);
    const std::optional<WallTime> look_again_at = decision.look_again_at;
    const Result<bool> again = co_await actor_.carryOut(*view, std::move(decision));
    if (!again) co_return std::unexpected(again.error());
    if (*again) continue;
    Duration after = kResync;
    if (look_again_at) after = std::clamp(Duration(*look_again_at - now), Duration(1ms), after);
    co_return cluster::PassEnd{after};
  }
  // Others have their turn first.
  co_return cluster::PassEnd{kNextTurn};
}

}  // namespace towpath::control
