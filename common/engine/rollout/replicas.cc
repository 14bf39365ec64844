#include "engine/rollout/replicas.h"

#include <algorithm>

namespace towpath::rollout {
namespace {

struct Option {
  std::int32_t canary;
  std::int32_t total;
};

// |canary · max / total - weight|, times total, compared without fractions: a/b < c/d ⇔ a·d < c·b.
bool closer(const Option& a, const Option& b, const WeightShare& share) {
  const auto distance = [&](const Option& option) {
    const std::int64_t difference =
        std::int64_t{option.canary} * share.max_weight - std::int64_t{share.weight} * option.total;
    return difference < 0 ? -difference : difference;
  };
  return distance(a) * b.total < distance(b) * a.total;
}

bool tied(std::int32_t replicas, const WeightShare& share) {
  return (std::int64_t{replicas} * share.weight * 2) % (std::int64_t{share.max_weight} * 2) == share.max_weight;
}

// Shrinks `drain` and `keep` into the limit; `keep` gives way first, but not below what keeps `min_available` pods
// serving.
struct Limits {
  std::int32_t most;
  std::int32_t min_available;
};
void fitIntoLimits(const Sized& drain_now, const Sized& keep_now, const Limits& limits, std::int32_t& drain,
                   std::int32_t& keep) {
  keep -= std::max(0, drain + keep - limits.most);
  // Pods above the size asked for are on their way out: they are nothing to keep, and giving them back would pass
  // `most`.
  const std::int32_t lost = std::max(0, std::min(keep_now.available, keep_now.replicas) - keep);
  const std::int32_t have = std::min(drain_now.available, drain) + std::min(keep_now.available, keep);
  const std::int32_t need = std::max(0, limits.min_available - have);
  keep += std::min(lost, need);
  drain -= std::max(0, drain + keep - limits.most);
}

std::int32_t countForScaleDown(const Sized& size, bool ignore_availability) {
  return size.replicas < size.available || ignore_availability ? size.replicas : size.available;
}

// Raises `count` towards `desired` by at most `up`, and takes what it used from `up`.
void raise(std::int32_t& count, std::int32_t desired, std::int32_t& up) {
  if (count >= desired || up <= 0) return;
  const std::int32_t used = std::min(up, desired - count);
  count += used;
  up -= used;
}

}  // namespace

Budget resolveBudget(const IntOrPercent& surge, const IntOrPercent& unavailable, std::int32_t replicas) {
  if (replicas == 0) return {surge.resolveUp(0), 0};
  Budget budget{surge.resolveUp(replicas), unavailable.resolveDown(replicas)};
  if (budget.surge == 0 && budget.unavailable == 0) budget.unavailable = 1;
  budget.unavailable = std::min(budget.unavailable, replicas);
  return budget;
}

std::int32_t shareOf(const WeightShare& share) {
  const std::int64_t product = std::int64_t{share.replicas} * share.weight;
  return static_cast<std::int32_t>((product + share.max_weight - 1) / share.max_weight);
}

Counts closestCounts(const WeightShare& share, std::int32_t surge) {
  if (share.replicas == 0) return {};
  const std::int32_t up = shareOf(share);
  const auto down = static_cast<std::int32_t>(std::int64_t{share.replicas} * share.weight / share.max_weight);
  const bool zero_allowed =
      share.weight == share.max_weight || share.weight == 0 || (share.replicas == 1 && surge == 0);
  const bool down_allowed = down != 0 || zero_allowed;

  std::vector<Option> options;
  if (up < share.replicas || zero_allowed) options.push_back({up, share.replicas});
  if (!tied(share.replicas, share) && down_allowed) options.push_back({down, share.replicas});
  if (surge > 0) {
    options.push_back({up, share.replicas + 1});
    if (!tied(share.replicas + 1, share) && down_allowed) options.push_back({down, share.replicas + 1});
  }
  if (options.empty()) return {0, share.replicas};
  Option best = options.front();
  for (const Option& option : options) {
    if (closer(option, best, share)) best = option;
  }
  return {best.canary, best.total - best.canary};
}

Counts basicStep(const BasicStep& step) {
  const Sized stable = step.stable.value_or(Sized{});
  const std::int32_t most = step.replicas + step.budget.surge;
  Counts result{step.canary.replicas, stable.replicas};
  std::int32_t up = most - (step.others + step.canary.replicas + stable.replicas);
  if (step.stable) raise(result.stable, step.desired.stable, up);
  raise(result.canary, step.desired.canary, up);

  if (step.others > 0) {
    // They go first. But pods that do not serve, of a version that is to shrink, only take the room of those that
    // would.
    const auto serving = [](const Sized& size) { return std::min(size.available, size.replicas); };
    if (step.desired.canary < step.canary.replicas) result.canary = std::max(step.desired.canary, serving(step.canary));
    if (step.stable && step.desired.stable < stable.replicas)
      result.stable = std::max(step.desired.stable, serving(stable));
    return result;
  }
  const Limits limits{most, step.replicas - step.budget.unavailable};
  const bool increasing = step.desired.canary >= step.canary.replicas;
  // The canary counts for both when it is the stable version as well: then scaling in takes one step.
  const Sized& other = step.canary_is_stable ? step.canary : stable;
  const std::int32_t pool = countForScaleDown(step.canary, !increasing) + countForScaleDown(other, increasing);
  if (pool <= limits.min_available) return result;
  const std::int32_t down = pool - limits.min_available;
  if (!increasing) {
    result.canary = std::max(step.desired.canary, step.canary.replicas - down);
    if (!step.canary_is_stable) fitIntoLimits(step.canary, stable, limits, result.canary, result.stable);
  } else if (step.stable) {
    if (stable.replicas > step.desired.stable) {
      result.stable = std::max(step.desired.stable, stable.replicas - down);
    }
    fitIntoLimits(stable, step.canary, limits, result.stable, result.canary);
  }
  return result;
}

std::int32_t withMinimum(std::int32_t count, std::optional<std::int32_t> minimum, std::int32_t replicas) {
  if (count == 0) return 0;
  return std::max(count, std::min(minimum.value_or(1), replicas));
}

bool thresholdMet(const std::optional<model::ReplicaProgressThreshold>& threshold, const Sized& size,
                  std::int32_t desired) {
  if (!threshold || threshold->value < 0) return size.replicas == desired && size.available == desired;
  switch (threshold->type) {
    case model::ProgressThresholdType::kPercent:
      return desired == 0 || std::int64_t{size.available} * 100 >= std::int64_t{threshold->value} * desired;
    case model::ProgressThresholdType::kPod:
      return size.available >= threshold->value;
  }
  return false;
}

}  // namespace towpath::rollout
