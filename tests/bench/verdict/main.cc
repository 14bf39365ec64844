// bench-verdict: how often each rule aborts what is healthy, misses what is bad, and how many requests meet the bad
// version until then; over many made-up rollouts (tests/verdicts), for several levels of traffic and patterns of
// errors. JSON on stdout. Deterministic; `bench-verdict N` runs N rollouts a cell instead of 10,000.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "verdicts/rules.h"

namespace {

using namespace towpath;
using namespace towpath::verdicts;

constexpr double kLevels[] = {5, 50, 500, 5000};  // requests per second of both versions
constexpr Noise kNoises[] = {Noise::kIndependent,  Noise::kBursts2,    Noise::kBursts5,
                             Noise::kSharedOutage, Noise::kDailyDrift, Noise::kWeightSteps};
constexpr Fault kFaults[] = {Fault::kErrorsTwice, Fault::kErrorsOnePoint, Fault::kLatency20};

struct Tally {
  int rollouts = 0, aborted = 0, passed = 0;
  std::vector<double> exposed;  // requests on the canary until the abort
  std::vector<double> minutes;  //
};

struct Running {
  std::unique_ptr<Rule> rule;
  Outcome outcome = Outcome::kOpen;
};

void runOne(const Scenario& scenario, std::uint64_t seed, std::map<std::string, Tally>& tallies) {
  World world(scenario, seed);
  std::vector<Running> running;
  for (std::unique_ptr<Rule>& rule : allRules()) running.push_back({std::move(rule)});
  std::uint64_t exposed = 0;
  for (int window = 0; window < kWindows; ++window) {
    const Seen seen = world.next();
    exposed += seen.window.canary_requests;
    for (Running& one : running) {
      if (one.outcome != Outcome::kOpen) continue;
      one.outcome = one.rule->observe(seen);
      if (one.outcome != Outcome::kAborted) continue;
      Tally& tally = tallies[one.rule->name()];
      tally.exposed.push_back(static_cast<double>(exposed));
      tally.minutes.push_back(std::chrono::duration<double>(kWindow).count() * (window + 1) / 60);
    }
  }
  for (const Running& one : running) {
    Tally& tally = tallies[one.rule->name()];
    ++tally.rollouts;
    tally.aborted += one.outcome == Outcome::kAborted;
    tally.passed += one.outcome == Outcome::kPassed;
  }
}

double quantileOf(std::vector<double>& values, double quantile) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(quantile * static_cast<double>(values.size() - 1))];
}

void printCell(const Scenario& scenario, std::map<std::string, Tally>& tallies, bool first) {
  std::printf("%s\n{\"requests_per_second\": %g, \"errors\": \"%s\", \"version\": \"%s\", \"rules\": {",
              first ? "" : ",", scenario.requests_per_second, toString(scenario.noise), toString(scenario.fault));
  const char* comma = "";
  for (auto& [name, tally] : tallies) {
    const double percent = 100.0 / tally.rollouts;
    std::printf(
        "%s\n  \"%s\": {\"aborted_percent\": %.2f, \"called_good_percent\": %.2f, \"exposed_median\": %.0f, "
        "\"exposed_p90\": %.0f, \"minutes_median\": %.2f, \"minutes_p90\": %.2f}",
        comma, name.c_str(), tally.aborted * percent, tally.passed * percent, quantileOf(tally.exposed, 0.5),
        quantileOf(tally.exposed, 0.9), quantileOf(tally.minutes, 0.5), quantileOf(tally.minutes, 0.9));
    comma = ",";
  }
  std::printf("}}");
}

}  // namespace

int main(int count, char** arguments) {
  const int rollouts = count > 1 ? std::atoi(arguments[1]) : 10'000;
  if (rollouts < 3) {
    std::fprintf(stderr, "bench-verdict [ROLLOUTS]: at least 3\n");
    return 2;
  }
  std::printf("{\"rollouts_per_cell\": %d, \"windows\": %d, \"canary_weight\": 0.2, \"cells\": [", rollouts, kWindows);
  bool first = true;
  for (const double level : kLevels) {
    for (const Noise noise : kNoises) {
      Scenario scenario{.requests_per_second = level, .noise = noise};
      std::map<std::string, Tally> healthy;
      for (int i = 0; i < rollouts; ++i) runOne(scenario, static_cast<std::uint64_t>(i) + 1, healthy);
      printCell(scenario, healthy, std::exchange(first, false));
      // As many bad ones, a third of each kind.
      for (const Fault fault : kFaults) {
        scenario.fault = fault;
        std::map<std::string, Tally> bad;
        for (int i = 0; i <= rollouts / 3; ++i) runOne(scenario, static_cast<std::uint64_t>(i) + 1'000'001, bad);
        printCell(scenario, bad, false);
      }
      std::fflush(stdout);
    }
  }
  std::printf("\n]}\n");
  return 0;
}
