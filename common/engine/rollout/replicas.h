#pragma once
// How many pods each version gets: pure arithmetic, no world (core-semantics 4). Counts are pods, weights are parts of
// max_weight.

#include <cstdint>
#include <optional>

#include "base/int_or_percent.h"
#include "model/rollout.h"

namespace towpath::rollout {

struct Budget {
  std::int32_t surge = 0;        // pods above the wanted number
  std::int32_t unavailable = 0;  // pods that may be missing
  bool operator==(const Budget&) const = default;
};

// surge rounds up, unavailable down; if both are 0, one pod may be missing, else nothing could ever move (4.1).
Budget resolveBudget(const IntOrPercent& surge, const IntOrPercent& unavailable, std::int32_t replicas);

struct Counts {
  std::int32_t canary = 0;
  std::int32_t stable = 0;
  bool operator==(const Counts&) const = default;
};

struct WeightShare {
  std::int32_t replicas = 0;
  std::int32_t weight = 0;
  std::int32_t max_weight = 100;
};

// The split that comes closest to the weight, with one pod more in all if there is surge. Weights between the ends
// never round the canary to nothing unless a single pod has no room to surge (4.4): 3 pods at 50 % with surge → 2 of 4.
Counts closestCounts(const WeightShare& share, std::int32_t surge);

// One version's size in the basic canary's step.
struct Sized {
  std::int32_t replicas = 0;  // spec
  std::int32_t available = 0;
  bool operator==(const Sized&) const = default;
};

struct BasicStep {
  std::int32_t replicas = 0;  // wanted by the rollout
  Budget budget;
  Counts desired;
  Sized canary;
  std::optional<Sized> stable;  // nullopt: there is none, or it is the canary itself
  bool canary_is_stable = false;
  std::int32_t others = 0;  // spec sizes of all older versions together
};

// What to scale to now, on the way to `desired`, without ever passing replicas + surge pods or falling below replicas -
// unavailable available ones. Availability of the version that is being drained does not count, so that a version that
// crashes can be replaced (4.5).
Counts basicStep(const BasicStep& step);

// ⌈replicas · weight / max_weight⌉
std::int32_t shareOf(const WeightShare& share);

// At least `minimum` pods (at most `replicas`) for a version that has any (4.6).
std::int32_t withMinimum(std::int32_t count, std::optional<std::int32_t> minimum, std::int32_t replicas);

// Is a version of this spec size with so many available pods as far as `desired` asks (4.7)?
bool thresholdMet(const std::optional<model::ReplicaProgressThreshold>& threshold, const Sized& size,
                  std::int32_t desired);

}  // namespace towpath::rollout
