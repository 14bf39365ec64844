#include "control/rollout/status_delay.h"

#include <algorithm>

namespace towpath::control {
namespace {

bool tellsCountsOnly(const model::RolloutStatus& written, model::RolloutStatus next) {
  next.replicas = written.replicas;
  next.updated_replicas = written.updated_replicas;
  next.ready_replicas = written.ready_replicas;
  next.available_replicas = written.available_replicas;
  next.hpa_replicas = written.hpa_replicas;
  if (next.phase == written.phase) next.message = written.message;
  // That there was progress; when is told with the write.
  const auto progressing = std::ranges::find(next.conditions, model::condition::kProgressing, &model::Condition::type);
  const auto before = std::ranges::find(written.conditions, model::condition::kProgressing, &model::Condition::type);
  if (progressing != next.conditions.end() && before != written.conditions.end())
    progressing->last_update_time = before->last_update_time;
  return next == written;
}

}  // namespace

Duration StatusDelay::hold(const rollout::World& world, rollout::Decision& decision, MonoTime now) {
  const auto patch = std::ranges::find_if(decision.actions, [](const rollout::Action& action) {
    return std::holds_alternative<rollout::PatchStatus>(action);
  });
  const bool may_wait = longest_ > Duration::zero() && patch != decision.actions.end() && !decision.decide_again &&
                        tellsCountsOnly(world.status, std::get<rollout::PatchStatus>(*patch).next);
  if (may_wait) {
    const Duration waited = now - since_.try_emplace(world.uid, now).first->second;
    if (waited < longest_) {
      decision.actions.erase(patch);
      return longest_ - waited;
    }
  }
  since_.erase(world.uid);
  return Duration::zero();
}

}  // namespace towpath::control
