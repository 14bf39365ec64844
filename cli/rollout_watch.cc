#include "cli/rollout_watch.h"

#include "loop/loop.h"

namespace towpath::cli {

RolloutWatch::RolloutWatch(Api& api, std::string name, Depth depth)
    : key_(api.ns() + "/" + name),
      rollouts_(api, kRollouts, {api.ns(), "", "metadata.name=" + name, Representation::kObject}),
      replica_sets_(api, kReplicaSets, allOf(api)),
      pods_(api, kPods, allOf(api)),
      analysis_runs_(api, kAnalysisRuns, allOf(api)),
      experiments_(api, kExperiments, allOf(api)),
      group_(api) {
  group_.follow(rollouts_);
  if (depth == Depth::kRolloutOnly) return;
  for (LiveList* list : {&replica_sets_, &pods_, &analysis_runs_, &experiments_}) group_.follow(*list);
}

const Value& RolloutWatch::rollout() const {
  const auto found = rollouts_.byName().find(key_);
  return found == rollouts_.byName().end() ? Value::null() : found->second;
}

RolloutWorld RolloutWatch::world() const {
  RolloutWorld world;
  world.rollout = rollout();
  const std::string_view uid = world.rollout["metadata"]["uid"].asStringView();
  appendOwned(replica_sets_, uid, world.replica_sets);
  appendOwned(analysis_runs_, uid, world.analysis_runs);
  for (const Value& set : world.replica_sets) appendOwned(pods_, set["metadata"]["uid"].asStringView(), world.pods);
  std::vector<Value> experiments;
  appendOwned(experiments_, uid, experiments);
  for (Value& experiment : experiments)
    world.experiments.push_back(experimentWorld(std::move(experiment), replica_sets_, pods_, analysis_runs_));
  return world;
}

loop::Task<Value> readRollout(Context context, std::string name) {
  co_return orFail(co_await context.api.get(kRollouts, context.api.ns(), name));
}

Exit showRollout(Context context, std::string name, bool watch, Duration timeout) {
  co_await readRollout(context, name);  // the error for a name that does not exist
  RolloutWatch rollout(context.api, name, RolloutWatch::Depth::kEverything);
  const auto draw = [&] {
    if (!rollout.exists()) throw Failure{{ErrorKind::kNotFound, fmt::format("rollout \"{}\" was deleted", name), ""}};
    return renderRollout(rollout.world(), context.api.loop().wallNow(), context.colour);
  };
  co_return co_await drawTree(rollout.lists(), draw, watch, timeout);
}

}  // namespace towpath::cli
