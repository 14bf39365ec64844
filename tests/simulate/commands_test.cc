// Every command in every phase, for both strategies: what the world comes to rest at. Versions: v1 runs, v2 is the
// update under way (or done, where v1 alone is healthy there is none), v3 what is applied anew.

#include <doctest/doctest.h>

#include <array>

#include "simulate/script.h"
#include "simulate/shrink.h"

namespace towpath::simulate {
namespace {

using enum ActKind;

constexpr const char* kCanary = "{canary: {steps: [{setWeight: 50}, {pause: {}}, {setWeight: 75}]}}";
constexpr const char* kBlueGreen =
    "{blueGreen: {activeService: shop-active, previewService: shop-preview, autoPromotionEnabled: false}}";

struct State {
  const char* name;
  std::vector<Act> acts;
  Duration command_at;
};

const std::array<State, 5> kStates = {{
    {"new", {}, 0s},
    {"progressing", {{60s, kSetImage, 2}}, 62s},
    {"paused", {{60s, kSetImage, 2}}, 180s},
    {"healthy", {}, 60s},
    {"degraded", {{60s, kSetImage, 2}, {120s, kAbort}}, 180s},
}};

const std::array<ActKind, 10> kCommands = {kSetImage, kPromote, kPromoteFull, kAbort, kRetry,
                                           kUndo,     kPause,   kResume,      kScale, kRestart};

std::string restAt(const char* strategy, const State& state, ActKind command) {
  std::vector<Act> acts = state.acts;
  acts.push_back({state.command_at, command, command == kScale ? 6 : 3});
  const Scenario scenario =
      scripted({.strategy = strategy, .acts = acts, .healths = {Health::kGood, Health::kSlow, Health::kGood}});
  const Outcome outcome = play(scenario);
  if (outcome.breach) return report(scenario, play(scenario, Trace::kYes));
  return outcome.at_rest;
}

using Row = std::array<const char*, kCommands.size()>;

void check(const char* strategy, const std::array<Row, kStates.size()>& expected) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    for (std::size_t j = 0; j < kCommands.size(); ++j) {
      const std::string row = fmt::format("{} / {}: ", kStates[i].name, toString(kCommands[j]));
      CHECK(row + restAt(strategy, kStates[i], kCommands[j]) == row + expected[i][j]);
    }
  }
}

constexpr const char *kP1 = "Paused, v1 is stable", *kH1 = "Healthy, v1 is stable", *kH2 = "Healthy, v2 is stable",
                     *kH3 = "Healthy, v3 is stable", *kD1 = "Degraded, v1 is stable";

}  // namespace

//                           apply promote full  abort retry undo  pause resume scale restart
TEST_CASE("commands, canary") {
  check(kCanary, {{{kH3, kH1, kH1, kH1, kH1, kH1, kP1, kH1, kH1, kH1},
                   {kP1, kP1, kH2, kD1, kP1, kH1, kP1, kP1, kP1, kP1},
                   {kP1, kH2, kH2, kD1, kP1, kH1, kP1, kH2, kP1, kP1},
                   {kP1, kH1, kH1, kH1, kH1, kH1, kP1, kH1, kH1, kH1},
                   {kP1, kD1, kH2, kD1, kP1, kH1, kD1, kD1, kD1, kD1}}});
}

TEST_CASE("commands, blue-green") {
  check(kBlueGreen, {{{kH3, kH1, kH1, kH1, kH1, kH1, kP1, kH1, kH1, kH1},
                      {kP1, kP1, kH2, kD1, kP1, kH1, kP1, kP1, kP1, kP1},
                      {kP1, kH2, kH2, kD1, kP1, kH1, kP1, kH2, kP1, kP1},
                      {kP1, kH1, kH1, kH1, kH1, kH1, kP1, kH1, kH1, kH1},
                      {kP1, kD1, kH2, kD1, kP1, kH1, kD1, kD1, kD1, kD1}}});
}

}  // namespace towpath::simulate
