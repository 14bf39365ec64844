#include "play/recorder.h"

#include <algorithm>

namespace towpath::play {
namespace {

using rollout::World;

std::int32_t percent(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? 0 : static_cast<std::int32_t>(part * 100 / whole);
}

// Of the traffic, in percent.
std::int32_t shareOf(const World& world, const std::string& hash) {
  if (world.spec.blueGreen()) {
    const auto active = std::ranges::find(world.services, rollout::ServiceRole::kActive, &rollout::ServiceView::role);
    return active != world.services.end() && active->service.selector_hash == hash ? 100 : 0;
  }
  const model::CanaryStrategy* canary = world.spec.canary();
  if (canary && canary->traffic_routing && world.traffic.applied) {
    const rollout::TrafficSetting& applied = *world.traffic.applied;
    const std::int32_t whole = canary->maxWeight();
    const std::int32_t as_canary = applied.canary_hash == hash ? applied.canary_weight : 0;
    std::int32_t of_experiments = 0;
    for (const model::WeightDestination& each : applied.additional) of_experiments += each.weight;
    const std::int32_t as_stable = applied.stable_hash == hash ? whole - applied.canary_weight - of_experiments : 0;
    return percent(as_canary + as_stable, whole);
  }
  std::int32_t own = 0;
  std::int32_t all = 0;
  for (const model::ReplicaSet& set : world.replica_sets) {
    all += set.ready_replicas;
    if (set.hash == hash) own += set.ready_replicas;
  }
  return percent(own, all);
}

std::string stepText(const World& world) {
  const model::CanaryStrategy* canary = world.spec.canary();
  if (!canary || canary->steps.empty() || !world.status.current_step_index) return "";
  return fmt::format("{}/{}", *world.status.current_step_index, canary->steps.size());
}

std::int32_t podsOf(const World& world) {
  std::int32_t sum = 0;
  for (const model::ReplicaSet& set : world.replica_sets) sum += set.current_replicas;
  return sum;
}

}  // namespace

void Recorder::follow(std::string new_hash) {
  *this = Recorder();
  new_hash_ = std::move(new_hash);
}

Moment Recorder::look(const World& world) const {
  Moment moment;
  moment.step = stepText(world);
  moment.new_share = shareOf(world, new_hash_);
  moment.phase = toString(world.status.phase);
  for (const model::ReplicaSet& set : world.replica_sets) {
    Version& version = set.hash == new_hash_ ? moment.new_version : moment.old_version;
    version.pods += set.current_replicas;
    version.ready += set.ready_replicas;
  }
  return moment;
}

void Recorder::noteChanges(const World& world) {
  const model::CanaryStrategy* canary = world.spec.canary();
  const std::string step = stepText(world);
  if (step != last_step_ && canary && world.status.current_step_index) {
    const auto index = static_cast<std::size_t>(*world.status.current_step_index);
    notes_.push_back(index < canary->steps.size() ? "step " + toString(canary->steps[index]) : "all steps done");
  }
  last_step_ = step;
  const bool degraded = world.status.phase == model::RolloutPhase::kDegraded;
  if (degraded && world.status.message != last_message_) notes_.push_back(world.status.message);
  last_message_ = world.status.message;
}

void Recorder::record(const World& world, Duration at) {
  noteChanges(world);
  Moment moment = look(world);
  moment.at = at;
  moment.notes = std::exchange(notes_, {});
  if (!outcome_.moments.empty() && moment.notes.empty()) {
    const Moment& last = outcome_.moments.back();
    const bool same = last.step == moment.step && last.new_share == moment.new_share && last.phase == moment.phase &&
                      last.old_version == moment.old_version && last.new_version == moment.new_version;
    if (same) return;
  }
  outcome_.moments.push_back(std::move(moment));
}

void Recorder::count(const World& world, std::int32_t more, Duration at) {
  const std::int32_t pods = podsOf(world) + more;
  if (pods <= outcome_.peak_pods) return;
  outcome_.peak_pods = pods;
  outcome_.peak_at = at;
}

}  // namespace towpath::play
