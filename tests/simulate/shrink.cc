#include "simulate/shrink.h"

#include <fmt/format.h>

#include "json/yaml.h"

namespace towpath::simulate {
namespace {

// Of a long timeline the beginning and the end are printed.
constexpr std::size_t kTimelineHead = 150;
constexpr std::size_t kTimelineTail = 150;

}  // namespace

Outcome play(const Scenario& scenario, Trace trace) { return World(scenario, trace).run(); }

Shrunk shrink(Scenario scenario, RuleId broken) {
  Shrunk shrunk{std::move(scenario)};
  const auto fails = [&](const Scenario& tried) {
    ++shrunk.runs;
    const Outcome outcome = play(tried);
    return outcome.breach && outcome.breach->rule == broken;
  };
  if (shrunk.scenario.diligent) {
    Scenario tried = shrunk.scenario;
    tried.diligent = false;
    if (fails(tried)) shrunk.scenario = std::move(tried);
  }
  while (!shrunk.scenario.neighbours.empty()) {
    Scenario tried = shrunk.scenario;
    tried.neighbours.pop_back();
    if (!fails(tried)) break;
    shrunk.scenario = std::move(tried);
  }
  for (bool smaller = true; smaller;) {
    smaller = false;
    // From the end: what comes last has the least influence on the rest.
    for (std::size_t i = shrunk.scenario.acts.size(); i-- > 0;) {
      Scenario tried = shrunk.scenario;
      tried.acts.erase(tried.acts.begin() + static_cast<std::ptrdiff_t>(i));
      if (!fails(tried)) continue;
      shrunk.scenario = std::move(tried);
      smaller = true;
    }
  }
  return shrunk;
}

namespace {

std::string described(const Scenario& scenario) {
  std::string text = json::toYaml(scenario.rollout["spec"]);
  for (const auto& [key, value] : scenario.rollout["metadata"]["annotations"].asObject())
    text += fmt::format("{}: {}\n", key, value.asStringView());
  if (scenario.workload_kind) text += json::toYaml(scenario.workload);
  for (int version = 1; version <= scenario.versions(); ++version) {
    text += fmt::format("v{}: {}, measures {}\n", version, toString(scenario.health(version)),
                        toString(scenario.quality(version)));
  }
  for (const Act& act : scenario.acts) text += fmt::format("  at {}: {}\n", formatGoDuration(act.at), describe(act));
  return text;
}

}  // namespace

std::string report(const Scenario& scenario, const Outcome& outcome) {
  const Rule& broken = rule(outcome.breach->rule);
  std::string text = fmt::format("seed {} ({}) breaks \"{}\": {}\n  {}\n", scenario.seed, toString(scenario.profile),
                                 broken.name, broken.text, outcome.breach->text);
  text += fmt::format("replay: ./dev simulate --seed {} --profile {}\n", scenario.seed, toString(scenario.profile));
  text += described(scenario);
  for (const Scenario& neighbour : scenario.neighbours)
    text += fmt::format("-- {} ({})\n", neighbour.ns, toString(neighbour.poison)) + described(neighbour);
  const std::vector<std::string>& lines = outcome.timeline;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool shown = i < kTimelineHead || i + kTimelineTail >= lines.size();
    if (shown) text += lines[i] + "\n";
    if (i == kTimelineHead && !shown)
      text += fmt::format("… {} lines …\n", lines.size() - kTimelineHead - kTimelineTail);
  }
  return text;
}

}  // namespace towpath::simulate
