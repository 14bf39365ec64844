#include "scenario.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace towpath::rollout::test {

Scenario::Scenario() {
  world.name = "shop";
  world.namespace_name = "default";
  world.uid = "uid";
  world.selector_text = "app=shop";
  world.step_hash = "s1";
}

Scenario::Scenario(model::CanaryStrategy strategy, std::int32_t replicas) : Scenario() {
  world.spec.replicas = replicas;
  if (!strategy.stable_service.empty()) addService(ServiceRole::kStable, strategy.stable_service);
  if (!strategy.canary_service.empty()) addService(ServiceRole::kCanary, strategy.canary_service);
  if (strategy.ping_pong) {
    addService(ServiceRole::kPing, strategy.ping_pong->ping_service);
    addService(ServiceRole::kPong, strategy.ping_pong->pong_service);
  }
  world.spec.strategy = std::move(strategy);
}

Scenario::Scenario(model::BlueGreenStrategy strategy, std::int32_t replicas) : Scenario() {
  world.spec.replicas = replicas;
  world.step_hash = "";
  addService(ServiceRole::kActive, strategy.active_service);
  if (!strategy.preview_service.empty()) addService(ServiceRole::kPreview, strategy.preview_service);
  world.spec.strategy = std::move(strategy);
}

void Scenario::addService(ServiceRole role, const std::string& name) {
  world.services.push_back({role, {name, "", ""}});
}

Decision Scenario::decideChecked() {
  ++decisions;
  const World before = world;
  Decision decision = decide(world, now);
  const std::vector<std::string> broken = checkInvariants(before, decision, now);
  for (const std::string& rule : broken) {
    std::string text;
    for (const Action& action : decision.actions) text += "\n  " + toString(action);
    FAIL_CHECK("broken: " << rule << " in " << sizes(before) << text);
  }
  // Pure: the same question gets the same answer.
  CHECK(decide(world, now) == decision);
  return decision;
}

void Scenario::carryOut(const Decision& decision) {
  for (const Action& action : decision.actions) {
    applyEffect(world, action, now);
    if (const auto* event = std::get_if<EmitEvent>(&action)) {
      events.push_back(event->reason + ": " + event->message);
    } else if (std::holds_alternative<PatchStatus>(action)) {
      ++patches;
    } else {
      actions.push_back(action);
    }
    if (std::holds_alternative<SetTraffic>(action)) world.traffic.verified = verifies;
  }
}

void Scenario::settle() {
  for (int round = 0; round < 60; ++round) {
    const Decision decision = decideChecked();
    next_look = decision.look_again_at;
    carryOut(decision);
    if (decision.actions.empty()) return;
  }
  std::string last;
  for (const Action& action : decide(world, now).actions) last += "\n  " + toString(action);
  FAIL("does not settle: " << sizes(world) << last);
}

void Scenario::runPods() {
  for (model::ReplicaSet& set : world.replica_sets) {
    set.current_replicas = set.ready_replicas = set.available_replicas = set.replicas;
    set.observed_generation = set.generation;
  }
  std::erase_if(world.replica_sets, [](const model::ReplicaSet& set) { return set.deleting; });
  std::erase_if(world.analysis_runs, [](const AnalysisRunView& run) { return run.deleting; });
}

void Scenario::runPods(const std::string& hash, std::int32_t available) {
  model::ReplicaSet& one = set(hash);
  one.current_replicas = one.replicas;
  one.observed_generation = one.generation;
  one.ready_replicas = one.available_replicas = std::min(available, one.replicas);
}

void Scenario::converge() {
  for (int round = 0; round < 60; ++round) {
    const World before = world;
    settle();
    runPods();
    if (world == before) return;
  }
  FAIL("does not converge: " << sizes(world));
}

void Scenario::follow(Duration limit) {
  const WallTime end = now + limit;
  converge();
  while (next_look && *next_look <= end) {
    const World before = world;
    now = std::max(*next_look, now);
    converge();
    if (world == before && next_look && *next_look <= now) break;
  }
  now = std::max(now, end);
  converge();
}

void Scenario::changeTemplate(const std::string& hash) {
  ++world.generation;
  now += 1s;
  world.computed_hash = hash;
  world.new_rs.reset();
  for (const model::ReplicaSet& set : world.replica_sets) {
    if (set.hash == hash) world.new_rs = set.name;
  }
}

