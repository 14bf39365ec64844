// Experiments of a Rollout's steps: made, told to end, removed.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/objects/writes.h"
#include "control/rollout/act.h"
#include "control/rollout/experiments.h"
#include "engine/rollout/effects.h"

namespace towpath::control {

loop::Task<Result<cluster::ObjectRef>> Actor::createExperiment(View& view, Value experiment) {
  const std::string name(cluster::nameOf(experiment));
  for (int suffix = 0; suffix < kMaxNames; ++suffix) {
    std::string tried = suffix == 0 ? name : fmt::format("{}-{}", name, suffix);
    experiment["metadata"]["name"] = tried;
    Result<cluster::ObjectRef> made =
        co_await context_.api->create(cluster::kExperiments, experiment, {.field_manager = kFieldManager});
    if (made) event(view, rollout::EventType::kNormal, "ExperimentCreated", "Created Experiment '" + tried + "'");
    if (made || made.error().kind != ErrorKind::kAlreadyExists) co_return made;
    Result<cluster::ObjectRef> existing =
        co_await context_.api->get(cluster::kExperiments, view.world.namespace_name, std::move(tried));
    if (!existing) co_return existing;
    const Value object = (*existing)->parse();
    const rollout::ExperimentView known = readExperimentView(object);
    const bool over = model::isCompleted(known.phase) || known.terminate || known.deleting;
    if (!over && controlledBy(*existing, view.world.uid) && sameExperiment(experiment, object)) co_return existing;
  }
  co_return fail(ErrorKind::kAlreadyExists, "no free name for Experiment " + name);
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::StartExperiment& action) {
  Result<Value> experiment = makeExperiment(view, action);
  Result<cluster::ObjectRef> made = cluster::ObjectRef();
  if (experiment)
    made = co_await createExperiment(view, std::move(*experiment));
  else
    made = std::unexpected(experiment.error());
  if (!made && isFinal(made.error())) {
    view.world.experiment_failure = rollout::ExperimentFailure{action.name, describe(made.error())};
    co_return {};
  }
  if (!made) co_return std::unexpected(made.error());
  if (context_.caches.experiments) context_.caches.experiments->observe(*made);
  rollout::ExperimentView started = readExperimentView((*made)->parse());
  std::erase_if(view.world.experiments,
                [&](const rollout::ExperimentView& known) { return known.name == started.name; });
  view.world.experiments.push_back(std::move(started));
  co_return {};
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::StopExperiment& action) {
  Value patch;
  patch["spec"]["terminate"] = true;
  const Result<cluster::ObjectRef> written =
      co_await context_.api->patch(cluster::kExperiments, view.world.namespace_name, action.name,
                                   cluster::PatchType::kMerge, std::move(patch), {.field_manager = kFieldManager});
  if (!written && written.error().kind != ErrorKind::kNotFound) co_return std::unexpected(written.error());
  if (written && context_.caches.experiments) context_.caches.experiments->observe(*written);
  rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  co_return {};
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::DeleteExperiment& action) {
  Result<void> removed =
      unlessGone(co_await context_.api->remove(cluster::kExperiments, view.world.namespace_name, action.name,
                                               {.propagation = cluster::Propagation::kBackground}));
  if (removed) rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  co_return removed;
}

}  // namespace towpath::control
