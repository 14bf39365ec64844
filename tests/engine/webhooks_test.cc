// Webhooks: gates before the start, before more weight and before the promotion; their deadline, people who go on past
// them, an abort, a crash; the trigger that takes an update back; who is told of its end.
#include <doctest/doctest.h>

#include "scenario.h"

namespace towpath::rollout::test {
namespace {

using model::Webhook;
using model::WebhookType;

Webhook hook(const char* name, WebhookType type) { return {.name = name, .type = type}; }

// "approve v2/2": what was called since the last look.
std::string calls(Scenario& s) {
  std::string text;
  for (const Action& action : s.actions) {
    const auto* call = std::get_if<CallWebhook>(&action);
    if (call != nullptr) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", call->name, call->point);
  }
  s.actions.clear();
  return text;
}

void answer(Scenario& s, std::string_view name, bool passed, const char* message = "") {
  for (WebhookCall& call : s.world.webhook_calls) {
    if (call.name == name) call.answer = WebhookAnswer{passed, message, s.now};
  }
  s.converge();
}

// The first version is up, and an update has begun.
Scenario updated(Scenario s, std::vector<Webhook> webhooks) {
  s.world.extensions.webhooks = std::move(webhooks);
  s.deployFirst();
  s.actions.clear();
  s.changeTemplate("v2");
  s.converge();
  return s;
}

Scenario routed(std::vector<Webhook> webhooks) {
  return updated(Scenario(routedCanary({setWeight(20), pause(), setWeight(50)})), std::move(webhooks));
}

TEST_CASE("the first version of all waits for nobody") {
  Scenario s(routedCanary({setWeight(20)}));
  s.world.extensions.webhooks = {hook("start", WebhookType::kConfirmRollout), hook("end", WebhookType::kPostRollout)};
  s.deployFirst();
  CHECK(s.phase() == "Healthy");
  CHECK(calls(s) == "");
}

TEST_CASE("before the start a gate keeps the new version without pods and weight") {
  Scenario s = routed({hook("start", WebhookType::kConfirmRollout)});
  CHECK(calls(s) == "start v2/0");
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
  CHECK(s.weight() == 0);
  CHECK(s.phase() == "Paused");
  CHECK(s.status().message == "WebhookGate");
  answer(s, "start", false, "status 403: not today");
  CHECK(calls(s) == "");
  CHECK(s.next_look == s.now + 10s);
  s.now += 10s;
  s.converge();
  CHECK(calls(s) == "start v2/0");
  answer(s, "start", true);
  CHECK(s.weight() == 20);
  CHECK(s.status().message == "CanaryPauseStep");
  CHECK(s.said("WebhookGateOpened"));
  CHECK(calls(s).find("start") == std::string::npos);
}

TEST_CASE("a gate before more weight leaves the weight where it was") {
  Scenario s = routed({hook("load", WebhookType::kConfirmTrafficIncrease)});
  CHECK(calls(s) == "load v2/0");
  CHECK(s.weight() == 0);
  answer(s, "load", true);
  CHECK(s.weight() == 20);
  s.promote();
  s.converge();
  CHECK(calls(s) == "load v2/2");
  CHECK(s.weight() == 20);
  CHECK(s.status().current_step_index == 2);
  answer(s, "load", true);
  CHECK(calls(s) == "load v2/3");  // from 50 to everything is more weight too
  CHECK(s.weight() == 50);
  answer(s, "load", true);
  CHECK(s.phase() == "Healthy");
  CHECK(s.status().stable_rs == "v2");
}

TEST_CASE("a gate before the promotion holds after the last step") {
  Scenario s = routed({hook("approve", WebhookType::kConfirmPromotion)});
  s.promote();
  s.converge();
  CHECK(calls(s) == "approve v2/3");
  CHECK(s.weight() == 50);
  CHECK(s.status().stable_rs == "v1");
  CHECK(s.phase() == "Paused");
  s.now += 30min;  // no progress deadline while it waits
  s.converge();
  CHECK(s.phase() == "Paused");
  answer(s, "approve", true);
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("without traffic routing a gate keeps the pods as they were") {
  Scenario s(canary({setWeight(25), setWeight(50)}));
  s.world.extensions.webhooks = {hook("load", WebhookType::kRollout)};
  s.deployFirst();
  s.changeTemplate("v2");
  s.converge();
  CHECK(sizes(s.world) == "v1:4/4 v2:0/0");
  answer(s, "load", true);
  CHECK(sizes(s.world) == "v1:3/3 v2:1/1");
  CHECK(s.status().current_step_index == 1);
}

TEST_CASE("a gate that does not open in time ends the update, or lets it go on, as it says") {
  Scenario s = routed({hook("start", WebhookType::kConfirmRollout)});
  answer(s, "start", false, "status 403");
  s.now += 1h;
  s.converge();
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().abort);
  CHECK(s.status().message.find("webhook start (confirm-rollout) did not open within 1h0m0s: status 403") !=
        std::string::npos);

  Webhook lenient = hook("start", WebhookType::kConfirmRollout);
  lenient.after_deadline = model::AfterDeadline::kProceed;
  Scenario t = routed({lenient});
  t.now += 1h;
  t.converge();
  CHECK(t.weight() == 20);
}

TEST_CASE("a person goes on past a gate, or aborts at it") {
  Scenario s = routed({hook("start", WebhookType::kConfirmRollout)});
  s.promote();
  s.converge();
  CHECK(s.weight() == 20);
  CHECK(s.status().message == "CanaryPauseStep");

  Scenario t = routed({hook("load", WebhookType::kConfirmTrafficIncrease)});
  answer(t, "load", true);
  t.promote();
  t.converge();
  REQUIRE(t.weight() == 20);
  t.abort();
  t.converge();
  CHECK(t.weight() == 0);
  CHECK(t.phase() == "Degraded");
}

TEST_CASE("a full promotion waits at no gate") {
  Scenario s = routed({hook("approve", WebhookType::kConfirmPromotion)});
  s.promoteFull();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(s.status().stable_rs == "v2");
}

TEST_CASE("after a crash a closed gate is asked again with its old deadline, an open one holds nothing") {
  Scenario s = routed({hook("start", WebhookType::kConfirmRollout)});
  answer(s, "start", false);
  calls(s);
  s.world.webhook_calls.clear();  // they lived in the memory of the process
  s.now += 59min;
  s.converge();
  CHECK(calls(s) == "start v2/0");
  s.now += 1min;
  s.converge();
  CHECK(s.phase() == "Degraded");

  Scenario t = routed({hook("load", WebhookType::kConfirmTrafficIncrease)});
  answer(t, "load", true);
  REQUIRE(t.weight() == 20);
  calls(t);
  t.world.webhook_calls.clear();
  t.converge();
  CHECK(t.weight() == 20);
  CHECK(calls(t) == "");
}

Scenario manualBlueGreen(std::vector<Webhook> webhooks) {
  model::BlueGreenStrategy strategy = blueGreen();
  strategy.auto_promotion_enabled = false;
  return updated(Scenario(strategy, 3), std::move(webhooks));
}

TEST_CASE("blue-green: a gate before the start keeps the new version without pods") {
  Scenario s = manualBlueGreen({hook("start", WebhookType::kConfirmRollout)});
  CHECK(calls(s) == "start v2/start");
  CHECK(sizes(s.world) == "v1:3/3 v2:0/0");
  CHECK(s.status().message == "WebhookGate");
  answer(s, "start", true);
  CHECK(sizes(s.world) == "v1:3/3 v2:3/3");
  CHECK(s.status().message == "BlueGreenPause");
  s.promote();
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v2");
  // A person who goes on past the start does not promote.
  Scenario by_hand = manualBlueGreen({hook("start", WebhookType::kConfirmRollout)});
  by_hand.promote();
  by_hand.converge();
  CHECK(by_hand.status().message == "BlueGreenPause");
  CHECK(by_hand.selector(ServiceRole::kActive) == "v1");
}

TEST_CASE("blue-green: a gate before the promotion is asked when all else is done, and holds the switch") {
  Scenario s = manualBlueGreen({hook("approve", WebhookType::kConfirmPromotion)});
  CHECK(calls(s) == "");
  CHECK(s.status().message == "BlueGreenPause");
  s.promote();  // ends the pause, and not the gate
  s.converge();
  CHECK(calls(s) == "approve v2/switch");
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.selector(ServiceRole::kPreview) == "v2");
  CHECK(sizes(s.world) == "v1:3/3 v2:3/3");
  CHECK(s.status().message == "WebhookGate");
  answer(s, "approve", false);
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  s.now += 10s;
  s.converge();
  CHECK(calls(s) == "approve v2/switch");
  answer(s, "approve", true);
  CHECK(s.selector(ServiceRole::kActive) == "v2");
  CHECK(s.phase() == "Healthy");
}

TEST_CASE("blue-green: a person goes on past the gate, or aborts at it; a lost pod does not open it") {
  Scenario s = manualBlueGreen({hook("approve", WebhookType::kConfirmPromotion)});
  s.promote();
  s.converge();
  REQUIRE(s.status().message == "WebhookGate");
  s.runPods("v2", 2);
  s.settle();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v1");
  CHECK(s.status().message == "WebhookGate");
  Scenario aborted = s;
  s.promote();
  s.converge();
  CHECK(s.selector(ServiceRole::kActive) == "v2");
  aborted.abort();
  aborted.converge();
  CHECK(aborted.phase() == "Degraded");
  CHECK(aborted.selector(ServiceRole::kActive) == "v1");
}

TEST_CASE("a trigger takes the update back, and a retry asks anew") {
  Scenario s = routed({hook("alarm", WebhookType::kRollback)});
  CHECK(calls(s) == "alarm v2/trigger");
  CHECK(s.weight() == 20);
  answer(s, "alarm", false);
  s.now += 10s;
  s.converge();
  CHECK(calls(s) == "alarm v2/trigger");
  answer(s, "alarm", true);
  CHECK(s.weight() == 0);
  CHECK(s.phase() == "Degraded");
  CHECK(s.status().message.find("webhook alarm asked for a rollback") != std::string::npos);
  calls(s);
  s.retry();
  s.converge();
  CHECK(calls(s) == "alarm v2/trigger");
  CHECK_FALSE(s.status().abort);
  answer(s, "alarm", false);
  CHECK(s.weight() == 20);
}

TEST_CASE("who wants to know is told of the end, once, also of an abort") {
  Scenario s = routed({hook("tell", WebhookType::kPostRollout)});
  CHECK(calls(s) == "");
  s.promote();
  s.converge();
  CHECK(s.phase() == "Healthy");
  CHECK(calls(s) == "tell v2/end");
  answer(s, "tell", false, "status 500");
  CHECK(s.said("WebhookFailed: Webhook tell (post-rollout): status 500"));
  s.world.webhook_calls.clear();
  s.converge();
  CHECK(calls(s) == "");

  Scenario t = routed({hook("tell", WebhookType::kPostRollout)});
  t.abort();
  t.converge();
  CHECK(calls(t).starts_with("tell v2/aborted "));
  answer(t, "tell", true);
  t.converge();
  CHECK(calls(t) == "");

  Scenario u = routed({hook("start", WebhookType::kConfirmRollout), hook("tell", WebhookType::kPostRollout)});
  u.abort();  // at the first gate
  u.converge();
  CHECK(calls(u).find("tell v2/aborted ") != std::string::npos);
}

TEST_CASE("a blue-green update has its trigger and its end") {
  Scenario s(blueGreen());
  s.world.extensions.webhooks = {hook("alarm", WebhookType::kRollback), hook("tell", WebhookType::kPostRollout)};
  s.deployFirst();
  s.actions.clear();
  s.changeTemplate("v2");
  s.settle();
  CHECK(calls(s).find("alarm v2/trigger") != std::string::npos);
  answer(s, "alarm", true);
  CHECK(s.phase() == "Degraded");
}

TEST_CASE("webhooks that are taken out hold nothing any more") {
  Scenario s = routed({hook("start", WebhookType::kConfirmRollout)});
  REQUIRE(s.phase() == "Paused");
  s.world.extensions.webhooks.clear();
  s.converge();
  CHECK(s.weight() == 20);
  CHECK(s.world.extensions.webhook_gate.empty());
}

}  // namespace
}  // namespace towpath::rollout::test
