// Webhooks (docs/webhooks.md): gates that an update waits at, a trigger that takes it back, and who is told of its end.
// Calls take their time: a pass begins one, a later pass finds the answer.
//
// A gate stands where a step begins; with blue-green before the new version gets pods, and before the switch. While it
// is closed, the update is as it was after the step before, and the pause
// WebhookGate says so: people can go on past it with `promote`, or abort. That it has opened is written down
// (annotation webhook-gate) before anything moves, so that a controller that was started again does not fall back
// behind it.
#include <algorithm>

#include "engine/rollout/pass.h"

namespace towpath::rollout {
namespace {

using model::Webhook;
using model::WebhookType;

constexpr Duration kAnswerCheck = 60s;  // the answer is a reason to look again; this is for one that was lost

const std::vector<Webhook>& hooks(const Pass& pass) { return pass.in.extensions.webhooks; }

std::string at(const Pass& pass, std::string_view place) { return fmt::format("{}/{}", newHash(pass), place); }

void note(Pass& pass, const std::string& point) {
  if (pass.world.extensions.webhook_gate != point) act(pass, NoteWebhookGate{point});
}

const WebhookCall* lastCall(const Pass& pass, const Webhook& hook) {
  const auto found = std::ranges::find(pass.world.webhook_calls, hook.name, &WebhookCall::name);
  return found == pass.world.webhook_calls.end() ? nullptr : &*found;
}

const WebhookAnswer* answerOf(const Pass& pass, const Webhook& hook, const std::string& point) {
  const WebhookCall* call = lastCall(pass, hook);
  return call != nullptr && call->point == point && call->answer ? &*call->answer : nullptr;
}

void begin(Pass& pass, const Webhook& hook, const std::string& point, const char* phase) {
  act(pass, CallWebhook{hook.name, hook.type, point, phase});
  lookAgain(pass, pass.now + kAnswerCheck);
}

// Again after the interval; one question at a time.
void ask(Pass& pass, const Webhook& hook, const std::string& point, const char* phase) {
  const WebhookCall* call = lastCall(pass, hook);
  const bool same = call != nullptr && call->point == point;
  if (same && !call->answer) {
    lookAgain(pass, pass.now + kAnswerCheck);
  } else if (same && call->answer->at + hook.interval > pass.now) {
    lookAgain(pass, call->answer->at + hook.interval);
  } else {
    begin(pass, hook, point, phase);
  }
}

// True: the update is taken back.
bool askTriggers(Pass& pass) {
  const bool retried = pass.old().aborted_at.has_value();  // what was answered before the retry does not count
  const std::string point = at(pass, "trigger");
  for (const Webhook& hook : hooks(pass)) {
    if (hook.type != WebhookType::kRollback) continue;
    const WebhookAnswer* answer = retried ? nullptr : answerOf(pass, hook, point);
    if (answer != nullptr && answer->passed) {
      abortWith(pass, fmt::format("webhook {} asked for a rollback", hook.name));
      return true;
    }
    const WebhookCall* call = lastCall(pass, hook);
    const bool answered_before = retried && call != nullptr && call->point == point && call->answer;
    answered_before ? begin(pass, hook, point, "Progressing") : ask(pass, hook, point, "Progressing");
  }
  return false;
}

// The end was told, or there was no update that could have ended.
bool isTold(const Pass& pass) {
  const std::string& gate = pass.world.extensions.webhook_gate;
  return !gate.starts_with(newHash(pass) + "/") || gate == at(pass, "done");
}

void tellEnd(Pass& pass, const std::string& point, const char* phase) {
  if (isTold(pass)) return;
  bool told = true;
  for (const Webhook& hook : hooks(pass)) {
    if (hook.type != WebhookType::kPostRollout || answerOf(pass, hook, point) != nullptr) continue;
    told = false;
    const WebhookCall* call = lastCall(pass, hook);
    if (call == nullptr || call->point != point) begin(pass, hook, point, phase);
  }
  if (!told) {
    lookAgain(pass, pass.now + kAnswerCheck);
    return;
  }
  for (const Webhook& hook : hooks(pass)) {
    const WebhookAnswer* answer = answerOf(pass, hook, point);
    if (hook.type != WebhookType::kPostRollout || answer->passed) continue;
    event(pass, "WebhookFailed", fmt::format("Webhook {} ({}): {}", hook.name, toString(hook.type), answer->message),
          EventType::kWarning);
  }
  note(pass, at(pass, "done"));
}

bool weightRises(const Pass& pass) {
  const std::int32_t index = stepIndex(pass);
  const std::int32_t before = weightBefore(pass, index);
  if (index == static_cast<std::int32_t>(steps(pass).size())) return before < pass.spec().canary()->maxWeight();
  const auto* step = std::get_if<model::SetWeightStep>(&steps(pass)[static_cast<std::size_t>(index)]);
  return step != nullptr && step->weight > before;
}

// Where a blue-green update may have to wait. kWaits is written down when it does at the switch: the pause of a person
// that is over before it looks like one that a person ended at the gate.
constexpr const char* kStart = "start";
constexpr const char* kSwitch = "switch";
constexpr const char* kWaits = "switch waits";

std::string placeOf(const Pass& pass) {
  if (pass.spec().canary() != nullptr) return std::to_string(stepIndex(pass));
  const std::string& noted = pass.world.extensions.webhook_gate;
  const bool started = noted == at(pass, kStart) || noted == at(pass, kWaits) || noted == at(pass, kSwitch);
  return started ? kSwitch : kStart;
}

bool standsInBlueGreen(const Pass& pass, WebhookType type) {
  switch (type) {
    case WebhookType::kConfirmRollout:
    case WebhookType::kPreRollout:
      return placeOf(pass) == kStart;
    case WebhookType::kRollout:
    case WebhookType::kConfirmTrafficIncrease:
    case WebhookType::kConfirmPromotion:
      return placeOf(pass) == kSwitch && switchIsDue(pass);
    case WebhookType::kPostRollout:
    case WebhookType::kRollback:
      return false;
  }
  return false;
}

bool standsHere(const Pass& pass, WebhookType type) {
  if (pass.spec().canary() == nullptr) return standsInBlueGreen(pass, type);
  const std::int32_t index = stepIndex(pass);
  switch (type) {
    case WebhookType::kConfirmRollout:
    case WebhookType::kPreRollout:
      return index == 0;
    case WebhookType::kRollout:
    case WebhookType::kConfirmTrafficIncrease:
      return weightRises(pass);
    case WebhookType::kConfirmPromotion:
      return index == static_cast<std::int32_t>(steps(pass).size());
    case WebhookType::kPostRollout:
    case WebhookType::kRollback:
      return false;
  }
  return false;
}

std::vector<const Webhook*> gatesHere(const Pass& pass) {
  std::vector<const Webhook*> gates;
  for (const Webhook& hook : hooks(pass)) {
    if (standsHere(pass, hook.type)) gates.push_back(&hook);
  }
  return gates;
}

const model::PauseCondition* gatePause(const Pass& pass) {
  const auto found =
      std::ranges::find(pass.old().pause_conditions, model::PauseReason::kWebhookGate, &model::PauseCondition::reason);
  return found == pass.old().pause_conditions.end() ? nullptr : &*found;
}

void leaveGate(Pass& pass) {
  if (gatePause(pass) == nullptr) return;
  pass.intent.remove.push_back(model::PauseReason::kWebhookGate);
  pass.start_opened = pass.spec().blueGreen() != nullptr && newSet(pass)->replicas == 0;
}

// What a gate said last, for the message of its deadline.
std::string lastWord(const Pass& pass, const Webhook& hook, const std::string& point) {
  const WebhookAnswer* answer = answerOf(pass, hook, point);
  return answer != nullptr ? answer->message : "no answer yet";
}

enum class GateState : std::uint8_t { kOpen, kClosed, kAborted };

GateState lookAtGate(Pass& pass, const Webhook& hook, const std::string& point, WallTime since) {
  const WebhookAnswer* answer = answerOf(pass, hook, point);
  if (answer != nullptr && answer->passed) return GateState::kOpen;
  if (pass.now >= since + hook.deadline) {
    const std::string message =
        fmt::format("webhook {} ({}) did not open within {}: {}", hook.name, toString(hook.type),
                    formatGoDuration(hook.deadline), lastWord(pass, hook, point));
    if (hook.after_deadline == model::AfterDeadline::kProceed) return GateState::kOpen;
    event(pass, "WebhookDeadline", message, EventType::kWarning);
    abortWith(pass, message);
    return GateState::kAborted;
  }
  ask(pass, hook, point, "Waiting");
  lookAgain(pass, since + hook.deadline);
  return GateState::kClosed;
}

// controllerPause without a condition: a person went on, at this gate.
bool personWentOn(const Pass& pass, const std::string& point) {
  if (gatePause(pass) != nullptr || !pass.old().controller_pause || !pass.old().pause_conditions.empty()) return false;
  return point != at(pass, kSwitch) || pass.world.extensions.webhook_gate == at(pass, kWaits);
}

void holdAtGate(Pass& pass) {
  const std::string point = at(pass, placeOf(pass));
  const std::string& noted = pass.world.extensions.webhook_gate;
  const std::vector<const Webhook*> gates = gatesHere(pass);
  const bool passed = noted == point || promotesFully(pass) || isFastRollback(pass);
  const bool begun = noted.starts_with(newHash(pass) + "/") && noted != at(pass, "done");
  const bool free = passed || gates.empty();
  if (!begun) note(pass, free ? point : at(pass, "begun"));  // its end will be told
  if (free) {
    // Something else is to be waited for again: whoever goes on past that does not go on past the gate.
    if (!passed && noted == at(pass, kWaits)) note(pass, at(pass, kStart));
    leaveGate(pass);
    return;
  }
  // Nothing moves and nobody is asked while a person holds everything.
  pass.held = true;
  if (isHalted(pass)) return;
  const model::PauseCondition* pause = gatePause(pass);
  if (!personWentOn(pass, point)) {
    const WallTime since = pause != nullptr ? pause->start_time : pass.stamp;
    for (const Webhook* hook : gates) {
      const GateState state = lookAtGate(pass, *hook, point, since);
      if (state == GateState::kOpen) continue;
      if (state == GateState::kClosed && pause == nullptr) addPause(pass, model::PauseReason::kWebhookGate);
      if (point == at(pass, kSwitch) && pause != nullptr) note(pass, at(pass, kWaits));
      return;
    }
  }
  pass.held = false;
  note(pass, point);
  leaveGate(pass);
  pass.start_opened = point == at(pass, kStart);
  const std::string where = pass.spec().canary() != nullptr
                                ? fmt::format("step {}/{}", stepIndex(pass), steps(pass).size())
                                : fmt::format("its {}", point.substr(newHash(pass).size() + 1));
  event(pass, "WebhookGateOpened", fmt::format("Webhooks let the update to {} go on at {}", newHash(pass), where));
}

}  // namespace

void reconcileWebhooks(Pass& pass) {
  if (hooks(pass).empty()) {
    note(pass, "");
    leaveGate(pass);
    return;
  }
  // The first version of all comes up as it is.
  if (pass.old().stable_rs.empty()) return;
  if (fullyPromoted(pass)) {
    tellEnd(pass, at(pass, "end"), "Succeeded");
    return;
  }
  if (isAborted(pass)) {
    // The traffic and the abort itself come first.
    const std::optional<WallTime>& aborted_at = pass.old().aborted_at;
    if (aborted_at) tellEnd(pass, at(pass, "aborted " + formatRfc3339(*aborted_at)), "Failed");
    return;
  }
  if (!askTriggers(pass) && !pass.in.recreate) holdAtGate(pass);
}

}  // namespace towpath::rollout
