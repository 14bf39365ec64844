// A fixed set of seeds in both profiles, and what they have to reach.

#include <doctest/doctest.h>

#include <cstdlib>

#include "simulate/shrink.h"

namespace towpath::simulate {
namespace {

// Few under the sanitizers, whose business is the lives of processes and not the rules; many in the optimised build
// (./dev test simulate sets it).
int seeds() {
  const char* set = std::getenv("TOWPATH_SEEDS");
  return set == nullptr ? 25 : std::atoi(set);
}

// The floors hold for this many seeds and more.
constexpr int kManySeeds = 1000;

Coverage playAll(Profile profile) {
  Coverage coverage;
  int broken = 0;
  for (int seed = 1; seed <= seeds(); ++seed) {
    const Scenario scenario = drawScenario(static_cast<std::uint64_t>(seed), profile);
    const Outcome outcome = play(scenario);
    coverage.add(outcome.coverage);
    if (!outcome.breach) continue;
    const Scenario small = broken == 0 ? shrink(scenario, outcome.breach->rule).scenario : scenario;
    const std::string text = report(small, play(small, broken == 0 ? Trace::kYes : Trace::kNo));
    FAIL_CHECK(text);
    if (++broken == 5) break;
  }
  return coverage;
}

}  // namespace

TEST_CASE("no seed breaks a rule: specs of every kind") {
  const Coverage coverage = playAll(Profile::kCompatible);
  if (seeds() < kManySeeds) return;
  MESSAGE(coverage.decisions(), " decisions");
  // Each kind of action, nearly each reason, each phase of each strategy, each fault.
  CHECK(coverage.reached("action") >= 15);
  CHECK(coverage.reached("event") >= 18);
  CHECK(coverage.reached("condition") >= 17);
  CHECK(coverage.reached("phase") >= 16);
  CHECK(coverage.reached("fault") == kActKinds - static_cast<int>(ActKind::kCrash));
  for (const char* strategy : {"canary", "routed", "blueGreen"}) {
    for (const char* phase : {"Progressing", "Paused", "Healthy", "Degraded"}) {
      for (int kind = 0; kind < static_cast<int>(ActKind::kEditSteps); ++kind) {
        const std::string pair =
            fmt::format("command: {}/{}/{}", strategy, phase, toString(static_cast<ActKind>(kind)));
        CHECK_MESSAGE(coverage.has(pair), pair);
      }
    }
  }
}

TEST_CASE("no seed breaks a rule: specs that stay within design section 5") { playAll(Profile::kStrict); }

TEST_CASE("the same seed is the same run, to the last write") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Scenario scenario = drawScenario(seed, Profile::kCompatible);
    CHECK(play(scenario).fingerprint == play(scenario, Trace::kYes).fingerprint);
  }
}

}  // namespace towpath::simulate
