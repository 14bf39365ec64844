#include "play/player.h"

#include <algorithm>

#include "engine/rollout/decide.h"
#include "engine/rollout/effects.h"
#include "play/analyses.h"
#include "play/pods.h"
#include "play/recorder.h"
#include "play/stand_ins.h"
#include "play/world_of.h"

namespace towpath::play {
namespace {

using rollout::World;

const WallTime kUpdate = WallTime(std::chrono::seconds(1'767'225'600));  // any time does: nothing depends on the date
constexpr Duration kPatience = 10min;  // for what a background analysis makes of the end of the trace
constexpr int kMaxRounds = 200;        // of one turn

Measurements measurementsOf(const Setup& setup) {
  Measurements source{setup.trace, setup.faults, kUpdate};
  std::erase_if(source.faults, [](const Fault& fault) { return fault.kind != Fault::Kind::kMetricError; });
  return source;
}

std::unexpected<Error> refuse(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

// Is there a pause that only a person ends? The time since when, and the reason.
struct Wait {
  WallTime since{};
  model::PauseReason reason{};
  bool operator==(const Wait&) const = default;
};
std::optional<Wait> personWaitedFor(const World& world) {
  for (const model::PauseCondition& pause : world.status.pause_conditions) {
    const Wait wait{pause.start_time, pause.reason};
    if (pause.reason == model::PauseReason::kCanaryPauseStep) {
      const model::CanaryStrategy* canary = world.spec.canary();
      const auto index = static_cast<std::size_t>(world.status.current_step_index.value_or(0));
      if (!canary || index >= canary->steps.size()) continue;
      const auto* step = std::get_if<model::PauseStep>(&canary->steps[index]);
      if (step && !step->duration) return wait;
    } else if (pause.reason == model::PauseReason::kBlueGreenPause) {
      const model::BlueGreenStrategy* strategy = world.spec.blueGreen();
      if (strategy && strategy->auto_promotion_seconds == 0) return wait;
    } else {
      return wait;
    }
  }
  return std::nullopt;
}

class Player {
 public:
  explicit Player(Setup setup)
      : setup_(std::move(setup)),
        world_(worldOf(setup_.stable)),
        pods_(setup_.ready_after),
        stand_ins_(setup_.ready_after, setup_.step_takes),
        analyses_(setup_.update, setup_.find, measurementsOf(setup_)) {
    world_.spec.restart_at.reset();
  }

  Result<Outcome> run() {
    if (Result<void> ready = runStable(); !ready) return std::unexpected(ready.error());
    if (Result<void> applied = applyUpdate(); !applied) return std::unexpected(applied.error());
    while (recorder_.size() < kMaxMoments) {
      if (Result<void> turned = turn(); !turned) return std::unexpected(turned.error());
      recorder_.record(world_, now_ - kUpdate);
      const std::optional<WallTime> next = nextTime();
      if (!next || *next > kUpdate + setup_.until) break;
      now_ = *next;
      happen();
    }
    return outcome();
  }

 private:
  // The stable version, ready long before the update.
  Result<void> runStable() {
    now_ = kUpdate - 24h;
    for (int round = 0; round < kMaxRounds; ++round) {
      if (Result<void> turned = turn(); !turned) return turned;
      if (world_.status.phase == model::RolloutPhase::kHealthy) break;
      now_ += std::max(setup_.ready_after, Duration(1s)) + std::chrono::seconds(world_.spec.min_ready_seconds);
    }
    if (const auto* invalid = findCondition(world_.status.conditions, model::condition::kInvalidSpec)) {
      return refuse(invalid->message);
    }
    if (world_.status.phase != model::RolloutPhase::kHealthy) {
      return refuse("the stable version does not become healthy: " + world_.status.message);
    }
    return {};
  }

  Result<void> applyUpdate() {
    now_ = kUpdate;
    applySpec(world_, setup_.update);
    world_.spec.restart_at.reset();
    if (world_.invalid) return refuse(*world_.invalid);
    if (world_.computed_hash == world_.status.stable_rs) {
      return refuse("nothing would be rolled out: the update has the pod template of the stable version");
    }
    new_hash_ = world_.computed_hash;
    recorder_.follow(new_hash_);
    recorder_.note("update applied");
    for (const Fault& fault : setup_.faults) {
      if (fault.kind == Fault::Kind::kCanaryNeverReady) pods_.keepUnready(new_hash_);
      if (fault.kind == Fault::Kind::kPluginFails) stand_ins_.failPlugins();
      if (fault.kind == Fault::Kind::kExperimentFails) stand_ins_.failExperiments();
    }
    happen();
    return {};
  }

  // Decides, carries out and measures until nothing changes at this time.
  Result<void> turn() {
    for (int round = 0; round < kMaxRounds; ++round) {
      const World before = world_;
      pods_.follow(world_, now_);
      const rollout::Decision decision = rollout::decide(world_, now_);
      look_again_at_ = decision.look_again_at;
      if (Result<void> done = carryOut(decision); !done) return done;
      for (std::string& note : analyses_.turn(world_, now_)) recorder_.note(std::move(note));
      for (std::string& note : stand_ins_.turn(world_, now_)) recorder_.note(std::move(note));
      recorder_.count(world_, stand_ins_.pods(), now_ - kUpdate);
      if (world_ == before) return {};
    }
    return fail(ErrorKind::kInternal, "the rollout does not come to rest: " + world_.status.message);
  }

  Result<void> carryOut(const rollout::Decision& decision) {
    for (const rollout::Action& action : decision.actions) {
      rollout::applyEffect(world_, action, now_);
      for (std::string& note : stand_ins_.take(world_, action, now_)) recorder_.note(std::move(note));
      if (const auto* start = std::get_if<rollout::StartAnalysis>(&action)) {
        if (Result<void> started = analyses_.start(world_, *start); !started) return started;
        recorder_.note("analysis " + start->name + " begins");
      }
      if (std::holds_alternative<rollout::SetTraffic>(action)) world_.traffic.verified = true;
    }
    return {};
  }

  std::optional<WallTime> nextTime() const {
    std::optional<WallTime> next = look_again_at_;
    const auto consider = [&](std::optional<WallTime> time) {
      if (time && (!next || *time < *next)) next = time;
    };
    consider(pods_.nextChange(world_, now_));
    consider(analyses_.nextLook());
    consider(stand_ins_.nextChange());
    for (const Fault& fault : setup_.faults) {
      if (isAnEvent(fault) && kUpdate + fault.at > now_) consider(kUpdate + fault.at);
    }
    if (const std::optional<WallTime> promotion = promotionAt()) consider(promotion);
    if (waitedLongEnough()) return std::nullopt;
    if (next && *next <= now_) next = now_ + 1s;  // due already: look at it again a little later
    return next;
  }

  // A person is waited for who does not come, and neither the trace nor a fault has anything new to tell: analyses in
  // the background could go on for ever.
  bool waitedLongEnough() const {
    const std::optional<Wait> wait = personWaitedFor(world_);
    if (!wait || setup_.promote_after) return false;
    WallTime last = std::max(wait->since, kUpdate + setup_.trace.end());
    for (const Fault& fault : setup_.faults) last = std::max(last, kUpdate + fault.at);
    return now_ >= last + kPatience;
  }

  static bool isAnEvent(const Fault& fault) {
    return fault.kind == Fault::Kind::kCanaryUnready || fault.kind == Fault::Kind::kPodCrash ||
           fault.kind == Fault::Kind::kAbort;
  }

  std::optional<WallTime> promotionAt() const {
    const std::optional<Wait> wait = personWaitedFor(world_);
    if (!wait || !setup_.promote_after) return std::nullopt;
    return wait->since + *setup_.promote_after;
  }

  // What happens from outside at this time.
  void happen() {
    for (const Fault& fault : setup_.faults) {
      if (!isAnEvent(fault) || kUpdate + fault.at != now_) continue;
      recorder_.note("fault: " + toString(fault));
      if (fault.kind == Fault::Kind::kCanaryUnready) pods_.keepUnready(new_hash_);
      if (fault.kind == Fault::Kind::kPodCrash) pods_.crash(world_, new_hash_, now_);
      if (fault.kind == Fault::Kind::kAbort) world_.status.abort = true;
    }
    const std::optional<WallTime> promotion = promotionAt();
    if (!promotion || *promotion > now_) return;
    recorder_.note("promoted by a person (assumed)");
    world_.status.pause_conditions.clear();
  }

  Outcome outcome() {
    Outcome result = recorder_.take();
    result.replicas = world_.spec.wantedReplicas();
    result.message = world_.status.message;
    result.assumed_good = analyses_.assumedGood();
    for (const std::string& column : setup_.trace.metrics()) {
      if (!analyses_.measured().contains(column)) result.never_asked_for.push_back(column);
    }
    const auto& moments = result.moments;
    result.ended_at = moments.empty() ? Duration{} : moments.back().at;
    if (world_.status.phase == model::RolloutPhase::kHealthy) {
      result.ending = Ending::kHealthy;
    } else if (world_.status.phase == model::RolloutPhase::kDegraded) {
      result.ending = Ending::kDegraded;
    } else if (world_.status.phase == model::RolloutPhase::kPaused) {
      result.ending = Ending::kWaitsForPerson;
    }
    // The moments after the last change of phase are only of clearing up.
    for (auto moment = moments.rbegin(); moment != moments.rend() && moment->phase == moments.back().phase; ++moment) {
      result.ended_at = moment->at;
    }
    return result;
  }

  Setup setup_;
  World world_;
  Pods pods_;
  StandIns stand_ins_;
  Analyses analyses_;
  Recorder recorder_;
  WallTime now_{};
  std::string new_hash_;
  std::optional<WallTime> look_again_at_;
};

}  // namespace

const char* toString(Ending ending) {
  switch (ending) {
    case Ending::kHealthy:
      return "healthy";
    case Ending::kDegraded:
      return "degraded";
    case Ending::kWaitsForPerson:
      return "waits for a person";
    case Ending::kUnfinished:
      return "unfinished";
  }
  return "";
}

Result<Outcome> play(Setup setup) { return Player(std::move(setup)).run(); }

}  // namespace towpath::play
