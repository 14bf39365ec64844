#include "control/rollout/webhook_calls.h"

#include <utility>

namespace towpath::control {

WebhookCalls::WebhookCalls(loop::Loop& loop, Webhooks* webhooks)
    : loop_(loop), webhooks_(webhooks), scope_(loop, "webhooks") {}

void WebhookCalls::begin(Caller caller, const rollout::CallWebhook& action, WebhookRequest request) {
  Call& call = calls_[caller.uid][action.name];
  call = {{action.name, action.point, std::nullopt}, ++begun_};
  if (!webhooks_) {
    call.call.answer =
        rollout::WebhookAnswer{.passed = false, .message = "no webhooks can be called here", .at = loop_.steadyNow()};
    return;
  }
  scope_.spawn(work(std::move(caller), action.name, call.number, std::move(request)));
}

std::vector<rollout::WebhookCall> WebhookCalls::calls(const std::string& uid) const {
  std::vector<rollout::WebhookCall> list;
  if (const auto found = calls_.find(uid); found != calls_.end()) {
    for (const auto& [name, call] : found->second) list.push_back(call.call);
  }
  return list;
}

void WebhookCalls::forget(const std::string& uid) { calls_.erase(uid); }

loop::Task<void> WebhookCalls::work(Caller caller, std::string name, std::uint64_t number, WebhookRequest request) {
  rollout::WebhookAnswer answer = co_await webhooks_->call(std::move(request));
  const auto of_rollout = calls_.find(caller.uid);
  if (of_rollout == calls_.end()) co_return;
  const auto found = of_rollout->second.find(name);
  if (found == of_rollout->second.end() || found->second.number != number) co_return;
  found->second.call.answer = std::move(answer);
  caller.wake();
}

}  // namespace towpath::control
