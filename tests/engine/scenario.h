#pragma once
// A tiny world around the rollout engine: it carries decisions out at once, lets pods become ready on command, keeps
// what was said, and checks the invariants after every decision.

#include <string>
#include <vector>

#include "engine/rollout/decide.h"
#include "engine/rollout/effects.h"
#include "engine/rollout/invariants.h"

namespace towpath::rollout::test {

inline const WallTime kStart = WallTime(std::chrono::seconds(1'700'000'000));

class Scenario {
 public:
  explicit Scenario(model::CanaryStrategy canary, std::int32_t replicas = 4);
  explicit Scenario(model::BlueGreenStrategy blue_green, std::int32_t replicas = 3);

  World world;
  WallTime now = kStart;
  std::vector<std::string> events;  // "Reason: message"
  std::vector<Action> actions;      // all but events and status
  int patches = 0;
  int decisions = 0;

  // Decides and carries out until nothing is left to do. Pods stay as they are.
  void settle();
  // As settle(), with pods that follow their ReplicaSet and are ready at once.
  void converge();
  // One round of pods: they follow their ReplicaSet; all of them become ready.
  void runPods();
  // Lets the pods of one version follow, with so many of them available.
  void runPods(const std::string& hash, std::int32_t available);
  void advance(Duration by) { now += by; }
  // Goes to each time that the engine asked for, until nothing changes any more or `limit` has passed.
  void follow(Duration limit);

  void changeTemplate(const std::string& hash);
  void deployFirst(const std::string& hash = "v1");  // to Healthy, then forgets events and actions

  // What `towpath` and the plugin write (core-semantics 3.12, 12.2).
  void abort() { world.status.abort = true; }
  void retry() { world.status.abort = false; }
  void promote();
  void promoteFull() { world.status.promote_full = true; }
  void scaleTo(std::int32_t replicas);

  void finishRun(const std::string& name, model::AnalysisPhase phase, const std::string& message = "");

  model::ReplicaSet& set(const std::string& hash);
  std::int32_t size(const std::string& hash);
  std::string selector(ServiceRole role);
  std::int32_t weight() const { return world.traffic.applied ? world.traffic.applied->canary_weight : -1; }
  const model::RolloutStatus& status() const { return world.status; }
  std::string phase() const { return toString(world.status.phase); }
  std::string conditionReason(const char* type) const;
  bool said(const std::string& part) const;
  std::vector<std::string> eventReasons() const;
  bool did(const Action& action) const;
  std::optional<WallTime> next_look;
  std::optional<bool> verifies;  // what the router answers; nullopt: it can't tell

 private:
  Scenario();
  void addService(ServiceRole role, const std::string& name);
  void carryOut(const Decision& decision);
  Decision decideChecked();
};

// "v1:3/3 v2:1/0": spec sizes and available pods by version, in order of creation.
std::string sizes(const World& world);

model::CanaryStrategy canary(std::vector<model::Step> steps, IntOrPercent surge = IntOrPercent::percent(25),
                             IntOrPercent unavailable = IntOrPercent::pods(0));
model::CanaryStrategy routedCanary(std::vector<model::Step> steps);
model::BlueGreenStrategy blueGreen();

model::Step setWeight(std::int32_t weight);
model::Step pause();
model::Step pauseFor(const std::string& text);
model::Step analysis(const std::string& template_name = "errors");
model::AnalysisRef analysisRefTo(const std::string& template_name);

}  // namespace towpath::rollout::test
