// The course of a world: acts, moments, and the stretches of calm at its end.
#include <fmt/format.h>

#include <algorithm>

#include "simulate/world.h"

namespace towpath::simulate {
namespace {

constexpr Duration kQuiet = 17min;  // longer than any controller's resync
constexpr Duration kWayOutLimit = 2h;
constexpr Duration kDiligence = 30s;

}  // namespace

void World::act(Tenant& tenant, const Act& act) {
  if (act.in_between && tenant.scenario.ns == "default") {
    in_between_.push_back({&tenant, act});
    return;
  }
  say((tenant.scenario.ns == "default" ? "" : tenant.scenario.ns + ": ") + describe(act));
  if (!isCommand(act.kind)) {
    outcome_.coverage.struck(act.kind);
    misfortune(tenant, act);
    return;
  }
  const Monitor& monitor = tenant.monitor;
  const char* strategy = strategyOf(monitor.spec(), monitor.recreate());
  outcome_.coverage.commanded(strategy, toString(monitor.status().phase), act.kind);
  if (act.kind == ActKind::kSetImage) ++outcome_.updates;
  writer_ = Writer::kPerson;
  tenant.person.carryOut(act);
  writer_ = Writer::kCluster;
}

void World::misfortune(Tenant& tenant, const Act& act) {
  if (faults_.take(act, loop_.now())) {
    if (act.kind == ActKind::kWatchCut || act.kind == ActKind::kWatchGone) cut_at_ = loop_.now();
    if (act.kind == ActKind::kWatchGone) api_.compact();
    return;
  }
  if (tenant.cluster.take(act) || tenant.nodes.take(act)) return;
  switch (act.kind) {
    case ActKind::kCrash:
      if (first_ && !first_->api.dead()) first_->api.dieAt((act.amount + 1) / 2, act.amount % 2 == 1);
      return;
    case ActKind::kSecond:
      if (second_) return;
      start(second_);
      second_until_ = loop_.now() + act.lasts;
      for (const auto& each : tenants_) each->monitor.noteDeath();  // of the one that does not know that it is deposed
      agenda_.after(act.lasts, [this] { second_.reset(); });
      return;
    case ActKind::kWallJump:
      loop_.setWall(loop_.wallNow() + act.lasts);
      return;
    default:
      return;
  }
}

void World::beDiligent(Tenant& tenant) {
  if (loop_.now() - start_ > scenario_.active) return;
  if (tenant.person.isWaitedFor()) act(tenant, {.kind = ActKind::kPromote});
  agenda_.after(kDiligence, [this, &tenant] { beDiligent(tenant); });
}

bool World::broken() const {
  return std::ranges::any_of(tenants_, [](const auto& tenant) { return tenant->monitor.first().has_value(); });
}

bool World::runUntil(MonoTime at) {
  while (!broken() && loop_.now() < at) {
    loop_.advanceTo(std::min(loop_.nextTimer(), at));
    for (const auto& tenant : tenants_) {
      tenant->monitor.look();
      sayStatus(*tenant);
    }
  }
  return !broken();
}

// Until nothing was written for longer than anybody's resync takes, and no verdict is awaited. What its spec lets take
// time has that time, and no more.
bool World::settles(Tenant& tenant) {
  Monitor& monitor = tenant.monitor;
  const MonoTime from = loop_.now();
  const Duration limit = monitor.settlesWithin();
  while (monitor.lastWrite() <= from + limit) {
    if (!runUntil(std::max(monitor.lastWrite(), from) + kQuiet)) return false;
    const bool quiet = loop_.now() - monitor.lastWrite() >= kQuiet;
    if (quiet && !monitor.measures(Monitor::Runs::kThatEnd)) return true;
    if (loop_.now() > from + limit + 2 * kQuiet) break;
    if (quiet && !runUntil(loop_.now() + kQuiet)) return false;
  }
  monitor.breach(RuleId::kUnsettled, fmt::format("still written to after {}", formatGoDuration(limit)));
  return false;
}

bool World::settle() {
  for (const auto& tenant : tenants_) {
    if (tenant->lives() && !settles(*tenant)) return false;
  }
  for (const auto& tenant : tenants_) {
    if (!tenant->lives()) continue;
    if (std::string wrong = tenant->monitor.contradiction(); !wrong.empty())
      tenant->monitor.breach(RuleId::kWrongEnd, wrong);
  }
  return !broken();
}

bool World::calm() {
  say("-- calm --");
  in_between_.clear();
  faults_.clear();
  for (const auto& tenant : tenants_) {
    tenant->cluster.heal();
    tenant->nodes.heal();
  }
  second_.reset();
  if (!settle()) return false;
  const Monitor& own = tenants_.front()->monitor;
  outcome_.at_rest = fmt::format("{}, v{} is stable", toString(own.status().phase), own.stableVersion());
  for (const auto& tenant : tenants_) {
    if (tenant->lives() && tenant->monitor.status().phase == model::RolloutPhase::kProgressing)
      tenant->monitor.breach(RuleId::kWedged, tenant->monitor.status().message);
  }
  return !broken();
}

bool World::rest() {
  say("-- another coordinator --");
  std::vector<std::uint64_t> before;
  for (const auto& tenant : tenants_) before.push_back(tenant->monitor.writes());
  first_.reset();
  start(first_);
  // A background analysis may come to a verdict at any time.
  std::vector<bool> measures;
  for (const auto& tenant : tenants_) measures.push_back(tenant->monitor.measures(Monitor::Runs::kAll));
  if (!runUntil(loop_.now() + kQuiet)) return false;
  for (std::size_t i = 0; i < tenants_.size(); ++i) {
    Monitor& monitor = tenants_[i]->monitor;
    if (!tenants_[i]->lives() || monitor.writes() == before[i] || measures[i]) continue;
    monitor.breach(RuleId::kRestless, fmt::format("{} writes", monitor.writes() - before[i]));
  }
  return !broken();
}

// Where a new version may not start during an update, that one has to end first.
bool World::bringGoodVersion(Tenant& tenant) {
  std::vector<ActKind> kinds = {ActKind::kMend, ActKind::kSetImage, ActKind::kRetry, ActKind::kResume};
  if (tenant.monitor.extensions().on_new_version != model::OnNewVersion::kReplace)
    kinds.insert(kinds.begin() + 1, {ActKind::kResume, ActKind::kAbort});
  for (const ActKind kind : kinds) {
    act(tenant, {.kind = kind, .amount = tenant.scenario.unusedVersion()});
    if (!runUntil(loop_.now() + 10s)) return false;
  }
  const MonoTime limit = loop_.now() + kWayOutLimit;
  Monitor& monitor = tenant.monitor;
  while (loop_.now() < limit && monitor.status().phase != model::RolloutPhase::kHealthy) {
    act(tenant, {.kind = ActKind::kPromoteFull});
    if (!runUntil(loop_.now() + 2min)) return false;
  }
  if (monitor.status().phase != model::RolloutPhase::kHealthy) {
    monitor.breach(RuleId::kNoWayOut,
                   fmt::format("{} \"{}\"", toString(monitor.status().phase), monitor.status().message));
  }
  return !broken();
}

bool World::wayOut() {
  say("-- way out --");
  for (const auto& tenant : tenants_) {
    if (tenant->lives() && !bringGoodVersion(*tenant)) return false;
  }
  return settle();
}

Quality World::qualityOf(const std::string& hash) const {
  for (const auto& tenant : tenants_) {
    if (const int version = tenant->cluster.version(hash); version > 0) return tenant->scenario.quality(version);
  }
  return Quality::kGood;
}

// "http://metrics/<hash>": what the quality of that version says, with a little chance and some delay.
loop::Task<Result<http::Response>> World::measure(http::ClientRequest request) {
  const std::string hash = request.url.substr(request.url.rfind('/') + 1);
  Random random = Random(scenario_.seed).fork(hash, measured_[hash]++);
  const Quality quality = qualityOf(hash);
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