void Scenario::deployFirst(const std::string& hash) {
  changeTemplate(hash);
  converge();
  REQUIRE(phase() == "Healthy");
  events.clear();
  actions.clear();
  patches = 0;
  now += 60s;
}

void Scenario::promote() {
  if (world.spec.paused) {
    world.spec.paused = false;
    ++world.generation;
  }
  if (!world.status.pause_conditions.empty()) {
    world.status.pause_conditions.clear();
  } else if (world.status.current_step_index) {
    ++*world.status.current_step_index;
  }
}

void Scenario::scaleTo(std::int32_t replicas) {
  world.spec.replicas = replicas;
  ++world.generation;
}

void Scenario::finishRun(const std::string& name, model::AnalysisPhase phase, const std::string& message) {
  for (AnalysisRunView& run : world.analysis_runs) {
    if (run.name != name) continue;
    run.phase = phase;
    run.message = message;
    return;
  }
  FAIL("no such run: " << name);
}

model::ReplicaSet& Scenario::set(const std::string& hash) {
  const auto found = std::ranges::find(world.replica_sets, hash, &model::ReplicaSet::hash);
  REQUIRE_MESSAGE(found != world.replica_sets.end(), hash);
  return *found;
}

std::int32_t Scenario::size(const std::string& hash) {
  const auto found = std::ranges::find(world.replica_sets, hash, &model::ReplicaSet::hash);
  return found == world.replica_sets.end() ? -1 : found->replicas;
}

std::string Scenario::selector(ServiceRole role) {
  const auto found = std::ranges::find(world.services, role, &ServiceView::role);
  return found == world.services.end() ? "(none)" : found->service.selector_hash;
}

std::string Scenario::conditionReason(const char* type) const {
  const model::Condition* condition = findCondition(world.status.conditions, type);
  return condition == nullptr ? "" : std::string(toString(condition->status)) + "/" + condition->reason;
}

bool Scenario::said(const std::string& part) const {
  return std::ranges::any_of(events, [&](const std::string& event) { return event.find(part) != std::string::npos; });
}

std::vector<std::string> Scenario::eventReasons() const {
  std::vector<std::string> reasons;
  for (const std::string& event : events) reasons.push_back(event.substr(0, event.find(':')));
  return reasons;
}

bool Scenario::did(const Action& action) const { return std::ranges::find(actions, action) != actions.end(); }

std::string sizes(const World& world) {
  std::string text;
  for (const model::ReplicaSet& set : world.replica_sets) {
    text += fmt::format("{}{}:{}/{}", text.empty() ? "" : " ", set.hash, set.replicas, set.available_replicas);
  }
  return text;
}

model::CanaryStrategy canary(std::vector<model::Step> steps, IntOrPercent surge, IntOrPercent unavailable) {
  model::CanaryStrategy strategy;
  strategy.steps = std::move(steps);
  strategy.max_surge = surge;
  strategy.max_unavailable = unavailable;
  return strategy;
}

model::CanaryStrategy routedCanary(std::vector<model::Step> steps) {
  model::CanaryStrategy strategy = canary(std::move(steps));
  strategy.stable_service = "stable";
  strategy.canary_service = "canary";
  strategy.traffic_routing = model::TrafficRouting{{"plugins/argoproj-labs/gatewayAPI"}, std::nullopt, {}};
  return strategy;
}

model::BlueGreenStrategy blueGreen() {
  model::BlueGreenStrategy strategy;
  strategy.active_service = "active";
  strategy.preview_service = "preview";
  return strategy;
}

model::Step setWeight(std::int32_t weight) { return model::SetWeightStep{weight}; }
model::Step pause() { return model::PauseStep{}; }
model::Step pauseFor(const std::string& text) { return model::PauseStep{*model::parsePauseDuration(text), text}; }
model::Step analysis(const std::string& template_name) { return model::AnalysisStep{analysisRefTo(template_name)}; }

model::AnalysisRef analysisRefTo(const std::string& template_name) {
  model::AnalysisRef ref;
  ref.templates.push_back({template_name, false});
  return ref;
}

}  // namespace towpath::rollout::test
