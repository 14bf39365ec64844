// The step plugin: its calls and answers, paused, aborted, skipped, promoted, with another template, after a crash.
#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

model::Step plugin(const std::string& name = "acme/check") { return model::PluginStep{name}; }

// "Run 0 Running, Abort 0 Successful"
std::string entries(const Scenario& s) {
  std::string text;
  for (const model::StepPluginStatus& entry : s.status().canary.step_plugins) {
    text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", entry.operation, entry.index,
                        entry.disabled ? "disabled" : entry.phase);
  }
  return text;
}

// "Run 0 #1": what was called since the last look.
std::string calls(Scenario& s) {
  std::string text;
  for (const Action& action : s.actions) {
    const auto* call = std::get_if<RunStepPlugin>(&action);
    if (call != nullptr)
      text += fmt::format("{}{} {} #{}{}", text.empty() ? "" : ", ", call->operation, call->index, call->execution,
                          call->awaited ? "" : " unawaited");
  }
  s.actions.clear();
  return text;
}

void answer(Scenario& s, PluginAnswer answer) {
  REQUIRE(s.world.plugin_call.has_value());
  s.world.plugin_call->answer = std::move(answer);
  s.converge();
}
void answer(Scenario& s, const char* phase, const char* message = "") {
  answer(s, PluginAnswer{.phase = phase, .message = message});
}

void begin(Scenario& s) {
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(calls(s) == "Run 0 #1");
  REQUIRE(entries(s) == "Run 0 Running");
}

TEST_CASE("a plugin that succeeds at once completes its step") {
  Scenario s(canary({plugin(), pause()}));
  s.deployFirst();
  CHECK(entries(s) == "");
  s.actions.clear();
  s.changeTemplate("v2");
  s.converge();
  CHECK(calls(s) == "Run 0 #1");
  answer(s, "Successful", "fine");
  CHECK(entries(s) == "Run 0 Successful");
  CHECK(s.status().canary.step_plugins[0].message == "fine");
  CHECK(s.status().canary.step_plugins[0].executions == 1);
  CHECK(s.status().canary.step_plugins[0].finished_at.has_value());
  CHECK(s.said("Rollout step 1/2 completed (plugin: acme/check)"));
  CHECK(s.phase() == "Paused");
  CHECK(calls(s) == "");
  s.promote();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(calls(s) == "");
}

TEST_CASE("one that still runs is asked again after its time, with its own state") {
  Scenario s(canary({plugin(), pause()}));
  begin(s);
  answer(s, PluginAnswer{.phase = "Running", .requeue_after = 45s, .status = Object{{"build", 7}}});
  CHECK(calls(s) == "");
  CHECK(s.next_look == s.now + 45s);
  s.now += 44s;
  s.converge();
  CHECK(calls(s) == "");
  s.now += 1s;
  s.settle();
  REQUIRE(s.actions.size() == 1);
  CHECK(std::get<RunStepPlugin>(s.actions[0]).status == Value(Object{{"build", 7}}));
  CHECK(calls(s) == "Run 0 #2");
  answer(s, PluginAnswer{.phase = "", .requeue_after = 5s});  // too short, and no phase
  CHECK(entries(s) == "Run 0 Running");
  CHECK(s.next_look == s.now + 30s);
}

TEST_CASE("an answer that is none is an Error that is tried again, and the state is kept") {
  Scenario s(canary({plugin(), pause()}));
  begin(s);
  answer(s, PluginAnswer{.phase = "Running", .status = "kept"});
  s.now += 30s;
  s.settle();
  CHECK(calls(s) == "Run 0 #2");
  answer(s, PluginAnswer{.error = "not found"});
  CHECK(entries(s) == "Run 0 Error");
  CHECK(s.status().canary.step_plugins[0].message == "not found");
  CHECK(s.status().canary.step_plugins[0].status == Value("kept"));
  CHECK(s.said("StepPluginTransition: Step plugin acme/check (step 1) transitioned to Error"));
  CHECK(s.status().current_step_index == 0);
  s.now += 30s;
  s.settle();
  CHECK(calls(s) == "Run 0 #3");
  answer(s, "Successful");
  CHECK(s.phase() == "Paused");
}

TEST_CASE("the progress deadline applies, and the plugin is asked on") {
  Scenario s(canary({plugin(), pause()}));
  begin(s);
  answer(s, "Running");
  s.follow(700s);
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().current_step_index == 0);
  s.now += 30s;
  if (!s.world.plugin_call || s.world.plugin_call->answer) s.settle();
  answer(s, "Successful");
  CHECK(s.phase() == "Paused");
}

TEST_CASE("a failed plugin aborts, and what succeeded before it is told, last begun first") {
  Scenario s(canary({plugin("acme/one"), plugin("acme/two"), pause()}));
  begin(s);
  answer(s, "Successful");
  CHECK(calls(s) == "Run 1 #1");
  answer(s, "Failed", "red");
  CHECK(s.phase() == "Degraded");
  CHECK(s.said("Step Plugin 2 (acme/two) failed: red"));
  CHECK(calls(s) == "Abort 0 #1");
  answer(s, "Successful");
  CHECK(entries(s) == "Run 0 Successful, Run 1 Failed, Abort 0 Successful");
  CHECK(s.said("Step plugin acme/one (step 1) aborted (Successful)"));
  CHECK(calls(s) == "");
}

