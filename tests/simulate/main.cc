// simulate: plays seeds, prints what broke, small and with its timeline, and what the seeds reached.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <map>

#include "simulate/shrink.h"

namespace towpath::simulate {
namespace {

struct Options {
  std::uint64_t seeds = 1000;
  std::uint64_t first = 1;
  std::uint64_t seed = 0;  // one only, with its timeline
  std::string profile = "both";
  int failures = 3;  // then it stops
  bool coverage = false;
  bool whole = false;  // do not shrink
};

struct Totals {
  std::uint64_t worlds = 0, rollouts = 0, updates = 0;
  std::map<std::string, int> broken;
  int failures = 0;
  Coverage coverage;
};

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void playOne(std::uint64_t seed, Profile profile, const Options& options, Totals& totals) {
  const Scenario scenario = drawScenario(seed, profile);
  const Outcome outcome = play(scenario, options.seed != 0 && options.whole ? Trace::kYes : Trace::kNo);
  ++totals.worlds;
  totals.rollouts += outcome.rollouts;
  totals.updates += outcome.updates;
  totals.coverage.add(outcome.coverage);
  if (!outcome.breach) {
    if (options.seed != 0 && options.whole) {
      for (const std::string& line : outcome.timeline) print(line + "\n");
    }
    return;
  }
  ++totals.broken[rule(outcome.breach->rule).name];
  ++totals.failures;
  if (totals.failures > options.failures) {
    print(fmt::format("seed {} ({}) breaks \"{}\": {}\n", seed, toString(profile), rule(outcome.breach->rule).name,
                      outcome.breach->text));
    return;
  }
  const Scenario small = options.whole ? scenario : shrink(scenario, outcome.breach->rule).scenario;
  print(report(small, play(small, Trace::kYes)) + "\n");
}

int run(const Options& options) {
  Totals totals;
  const auto started = std::chrono::steady_clock::now();
  const std::uint64_t first = options.seed != 0 ? options.seed : options.first;
  const std::uint64_t count = options.seed != 0 ? 1 : options.seeds;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    if (options.profile != "strict") playOne(seed, Profile::kCompatible, options, totals);
    if (options.profile != "compatible") playOne(seed, Profile::kStrict, options, totals);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (options.coverage) print(totals.coverage.text());
  const auto perMinute = [seconds](std::uint64_t number) { return static_cast<double>(number) / seconds * 60; };
  print(fmt::format("{} worlds, {} first deployments, {} updates, {} decisions in {:.1f} s: {:.0f} rollouts a minute\n",
                    totals.worlds, totals.rollouts, totals.updates, totals.coverage.decisions(), seconds,
                    perMinute(totals.rollouts + totals.updates)));
  for (const auto& [name, times] : totals.broken) print(fmt::format("{} broke \"{}\"\n", times, name));
  print(fmt::format("{} passed, {} failed\n", totals.worlds - static_cast<std::uint64_t>(totals.failures),
                    totals.failures));
  return totals.failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace towpath::simulate

int main(int argc, char** argv) {
  towpath::simulate::Options options;
  CLI::App app("Plays rollouts in simulated worlds");
  app.add_option("--seeds", options.seeds, "so many seeds");
  app.add_option("--first", options.first, "the first of them");
  app.add_option("--seed", options.seed, "this one alone");
  app.add_option("--profile", options.profile)->check(CLI::IsMember({"both", "compatible", "strict"}));
  app.add_option("--failures", options.failures, "shrink and print so many; the others get a line each");
  app.add_flag("--coverage", options.coverage, "print what the seeds reached");
  app.add_flag("--whole", options.whole, "do not shrink; with --seed the timeline is printed whatever happens");
  CLI11_PARSE(app, argc, argv);
  return towpath::simulate::run(options);
}
