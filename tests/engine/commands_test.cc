// Every command in every state: whatever people type, the rollout stays inside its invariants, settles, and an abort is
// carried out wherever there is something to take back.
#include <doctest/doctest.h>

#include <functional>
#include <random>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

struct Named {
  std::string name;
  std::function<void(Scenario&)> run;
};

void update(Scenario& s) {
  s.changeTemplate("v2");
  s.converge();
}

const std::vector<Named>& states() {
  static const std::vector<Named> all = {
      {"new", [](Scenario&) {}},
      {"created", [](Scenario& s) { s.settle(); }},
      {"healthy", [](Scenario& s) { s.converge(); }},
      {"starting",
       [](Scenario& s) {
         s.converge();
         s.changeTemplate("v2");
         s.settle();
       }},
      {"paused at a step",
       [](Scenario& s) {
         s.converge();
         update(s);
       }},
      {"past the pause",
       [](Scenario& s) {
         s.converge();
         update(s);
         s.promote();
         s.settle();
       }},
      {"aborted",
       [](Scenario& s) {
         s.converge();
         update(s);
         s.abort();
         s.settle();
       }},
      {"aborted and drained",
       [](Scenario& s) {
         s.converge();
         update(s);
         s.abort();
         s.follow(60s);
       }},
      {"paused by a person",
       [](Scenario& s) {
         s.converge();
         s.world.spec.paused = true;
         update(s);
       }},
      {"invalid",
       [](Scenario& s) {
         s.converge();
         s.world.invalid = "spec: Invalid value";
         s.settle();
         s.world.invalid.reset();
       }},
      {"timed out",
       [](Scenario& s) {
         s.converge();
         s.changeTemplate("v2");
         s.settle();
         s.advance(700s);
         s.settle();
       }},
      {"third version",
       [](Scenario& s) {
         s.converge();
         update(s);
         s.changeTemplate("v3");
         s.settle();
       }},
      {"inconclusive",
       [](Scenario& s) {
         s.converge();
         update(s);
         for (AnalysisRunView& run : s.world.analysis_runs) run.phase = model::AnalysisPhase::kInconclusive;
         s.settle();
       }},
  };
  return all;
}

const std::vector<Named>& commands() {
  static const std::vector<Named> all = {
      {"abort", [](Scenario& s) { s.abort(); }},
      {"retry", [](Scenario& s) { s.retry(); }},
      {"promote", [](Scenario& s) { s.promote(); }},
      {"promote --full", [](Scenario& s) { s.promoteFull(); }},
      {"pause",
       [](Scenario& s) {
         s.world.spec.paused = true;
         ++s.world.generation;
       }},
      {"resume",
       [](Scenario& s) {
         s.world.spec.paused = false;
         ++s.world.generation;
       }},
      {"undo", [](Scenario& s) { s.changeTemplate("v1"); }},
      {"set image", [](Scenario& s) { s.changeTemplate("v9"); }},
      {"scale up", [](Scenario& s) { s.scaleTo(7); }},
      {"scale down", [](Scenario& s) { s.scaleTo(1); }},
      {"scale to zero", [](Scenario& s) { s.scaleTo(0); }},
      {"restart",
       [](Scenario& s) {
         s.world.spec.restart_at = s.now;
         ++s.world.generation;
       }},
  };
  return all;
}

std::vector<Scenario> strategies() {
  std::vector<Scenario> all;
  all.emplace_back(canary({setWeight(25), pause(), setWeight(50), analysis()}), 4);
  all.emplace_back(canary({}), 4);
  model::CanaryStrategy routed = routedCanary({setWeight(25), pause(), setWeight(50), analysis()});
  routed.analysis = model::BackgroundAnalysis{analysisRefTo("errors"), std::nullopt};
  all.emplace_back(routed, 4);
  routed.dynamic_stable_scale = true;
  all.emplace_back(routed, 4);
  routed.dynamic_stable_scale = false;
  routed.ping_pong = model::PingPong{"ping", "pong"};
  routed.stable_metadata = model::ObjectMetadata{{{"role", "stable"}}, {}};
  routed.canary_metadata = model::ObjectMetadata{{{"role", "canary"}}, {}};
  routed.anti_affinity = model::AntiAffinity{};
  all.emplace_back(routed, 4);
  all.back().world.extensions.limit_weight_to_ready = true;
  all.back().world.extensions.ship_past_broken_stable = true;
  model::BlueGreenStrategy manual = blueGreen();
  manual.auto_promotion_enabled = false;
  manual.pre_promotion_analysis = analysisRefTo("smoke");
  manual.post_promotion_analysis = analysisRefTo("smoke");
  all.emplace_back(blueGreen(), 4);
  all.emplace_back(manual, 4);
  Scenario recreate(canary({}), 4);
  recreate.world.recreate = true;
  all.push_back(recreate);
  for (Scenario& scenario : all) scenario.changeTemplate("v1");
  return all;
}