TEST_CASE("an abort is written down before any plugin hears of it, and every one of them does") {
  Scenario s(canary({plugin("acme/one"), plugin("acme/two"), pause()}));
  begin(s);
  answer(s, "Successful");
  answer(s, "Running");
  calls(s);
  s.abort();
  const Decision first = decide(s.world, s.now);
  CHECK(std::ranges::none_of(first.actions,
                             [](const Action& action) { return std::holds_alternative<RunStepPlugin>(action); }));
  s.settle();
  CHECK(s.phase() == "Degraded");
  CHECK(calls(s) == "Abort 1 #1");
  answer(s, "Running");  // an end that does not end
  CHECK(calls(s) == "Abort 0 #1");
  answer(s, PluginAnswer{.error = "away"});
  CHECK(entries(s) == "Run 0 Successful, Run 1 Running, Abort 1 Failed, Abort 0 Error");
  CHECK(calls(s) == "");
  s.abort();
  s.follow(300s);
  CHECK(calls(s) == "");

  s.retry();
  s.converge();
  CHECK(entries(s) == "Run 0 Running");
  CHECK(calls(s) == "Run 0 #1");
}

TEST_CASE("an abort does not wait for a plugin that works, and hears its answer first") {
  Scenario s(canary({setWeight(25), plugin(), pause()}));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  REQUIRE(calls(s) != "");
  s.abort();
  s.converge();
  CHECK(s.phase() == "Degraded");
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
  CHECK(calls(s) == "");
  answer(s, "Successful");
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().current_step_index == 0);
  CHECK(calls(s) == "Abort 1 #1");
}

TEST_CASE("a controller that stopped during a call calls again, or aborts what it had begun") {
  Scenario s(canary({plugin(), pause()}));
  begin(s);
  s.world.plugin_call.reset();
  SUBCASE("again") {
    s.settle();
    CHECK(calls(s) == "Run 0 #1");
  }
  SUBCASE("aborted meanwhile") {
    s.abort();
    s.settle();
    CHECK(calls(s) == "Abort 0 #1");
  }
}

TEST_CASE("a retry before the plugins were told forgets the attempt, and does not take its answers") {
  Scenario s(canary({plugin(), pause()}));
  begin(s);
  s.abort();
  s.settle();
  s.now += 5s;
  s.retry();
  s.settle();
  CHECK(calls(s) == "Abort 0 #1 unawaited, Run 0 #1");
  CHECK(entries(s) == "Run 0 Running");
}

TEST_CASE("one that still runs is terminated when the rollout goes past it, once") {
  Scenario s(canary({plugin(), pause()}));
  begin(s);
  answer(s, "Running");
  SUBCASE("promote") {
    s.promote();
    s.converge();
    CHECK(s.status().current_step_index == 1);
  }
  SUBCASE("promote --full") {
    s.promoteFull();
    s.converge();
    CHECK(s.status().stable_rs == "v2");
  }
  CHECK(calls(s) == "Terminate 0 #1");
  answer(s, "Successful");
  CHECK(entries(s) == "Run 0 Running, Terminate 0 Successful");
  CHECK(s.said("Step plugin acme/check (step 1) terminated (Successful)"));
  s.follow(100s);
  CHECK(calls(s) == "");
}

TEST_CASE("one that was ended because somebody went back a step begins anew when its step comes again") {
  Scenario s(canary({pauseFor("10s"), plugin(), pause()}));
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  s.follow(11s);
  REQUIRE(calls(s) == "Run 1 #1");
  answer(s, "Running");
  s.world.status.current_step_index = 0;
  s.converge();
  CHECK(calls(s) == "Terminate 1 #1");
  answer(s, "Successful");
  s.follow(11s);
  CHECK(s.status().current_step_index == 1);
  CHECK(calls(s) == "Run 1 #1");
  answer(s, "Successful");
  CHECK(s.status().current_step_index == 2);
}

TEST_CASE("another template ends what still runs and begins anew") {
  Scenario s(canary({plugin(), pause()}));
  begin(s);
  answer(s, "Running");
  s.changeTemplate("v3");
  s.converge();
  CHECK(calls(s) == "Terminate 0 #1 unawaited, Run 0 #1");
  CHECK(entries(s) == "Run 0 Running");
  s.changeTemplate("v1");
  s.converge();
  CHECK(entries(s) == "");
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("a paused rollout calls no plugin, and takes the answer of one that works") {
  Scenario s(canary({plugin(), pause()}));
  s.deployFirst();
  s.world.spec.paused = true;
  s.changeTemplate("v2");
  s.converge();
  CHECK(entries(s) == "");
  s.world.spec.paused = false;
  ++s.world.generation;
  s.converge();
  calls(s);
  s.world.spec.paused = true;
  ++s.world.generation;
  answer(s, "Successful");
  CHECK(entries(s) == "Run 0 Successful");
  CHECK(s.status().current_step_index == 0);
  s.world.spec.paused = false;
  ++s.world.generation;
  s.converge();
  CHECK(s.status().current_step_index == 1);
}

TEST_CASE("a disabled plugin completes its step") {
  Scenario s(canary({plugin(), pause()}));
  begin(s);
  answer(s, PluginAnswer{.disabled = true});
  CHECK(entries(s) == "Run 0 disabled");
  CHECK(s.phase() == "Paused");
  s.abort();
  s.converge();
  CHECK(calls(s) == "");
}

}  // namespace
}  // namespace towpath::rollout::test
