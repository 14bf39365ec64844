// Manifests of Rollouts and analyses, as they come from outside: read, checked against the schema and the rules,
// decoded and encoded, and then acted on. The engine decides in a world whose events follow from the bytes; nothing
// that must never happen happens, the same world gets the same answer, and each turn comes to an end.

#include <algorithm>

#include "api/analysis_view.h"
#include "api/rollout_view.h"
#include "api/schema.h"
#include "api/template_hash.h"
#include "api/validate.h"
#include "base/hash.h"
#include "engine/analysis/decide.h"
#include "engine/rollout/decide.h"
#include "engine/rollout/effects.h"
#include "engine/rollout/invariants.h"
#include "fuzz.h"
#include "json/patch.h"
#include "json/serialize.h"
#include "json/yaml.h"
#include "play/manifests.h"
#include "play/world_of.h"

namespace towpath::fuzz {
namespace {

const WallTime kStart = WallTime(std::chrono::seconds(1'700'000'000));
constexpr int kEvents = 24;            // of one play
constexpr int kDecisionsPerTurn = 60;  // more are a turn without end

// As the API server takes an object in. False: it refuses it.
bool admit(Value& object) {
  const Value& schema = play::schemaOf(object["kind"].asStringView());
  if (!schema.isObject()) return false;
  static_cast<void>(api::findUnknownFields(schema, object, api::UnknownFields::kPrune));
  api::applyDefaults(schema, object);
  return api::validateSchema(schema, object).empty();
}

class Play {
 public:
  Play(rollout::World world, std::uint64_t seed) : world_(std::move(world)), random_(seed) {}

  void run() {
    turn();
    for (int event = 0; event < kEvents; ++event) {
      happen(draw(12));
      turn();
    }
  }

 private:
  std::uint32_t draw(std::uint32_t below) {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(random_ >> 33) % below;
  }

  void turn() {
    for (int round = 0; round < kDecisionsPerTurn; ++round) {
      const rollout::Decision decision = rollout::decide(world_, now_);
      require(rollout::decide(world_, now_) == decision, "the same world gets the same answer");
      for (const std::string& rule : rollout::checkInvariants(world_, decision, now_)) fail(rule, decision);
      look_again_at_ = decision.look_again_at;
      for (const rollout::Action& action : decision.actions) {
        static_cast<void>(rollout::toString(action));
        rollout::applyEffect(world_, action, now_);
      }
      if (decision.actions.empty()) return;
    }
    fail("a turn without end", rollout::decide(world_, now_));
  }

  [[noreturn]] void fail(const std::string& rule, const rollout::Decision& decision) const {
    std::string text = rule + history_;
    for (const model::ReplicaSet& set : world_.replica_sets) {
      text += fmt::format("\n  {}: {} wanted, {} available", set.name, set.replicas, set.available_replicas);
    }
    for (const rollout::Action& action : decision.actions) text += "\n  " + rollout::toString(action);
    require(false, text);
    std::abort();
  }

  void happen(std::uint32_t what) {
    history_ += fmt::format(" {}", what);
    switch (what) {
      case 0:
        return pods(1, 2);
      case 1:
        return changeTemplate();
      case 2:
        return advance();
      case 3:
        world_.status.abort = true;
        return;
      case 4:
        world_.status.abort = false;
        return;
      case 5:
        return promote();
      case 6:
        return finishRuns();
      case 7:
        world_.traffic.verified = draw(2) == 0;
        return;
      case 8:
        return scale();
      default:
        return pods(1, 1);
    }
  }

  // So many of each ReplicaSet's pods are available.
  void pods(std::int32_t part, std::int32_t of) {
    for (model::ReplicaSet& set : world_.replica_sets) {
      set.observed_generation = set.generation;
      set.current_replicas = set.replicas;
      set.ready_replicas = set.available_replicas = set.replicas / of * part;
    }
    std::erase_if(world_.replica_sets, [](const model::ReplicaSet& set) { return set.deleting; });
    std::erase_if(world_.analysis_runs, [](const rollout::AnalysisRunView& run) { return run.deleting; });
  }

  void changeTemplate() {
    ++world_.generation;
    world_.computed_hash = fmt::format("v{}", draw(3));
    const auto same = std::ranges::find(world_.replica_sets, world_.computed_hash, &model::ReplicaSet::hash);
    world_.new_rs = same == world_.replica_sets.end() ? std::nullopt : std::optional(same->name);
  }

  void advance() {
    const WallTime next = look_again_at_.value_or(now_ + 60s);
    now_ = std::clamp(next, now_ + 1s, now_ + 24h);
  }

  void promote() {
    if (draw(3) == 0) {
      world_.status.promote_full = true;
    } else if (!world_.status.pause_conditions.empty()) {
      world_.status.pause_conditions.clear();
    }
  }

  void finishRuns() {
    constexpr model::AnalysisPhase kPhases[] = {model::AnalysisPhase::kSuccessful, model::AnalysisPhase::kFailed,
                                                model::AnalysisPhase::kError, model::AnalysisPhase::kInconclusive};
    for (rollout::AnalysisRunView& run : world_.analysis_runs) {
      if (!model::isCompleted(run.phase)) run.phase = kPhases[draw(4)];
    }
  }

  void scale() {
    ++world_.generation;
    world_.spec.replicas = static_cast<std::int32_t>(draw(7));
  }

  rollout::World world_;
  std::uint64_t random_;
  WallTime now_ = kStart;
  std::optional<WallTime> look_again_at_;
  std::string history_ = ", after the events";
};

void onRollout(const Value& object, std::uint64_t seed) {
  rollout::World world = play::worldOf(object);
  const Value status = api::encodeRolloutStatus(world.status);
  const model::RolloutStatus again = api::decodeRolloutStatus(Value(Object{{"status", status}}));
  require(again == world.status, json::serialize(status));
  static_cast<void>(api::validateReferences(
      object, {[](std::string_view) { return nullptr; }, [](std::string_view) { return nullptr; },
               [](std::string_view) { return nullptr; }}));
  // A status from outside is one more thing that no decision may break on; a play begins with none.
  static_cast<void>(rollout::decide(world, kStart));
  if (world.invalid) return;
  Value bare = object;
  bare.eraseAt({"status"});
  Play(play::worldOf(bare), seed).run();
}

void onAnalysis(const Value& object) {
  if (!api::validateAnalysis(object).empty()) return;
  static_cast<void>(api::decodeAnalysisTemplate(object));
  analysis::AnalysisWorld world;
  world.name = "run";
  world.spec = api::decodeAnalysisRunSpec(object);
  world.status = api::decodeAnalysisRunStatus(object);
  const Value status = api::encodeAnalysisRunStatus(world.status);
  require(api::decodeAnalysisRunStatus(Value(Object{{"status", status}})) == world.status, json::serialize(status));
  const analysis::RunDecision decision = analysis::decide(world, kStart);
  require(analysis::decide(world, kStart) == decision, "the same run gets the same answer");
  for (const analysis::RunAction& action : decision.actions) static_cast<void>(analysis::toString(action));
}

}  // namespace

void run(std::string_view input) {
  const auto documents = json::parseYaml(input);
  if (!documents) return;
  for (const json::YamlDocument& document : *documents) {
    Value object = document.value;
    if (!admit(object)) continue;
    const std::string_view kind = object["kind"].asStringView();
    if (kind == "Rollout") onRollout(object, fnv1a64(input));
    if (kind.contains("Analysis")) onAnalysis(object);
  }
}

}  // namespace towpath::fuzz
