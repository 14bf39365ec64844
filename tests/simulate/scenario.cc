#include "simulate/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "simulate/draw.h"
#include "simulate/random.h"

namespace towpath::simulate {
namespace {

constexpr std::array<const char*, kActKinds> kActNames = {
    "set image",      "promote",     "promote --full", "abort",      "retry",      "undo",         "pause",
    "resume",         "scale",       "restart",        "edit steps", "touch",      "forgive",      "spoil",
    "mend",           "crash",       "second",         "watch cut",  "watch gone", "watch repeat", "watch late",
    "conflict",       "write error", "lost reply",     "slow API",   "pod crash",  "pod vanish",   "version breaks",
    "route stripped", "silent",      "lying",          "wall jump"};

Health drawHealth(Random& random) {
  const int chance = random.between(0, 99);
  if (chance < 60) return Health::kGood;
  if (chance < 75) return Health::kSlow;
  return chance < 88 ? Health::kBroken : Health::kFlapping;
}

Quality drawQuality(Random& random) {
  const int chance = random.between(0, 99);
  if (chance < 50) return Quality::kGood;
  if (chance < 70) return Quality::kBad;
  if (chance < 82) return Quality::kUnclear;
  return chance < 94 ? Quality::kNoAnswer : Quality::kHangs;
}

ActKind drawCommand(Random& random) {
  const int chance = random.between(0, 99);
  if (chance < 34) return ActKind::kSetImage;
  if (chance < 52) return ActKind::kPromote;
  if (chance < 58) return ActKind::kPromoteFull;
  if (chance < 68) return ActKind::kAbort;
  if (chance < 74) return ActKind::kRetry;
  if (chance < 80) return ActKind::kUndo;
  if (chance < 84) return ActKind::kPause;
  if (chance < 88) return ActKind::kResume;
  if (chance < 94) return ActKind::kScale;
  if (chance < 96) return ActKind::kRestart;
  if (chance < 97) return ActKind::kEditSteps;
  if (chance < 98) return random.percent(50) ? ActKind::kTouch : ActKind::kForgive;
  return random.percent(60) ? ActKind::kSpoil : ActKind::kMend;
}

Act drawCommandAct(Random& random, const Scenario& scenario, Duration at) {
  Act act{.at = at, .kind = drawCommand(random)};
  if (act.kind == ActKind::kSetImage) act.amount = random.between(1, scenario.versions());
  if (act.kind == ActKind::kScale) act.amount = random.percent(15) ? 0 : random.between(1, 8);
  act.in_between = random.percent(15);
  if (act.kind == ActKind::kEditSteps || act.kind == ActKind::kSpoil) act.amount = random.between(0, 1);
  return act;
}

Act drawFault(Random& random, const Scenario& scenario, Duration at) {
  Act act{.at = at};
  act.kind =
      static_cast<ActKind>(random.between(static_cast<int>(ActKind::kCrash), static_cast<int>(ActKind::kWallJump)));
  act.amount = random.between(1, 6);
  act.lasts = random.between(200ms, 20s);
  if (act.kind == ActKind::kWatchLate) act.amount = random.between(0, 5);
  if (act.kind == ActKind::kSlowApi) act.lasts = random.between(5ms, 800ms);
  if (act.kind == ActKind::kWallJump) act.lasts = random.between(-120s, 3600s);
  if (act.kind == ActKind::kVersionBreaks) {
    act.amount = random.between(1, scenario.versions());
    act.lasts = random.between(20s, 300s);
  }
  if (act.kind == ActKind::kRouteStripped && !scenario.routed) act.kind = ActKind::kPodCrash;
  if (act.kind == ActKind::kNodesSilent || act.kind == ActKind::kNodesLie) {
    act.lasts = random.between(5s, 60s);
    if (!scenario.routed || scenario.reports == traffic::RouteReports::kNone) act.kind = ActKind::kPodCrash;
  }
  return act;
}

// What a version that waits has to outlive: an update, another version while it goes on, and a coordinator that dies.
void drawWait(Random random, Scenario& scenario) {
  const Value& policy = scenario.rollout["metadata"]["annotations"]["towpath.dev/on-new-version"];
  if (policy.isNull() || !random.percent(60)) return;
  const Duration begins = random.between(20s, 60s);
  const Duration waits = begins + random.between(2s, 25s);
  scenario.acts.push_back({.at = begins, .kind = ActKind::kSetImage, .amount = 2});
  scenario.acts.push_back({.at = waits, .kind = ActKind::kSetImage, .amount = 3});
  scenario.acts.push_back({.at = waits + random.between(500ms, 10s), .kind = ActKind::kCrash, .amount = 1});
}

void drawActs(Random random, Scenario& scenario) {
  Duration at = random.between(0s, 30s);
  Random people = random.fork("people");
  const int commands = people.between(2, 12);
  for (int i = 0; i < commands; ++i) {
    scenario.acts.push_back(drawCommandAct(people, scenario, at));
    at += people.percent(25) ? people.between(0s, 3s) : people.between(3s, 90s);
  }
  scenario.active = at + 30s;
  Random misfortune = random.fork("misfortune");
  const int faults = misfortune.percent(30) ? 0 : misfortune.between(1, 12);
  for (int i = 0; i < faults; ++i) {
    scenario.acts.push_back(drawFault(misfortune, scenario, misfortune.between(0s, scenario.active)));
  }
  drawWait(random.fork("wait"), scenario);
  std::ranges::sort(scenario.acts, {}, [](const Act& act) { return std::tuple(act.at, act.kind, act.amount); });
}

}  // namespace

const char* toString(Profile profile) { return profile == Profile::kCompatible ? "compatible" : "strict"; }
const char* toString(ActKind kind) { return kActNames.at(static_cast<std::size_t>(kind)); }
bool isCommand(ActKind kind) { return kind < ActKind::kCrash; }
bool isShared(ActKind kind) { return !isCommand(kind) && (kind < ActKind::kPodCrash || kind == ActKind::kWallJump); }

const char* toString(Health health) {
  static constexpr std::array<const char*, 4> names = {"good", "slow", "broken", "flapping"};
  return names.at(static_cast<std::size_t>(health));
}

const char* toString(Quality quality) {
  static constexpr std::array<const char*, 5> names = {"good", "bad", "unclear", "no answer", "hangs"};
  return names.at(static_cast<std::size_t>(quality));
}

std::string describe(const Act& act) {
  std::string text = toString(act.kind);
  if (act.kind == ActKind::kSetImage) text += fmt::format(" v{}", act.amount);
  if (act.kind == ActKind::kScale) text += fmt::format(" to {}", act.amount);
  if (isCommand(act.kind)) return act.in_between ? text + ", right before a write" : text;
  return fmt::format("{} ({}, {})", text, act.amount, formatGoDuration(act.lasts));
}

const char* toString(Poison poison) {
  static constexpr std::array<const char*, 5> names = {"none", "no route", "no quota", "deaf plugin", "malformed"};
  return names.at(static_cast<std::size_t>(poison));
}

int Scenario::unusedVersion() const {
  int newest = versions();
  for (const Act& act : acts) {
    if (act.kind == ActKind::kSetImage) newest = std::max(newest, act.amount);
  }
  return newest + 1;
}

Health Scenario::health(int version) const {
  const auto index = static_cast<std::size_t>(version - 1);
  return version >= 1 && index < healths.size() ? healths[index] : Health::kGood;
}

Quality Scenario::quality(int version) const {
  const auto index = static_cast<std::size_t>(version - 1);
  return version >= 1 && index < qualities.size() ? qualities[index] : Quality::kGood;
}

namespace {

void drawVersions(Random& shape, Scenario& scenario) {
  const int versions = shape.between(2, 5);
  for (int version = 1; version <= versions; ++version) {
    // The first one works: there is always a way back.
    scenario.healths.push_back(version == 1 ? Health::kGood : drawHealth(shape));
    scenario.qualities.push_back(version == 1 ? Quality::kGood : drawQuality(shape));
  }
}

// A rollout with its people, for itself.
Scenario drawOne(const Random& random, const Scenario& like) {
  Scenario scenario{.seed = like.seed, .profile = like.profile, .ns = like.ns, .poison = like.poison};
  scenario.reports = like.reports;
  scenario.status_delay = like.status_delay;
  Random shape = random.fork("shape");
  drawVersions(shape, scenario);
  scenario.diligent = shape.percent(45);
  drawObjects(random.fork("objects"), scenario);
  drawActs(random.fork("acts"), scenario);
  scenario.with_pods |=
      std::ranges::any_of(scenario.acts, [](const Act& act) { return act.kind == ActKind::kRestart; });
  return scenario;
}

// What they share strikes once, with the acts of the first one.
void drawNeighbours(Random random, Scenario& scenario) {
  if (!random.percent(12)) return;
  const int count = random.between(1, 2);
  for (int i = 1; i <= count; ++i) {
    const Random own = random.fork("neighbour", static_cast<std::uint64_t>(i));
    Scenario like{.seed = scenario.seed, .profile = scenario.profile, .ns = fmt::format("ns{}", i)};
    like.reports = scenario.reports;
    if (random.percent(50)) like.poison = static_cast<Poison>(random.between(1, 4));
    Scenario neighbour = drawOne(own, like);
    std::erase_if(neighbour.acts, [](const Act& act) { return isShared(act.kind); });
    scenario.active = std::max(scenario.active, neighbour.active);
    scenario.neighbours.push_back(std::move(neighbour));
  }
}

}  // namespace

Scenario drawScenario(std::uint64_t seed, Profile profile) {
  const Random random = Random(seed).fork(toString(profile));
  // Of all nodes, whichever routes they carry.
  const bool reports = random.fork("reports").percent(60);
  Scenario like{.seed = seed, .profile = profile};
  if (reports) like.reports = traffic::RouteReports::kExpected;
  if (random.fork("status delay").percent(40)) like.status_delay = 3s;
  Scenario scenario = drawOne(random, like);
  drawNeighbours(random.fork("neighbours"), scenario);
  return scenario;
}

}  // namespace towpath::simulate
