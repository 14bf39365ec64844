#include <doctest/doctest.h>

#include "engine/rollout/replicas.h"

namespace towpath::rollout {
namespace {

struct Vector {
  std::int32_t replicas, weight, surge, unavailable;
  Sized canary, stable;
  Counts want;
};

Counts step(const Vector& v) {
  BasicStep basic;
  basic.replicas = v.replicas;
  basic.budget = {v.surge, v.unavailable};
  basic.desired = closestCounts({v.replicas, v.weight, 100}, v.surge);
  basic.canary = v.canary;
  basic.stable = v.stable;
  return basicStep(basic);
}

TEST_CASE("basic canary: one step (vectors verified against the peer)") {
  // No column for the start: the canary has nothing, stable is whole.
  const auto whole = [](std::int32_t r, std::int32_t w, std::int32_t s, std::int32_t u, Counts want) {
    return Vector{r, w, s, u, {0, 0}, {r, r}, want};
  };
  const Vector vectors[] = {
      whole(10, 10, 1, 1, {1, 9}),
      whole(10, 30, 3, 0, {3, 10}),
      whole(10, 30, 0, 5, {0, 7}),
      whole(10, 5, 1, 1, {1, 10}),
      whole(10, 1, 0, 1, {0, 9}),
      whole(1, 5, 1, 0, {1, 1}),
      whole(1, 95, 1, 0, {1, 1}),
      whole(1, 50, 0, 1, {0, 0}),
      whole(1, 1, 0, 1, {0, 1}),
      whole(2, 50, 0, 1, {0, 1}),
      whole(3, 50, 0, 1, {0, 2}),
      whole(3, 50, 1, 0, {1, 3}),
      whole(4, 25, 1, 0, {1, 4}),
      whole(4, 100, 1, 0, {1, 4}),
      {4, 100, 1, 0, {1, 1}, {4, 4}, {1, 3}},
      {4, 100, 1, 0, {1, 0}, {4, 4}, {1, 4}},
      {4, 0, 1, 0, {2, 2}, {2, 2}, {2, 3}},
      {10, 99, 1, 0, {5, 5}, {5, 5}, {6, 5}},
      whole(5, 20, 2, 1, {1, 4}),
      whole(5, 10, 2, 1, {1, 5}),
      whole(7, 33, 2, 1, {2, 6}),
      // Abort, and a full promotion.
      {4, 0, 1, 0, {4, 4}, {0, 0}, {4, 1}},
      {4, 0, 1, 0, {4, 4}, {1, 0}, {4, 1}},
      {4, 0, 1, 0, {4, 4}, {1, 1}, {3, 1}},
      whole(4, 100, 3, 0, {3, 4}),
  };
  for (const Vector& v : vectors) {
    CAPTURE(v.replicas);
    CAPTURE(v.weight);
    CAPTURE(v.surge);
    CAPTURE(v.unavailable);
    CAPTURE(v.canary.replicas);
    CAPTURE(v.stable.replicas);
    const Counts got = step(v);
    CHECK(got.canary == v.want.canary);
    CHECK(got.stable == v.want.stable);
  }
}

TEST_CASE("surge and unavailable resolve as the peer's do") {
  const IntOrPercent quarter = *parsePercent("25");
  struct Row {
    std::int32_t replicas;
    Budget want;
  };
  for (const Row& row : {Row{1, {1, 0}}, Row{2, {1, 0}}, Row{3, {1, 0}}, Row{4, {1, 1}}, Row{5, {2, 1}},
                         Row{10, {3, 2}}, Row{100, {25, 25}}}) {
    CAPTURE(row.replicas);
    CHECK(resolveBudget(quarter, quarter, row.replicas) == row.want);
  }
  CHECK(resolveBudget(IntOrPercent::pods(0), IntOrPercent::pods(0), 3) == Budget{0, 1});
  CHECK(resolveBudget(IntOrPercent::pods(0), IntOrPercent::pods(9), 3) == Budget{0, 3});
  CHECK(resolveBudget(quarter, quarter, 0).unavailable == 0);
}

TEST_CASE("minimum of pods per version with routing (vectors verified against the peer)") {
  struct Row {
    std::int32_t weight, canary, dynamic_stable;
  };
  for (const Row& row : {Row{0, 0, 10}, Row{1, 2, 10}, Row{33, 4, 7}, Row{99, 10, 2}, Row{100, 10, 0}}) {
    CAPTURE(row.weight);
    CHECK(withMinimum(shareOf({10, row.weight, 100}), 2, 10) == row.canary);
    CHECK(withMinimum(shareOf({10, 100 - row.weight, 100}), 2, 10) == row.dynamic_stable);
  }
  CHECK(withMinimum(1, 5, 3) == 3);
}

TEST_CASE("every small basic canary ends where it should, inside its budget") {
  // Walks all small worlds from any split to any weight; pods are ready at once.
  for (std::int32_t replicas = 1; replicas <= 6; ++replicas) {
    for (std::int32_t surge = 0; surge <= 2; ++surge) {
      for (std::int32_t unavailable = surge == 0 ? 1 : 0; unavailable <= 2; ++unavailable) {
        for (std::int32_t weight = 0; weight <= 100; weight += 10) {
          const Budget budget{surge, std::min(unavailable, replicas)};
          const Counts desired = closestCounts({replicas, weight, 100}, surge);
          Sized canary{0, 0};
          Sized stable{replicas, replicas};
          for (int round = 0; round < 50; ++round) {
            const Counts next = basicStep({replicas, budget, desired, canary, stable, false, 0});
            CHECK(next.canary + next.stable <= replicas + surge);
            CHECK(std::min(next.canary, canary.available) + std::min(next.stable, stable.available) >=
                  replicas - budget.unavailable);
            if (next == Counts{canary.replicas, stable.replicas}) break;
            canary = {next.canary, next.canary};
            stable = {next.stable, next.stable};
          }
          CAPTURE(replicas);
          CAPTURE(surge);
          CAPTURE(unavailable);
          CAPTURE(weight);
          CHECK(canary.replicas == desired.canary);
          CHECK(stable.replicas == desired.stable);
        }
      }
    }
  }
}

TEST_CASE("stable pods that are on their way out are not taken back above the surge when a canary is called off") {
  // 6 wanted, no surge, one may be missing; stable was just scaled from 4 to 3 and its fourth pod is still counted.
  const BasicStep basic{6, {0, 1}, {0, 6}, {3, 0}, Sized{3, 4}, false, 0};
  CHECK(basicStep(basic) == Counts{2, 3});
}

TEST_CASE("older versions go before the two that count shrink") {
  BasicStep basic{10, {1, 1}, {10, 0}, {5, 5}, Sized{4, 4}, false, 2};
  CHECK(basicStep(basic) == Counts{5, 4});
}

TEST_CASE("a crashing stable version is replaced: its availability does not count") {
  // 4 pods of which none is ready; the canary comes up in their place.
  CHECK(basicStep({4, {1, 0}, {4, 0}, {1, 1}, Sized{4, 0}, false, 0}) == Counts{1, 3});
}

TEST_CASE("progress threshold") {
  using model::ProgressThresholdType;
  const auto percent = model::ReplicaProgressThreshold{ProgressThresholdType::kPercent, 90};
  CHECK(thresholdMet(percent, {10, 9}, 10));
  CHECK_FALSE(thresholdMet(percent, {10, 8}, 10));
  CHECK(thresholdMet(percent, {10, 0}, 0));
  const auto pods = model::ReplicaProgressThreshold{ProgressThresholdType::kPod, 3};
  CHECK(thresholdMet(pods, {10, 3}, 10));
  CHECK_FALSE(thresholdMet(pods, {10, 2}, 10));
  CHECK_FALSE(thresholdMet(std::nullopt, {10, 9}, 10));
  CHECK_FALSE(thresholdMet(model::ReplicaProgressThreshold{}, {11, 11}, 10));
}

}  // namespace
}  // namespace towpath::rollout
