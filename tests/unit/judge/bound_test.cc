// The stated bounds over many made-up rollouts, from fixed seeds; ./dev bench verdict has them at full size.

#include <doctest/doctest.h>

#include "verdicts/rules.h"

namespace towpath::verdicts {
namespace {

constexpr int kRollouts = 500;

struct Count {
  int aborted = 0, passed = 0, open = 0;
};

Count judged(const Scenario& scenario, double burst) {
  Count count;
  for (int i = 0; i < kRollouts; ++i) {
    World world(scenario, static_cast<std::uint64_t>(i) + 1);
    const std::unique_ptr<Rule> rule = makeSequential(burst);
    Outcome outcome = Outcome::kOpen;
    for (int window = 0; window < kWindows && outcome == Outcome::kOpen; ++window)
      outcome = rule->observe(world.next());
    count.aborted += outcome == Outcome::kAborted;
    count.passed += outcome == Outcome::kPassed;
    count.open += outcome == Outcome::kOpen;
  }
  return count;
}

}  // namespace

TEST_CASE("of healthy rollouts at most one in twenty is aborted, whatever the errors' pattern") {
  for (const Noise noise : {Noise::kIndependent, Noise::kBursts2, Noise::kBursts5, Noise::kSharedOutage,
                            Noise::kDailyDrift, Noise::kWeightSteps}) {
    CAPTURE(toString(noise));
    CHECK(judged({.noise = noise}, 0).aborted <= kRollouts / 20);
    CHECK(judged({.noise = noise}, 5).aborted <= kRollouts / 20);
  }
}

TEST_CASE("of bad rollouts at most one in twenty is called good, and with traffic most are aborted") {
  for (const Fault fault : {Fault::kErrorsTwice, Fault::kErrorsOnePoint, Fault::kLatency20}) {
    for (const Noise noise : {Noise::kIndependent, Noise::kBursts5, Noise::kDailyDrift}) {
      CAPTURE(toString(fault));
      CAPTURE(toString(noise));
      CHECK(judged({.requests_per_second = 50, .noise = noise, .fault = fault}, 0).passed <= kRollouts / 20);
      const Count busy = judged({.requests_per_second = 500, .noise = noise, .fault = fault}, 0);
      CHECK(busy.passed <= kRollouts / 20);
      CHECK(busy.aborted >= kRollouts * 9 / 10);
    }
  }
}

TEST_CASE("a handful of requests is no verdict") {
  const Count count = judged({.requests_per_second = 0.2, .fault = Fault::kErrorsTwice}, 0);
  CHECK(count.passed == 0);
  CHECK(count.aborted == 0);
}

}  // namespace towpath::verdicts