TEST_CASE("a restart is due by the clock that people name times on, also where decisions go by another") {
  World world;
  world.spec.restart_at = WallTime(std::chrono::hours(24 * 365 * 50));
  const WallTime at = *world.spec.restart_at;
  CHECK_FALSE(restartPending(world, at - 1s));
  CHECK(restartPending(world, at));
  world.wall_ahead = 2h;
  CHECK_FALSE(restartPending(world, at - 2h - 1s));
  CHECK(restartPending(world, at - 2h));
  world.wall_ahead = -2h;
  CHECK_FALSE(restartPending(world, at));
  CHECK(restartPending(world, at + 2h));
}

TEST_CASE("every command in every state") {
  std::size_t kind = 0;
  for (const Scenario& fresh : strategies()) {
    ++kind;
    for (const Named& state : states()) {
      for (const Named& command : commands()) {
        CAPTURE(kind);
        CAPTURE(state.name);
        CAPTURE(command.name);
        Scenario s = fresh;
        state.run(s);
        command.run(s);
        s.settle();
        s.converge();
        s.follow(120s);
        CHECK(decide(s.world, s.now).actions.empty());
      }
    }
  }
}

TEST_CASE("an abort is carried out in every state that has something to take back") {
  std::size_t kind = 0;
  for (const Scenario& fresh : strategies()) {
    ++kind;
    for (const Named& state : states()) {
      CAPTURE(kind);
      CAPTURE(state.name);
      Scenario s = fresh;
      state.run(s);
      const bool nothing = s.status().stable_rs.empty() || s.status().stable_rs == s.status().current_pod_hash ||
                           s.status().current_pod_hash != s.world.computed_hash;
      s.abort();
      s.follow(120s);
      if (nothing) continue;
      CHECK(s.phase() == "Degraded");
      CHECK(s.status().abort);
      CHECK(s.size(s.status().stable_rs) == 4);
      CHECK(s.size(s.status().current_pod_hash) == 0);
      CHECK(s.weight() <= 0);
      CHECK(s.selector(ServiceRole::kActive) != s.status().current_pod_hash);
    }
  }
}

// Pods come and go, people type, time passes; the seed is in the message of a failure.
TEST_CASE("random walks keep the invariants and end well") {
  std::size_t kind = 0;
  for (const Scenario& fresh : strategies()) {
    ++kind;
    for (unsigned seed = 1; seed <= 40; ++seed) {
      CAPTURE(kind);
      CAPTURE(seed);
      std::mt19937 random(seed);
      const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
      Scenario s = fresh;
      s.converge();
      for (int i = 0; i < 30; ++i) {
        if (pick(3) == 0) commands()[pick(commands().size())].run(s);
        if (!s.world.replica_sets.empty() && pick(2) == 0) {
          model::ReplicaSet& set = s.world.replica_sets[pick(s.world.replica_sets.size())];
          s.runPods(set.hash, static_cast<std::int32_t>(pick(static_cast<std::size_t>(set.replicas) + 1)));
        }
        if (!s.world.analysis_runs.empty() && pick(4) == 0) {
          AnalysisRunView& run = s.world.analysis_runs[pick(s.world.analysis_runs.size())];
          if (!isCompleted(run.phase)) {
            run.phase = std::array{model::AnalysisPhase::kSuccessful, model::AnalysisPhase::kFailed,
                                   model::AnalysisPhase::kInconclusive, model::AnalysisPhase::kRunning}[pick(4)];
          }
        }
        s.advance(std::chrono::seconds(pick(40)));
        s.settle();
      }
      // In the end somebody insists on a version and lets it be.
      s.world.spec.paused = false;
      s.scaleTo(3);
      s.changeTemplate("final");
      s.converge();
      s.promoteFull();
      s.follow(300s);
      CHECK(s.phase() == "Healthy");
      CHECK(s.status().stable_rs == "final");
      CHECK(s.size("final") == 3);
      CHECK(decide(s.world, s.now).actions.empty());
    }
  }
}

}  // namespace
}  // namespace towpath::rollout::test
