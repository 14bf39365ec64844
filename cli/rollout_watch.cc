#include "cli/rollout_watch.h"

#include "loop/loop.h"
#include "loop/timeout.h"

namespace towpath::cli {
namespace {

constexpr Duration kRedrawAtMost = std::chrono::milliseconds(200);
constexpr Duration kRedrawAtLeast = std::chrono::seconds(1);
constexpr std::string_view kClearScreen = "\033[H\033[2J\033[0;0H";

ListQuery inNamespace(const Api& api) { return {api.ns(), "", "", Representation::kObject}; }
ListQuery named(const Api& api, const std::string& name) {
  return {api.ns(), "", "metadata.name=" + name, Representation::kObject};
}

}  // namespace

RolloutWatch::RolloutWatch(Api& api, std::string name, Depth depth)
    : api_(api),
      key_(api.ns() + "/" + name),
      rollouts_(api, kRollouts, named(api, name)),
      replica_sets_(api, kReplicaSets, inNamespace(api)),
      pods_(api, kPods, inNamespace(api)),
      analysis_runs_(api, kAnalysisRuns, inNamespace(api)),
      experiments_(api, kExperiments, inNamespace(api)),
      depth_(depth),
      event_(api.loop()),
      scope_(api.loop(), "watch of a rollout") {
  scope_.spawn(run(rollouts_));
  if (depth == Depth::kRolloutOnly) return;
  for (LiveList* list : {&replica_sets_, &pods_, &analysis_runs_, &experiments_}) scope_.spawn(run(*list));
}

loop::Task<void> RolloutWatch::run(LiveList& list) {
  try {
    co_await list.follow([this] { event_.set(); });
  } catch (...) {
    failure_ = std::current_exception();
    event_.set();
  }
}

loop::Task<void> RolloutWatch::changed(Duration at_most) {
  auto wait = [](loop::Event& event) -> loop::Task<void> { co_await event.wait(); };
  const auto in_time = co_await loop::withTimeout(api_.loop(), at_most, wait(event_));
  if (in_time) event_.reset();
  if (failure_) std::rethrow_exception(failure_);
}

bool RolloutWatch::synced() const {
  if (depth_ == Depth::kRolloutOnly) return rollouts_.synced();
  return rollouts_.synced() && replica_sets_.synced() && pods_.synced() && analysis_runs_.synced() &&
         experiments_.synced();
}

const Value& RolloutWatch::rollout() const {
  const auto found = rollouts_.byName().find(key_);
  return found == rollouts_.byName().end() ? Value::null() : found->second;
}

RolloutWorld RolloutWatch::world() const {
  RolloutWorld world;
  world.rollout = rollout();
  const std::string_view uid = world.rollout["metadata"]["uid"].asStringView();
  const auto owned = [](const LiveList& list, std::string_view owner, std::vector<Value>& into) {
    for (const auto& [key, object] : list.byName()) {
      if (isOwnedBy(object, owner)) into.push_back(object);
    }
  };
  owned(replica_sets_, uid, world.replica_sets);
  owned(analysis_runs_, uid, world.analysis_runs);
  owned(experiments_, uid, world.experiments);
  for (const Value& set : world.replica_sets) owned(pods_, set["metadata"]["uid"].asStringView(), world.pods);
  return world;
}

loop::Task<Value> readRollout(Context context, std::string name) {
  co_return orFail(co_await context.api.get(kRollouts, context.api.ns(), name));
}

Exit showRollout(Context context, std::string name, bool watch, Duration timeout) {
  co_await readRollout(context, name);  // the error for a name that does not exist
  RolloutWatch rollout(context.api, name, RolloutWatch::Depth::kEverything);
  loop::Loop& loop = context.api.loop();
  const MonoTime end = timeout > Duration::zero() ? loop.now() + timeout : MonoTime::max();
  while (!rollout.synced()) co_await rollout.changed(kRedrawAtLeast);
  while (true) {
    if (!rollout.exists()) throw Failure{{ErrorKind::kNotFound, fmt::format("rollout \"{}\" was deleted", name), ""}};
    const std::string text = renderRollout(rollout.world(), loop.wallNow(), context.colour);
    print(watch ? std::string(kClearScreen) + text : text);
    if (!watch || loop.now() >= end) co_return 0;
    co_await loop::sleep(loop, kRedrawAtMost);
    co_await rollout.changed(std::min<Duration>(kRedrawAtLeast, end - loop.now()));
  }
}

}  // namespace towpath::cli
