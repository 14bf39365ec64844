// The course of a world: acts, moments, and the stretches of calm at its end.
#include <fmt/format.h>

#include <algorithm>

#include "simulate/draw.h"
#include "simulate/world.h"

namespace towpath::simulate {
namespace {

constexpr Duration kQuiet = 17min;  // longer than any controller's resync
constexpr Duration kCalmLimit = 4h;
constexpr Duration kWayOutLimit = 2h;
constexpr Duration kDiligence = 30s;

}  // namespace

void World::act(const Act& act) {
  if (act.in_between) {
    in_between_.push_back(act);
    return;
  }
  say(describe(act));
  if (!isCommand(act.kind)) {
    outcome_.coverage.struck(act.kind);
    misfortune(act);
    return;
  }
  const char* strategy = strategyOf(monitor_.spec(), monitor_.recreate());
  outcome_.coverage.commanded(strategy, toString(monitor_.status().phase), act.kind);
  if (act.kind == ActKind::kSetImage) ++outcome_.updates;
  writer_ = Writer::kPerson;
  person_.carryOut(act);
  writer_ = Writer::kCluster;
}

void World::misfortune(const Act& act) {
  if (faults_.take(act, loop_.now())) {
    if (act.kind == ActKind::kWatchCut || act.kind == ActKind::kWatchGone) cut_at_ = loop_.now();
    if (act.kind == ActKind::kWatchGone) api_.compact();
    return;
  }
  if (cluster_.take(act)) return;
  switch (act.kind) {
    case ActKind::kCrash:
      if (first_ && !first_->api.dead()) first_->api.dieAt((act.amount + 1) / 2, act.amount % 2 == 1);
      return;
    case ActKind::kSecond:
      if (second_) return;
      start(second_);
      second_until_ = loop_.now() + act.lasts;
      after(act.lasts, [this] { second_.reset(); });
      return;
    case ActKind::kWallJump:
      loop_.setWall(loop_.wallNow() + act.lasts);
      return;
    default:
      return;
  }
}

void World::beDiligent() {
  if (loop_.now() - start_ > scenario_.active) return;
  if (person_.isWaitedFor()) act({.kind = ActKind::kPromote});
  after(kDiligence, [this] { beDiligent(); });
}

bool World::runUntil(MonoTime at) {
  while (!monitor_.first() && loop_.now() < at) {
    loop_.advanceTo(std::min(loop_.nextTimer(), at));
    monitor_.look(cluster_.running());
    sayStatus();
  }
  return !monitor_.first();
}

// Until nothing was written for longer than anybody's resync takes, and no verdict is awaited.
bool World::settles(Duration limit) {
  const MonoTime from = loop_.now();
  while (loop_.now() < from + limit) {
    if (!runUntil(std::max(monitor_.lastWrite(), from) + kQuiet)) return false;
    const bool quiet = loop_.now() - monitor_.lastWrite() >= kQuiet;
    if (quiet && !monitor_.measures(Monitor::Runs::kThatEnd)) return true;
    if (quiet && !runUntil(loop_.now() + kQuiet)) return false;
  }
  monitor_.breach(RuleId::kUnsettled, fmt::format("still written to after {}", formatGoDuration(limit)));
  return false;
}

bool World::calm() {
  say("-- calm --");
  in_between_.clear();
  faults_.clear();
  cluster_.heal();
  second_.reset();
  if (!settles(kCalmLimit)) return false;
  const model::RolloutStatus& status = monitor_.status();
  outcome_.at_rest = fmt::format("{}, v{} is stable", toString(status.phase), monitor_.stableVersion());
  if (status.phase == model::RolloutPhase::kProgressing) monitor_.breach(RuleId::kWedged, status.message);
  if (std::string wrong = monitor_.contradiction(); !wrong.empty()) monitor_.breach(RuleId::kWrongEnd, wrong);
  return !monitor_.first();
}

bool World::rest() {
  say("-- another coordinator --");
  const std::uint64_t before = monitor_.writes();
  first_.reset();
  start(first_);
  // A background analysis may come to a verdict at any time.
  const bool measures = monitor_.measures(Monitor::Runs::kAll);
  if (!runUntil(loop_.now() + kQuiet)) return false;
  if (monitor_.writes() != before && !measures) {
    monitor_.breach(RuleId::kRestless, fmt::format("{} writes", monitor_.writes() - before));
  }
  return !monitor_.first();
}

bool World::wayOut() {
  say("-- way out --");
  for (const ActKind kind : {ActKind::kSetImage, ActKind::kRetry, ActKind::kResume}) {
    act({.kind = kind, .amount = scenario_.versions() + 1});
    if (!runUntil(loop_.now() + 10s)) return false;
  }
  const MonoTime limit = loop_.now() + kWayOutLimit;
  while (loop_.now() < limit && monitor_.status().phase != model::RolloutPhase::kHealthy) {
    act({.kind = ActKind::kPromoteFull});
    if (!runUntil(loop_.now() + 2min)) return false;
  }
  if (monitor_.status().phase != model::RolloutPhase::kHealthy) {
    monitor_.breach(RuleId::kNoWayOut,
                    fmt::format("{} \"{}\"", toString(monitor_.status().phase), monitor_.status().message));
  }
  if (monitor_.first() || !settles(kCalmLimit)) return false;
  if (std::string wrong = monitor_.contradiction(); !wrong.empty()) monitor_.breach(RuleId::kWrongEnd, wrong);
  return !monitor_.first();
}

// ---- measurements
// ---------------------------------------------------------------------------------------------------------

// "http://metrics/<hash>": what the quality of that version says, with a little chance and some delay.
loop::Task<Result<http::Response>> World::measure(http::ClientRequest request) {
  const std::string hash = request.url.substr(request.url.rfind('/') + 1);
  int version = 0;
  for (const Value* set : api_.peekAll(cluster::kReplicaSets)) {
    if (cluster::labelOf(*set, "rollouts-pod-template-hash") != hash) continue;
    version = versionOf(set->at({"spec", "template", "spec"})["containers"][0]["image"].asStringView());
  }
  Random random = Random(scenario_.seed).fork(hash, measured_[hash]++);
  const Quality quality = scenario_.quality(version);
  if (quality == Quality::kHangs && !random.percent(40)) co_await loop::sleep(loop_, 1h);
  co_await loop::sleep(loop_, random.percent(20) ? random.between(1s, 20s) : random.between(5ms, 300ms));
  const auto body = [](double value) {
    return http::Response{.status = 200, .headers = {}, .body = fmt::format("{}", value)};
  };
  const bool chance = random.percent(85);
  switch (quality) {
    case Quality::kGood:
      co_return body(0.1);
    case Quality::kHangs:
      co_return body(0.1);
    case Quality::kBad:
      co_return body(chance ? 0.9 : 0.1);
    case Quality::kUnclear:
      co_return body(chance ? 0.5 : 0.1);
    case Quality::kNoAnswer:
      break;
  }
  if (!chance) co_return body(0.1);
  co_return fail(ErrorKind::kUnavailable, "no answer from the metrics");
}

}  // namespace towpath::simulate
