#pragma once
// Calls of webhooks that are under way: beside the passes, one at a time for each webhook of a Rollout. An answer wakes
// the Rollout. Nothing of it outlives the process: what was not answered is asked again.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/rollout/webhook.h"
#include "engine/rollout/decision.h"
#include "loop/loop.h"
#include "loop/scope.h"

namespace towpath::control {

class WebhookCalls {
 public:
  // `webhooks` may be nullptr: then none passes.
  WebhookCalls(loop::Loop& loop, Webhooks* webhooks);

  struct Caller {
    std::string uid;             // of the Rollout
    std::function<void()> wake;  // after the answer
  };
  // Takes the place of the last call of that webhook, whose answer is of no use any more.
  void begin(Caller caller, const rollout::CallWebhook& action, WebhookRequest request);
  std::vector<rollout::WebhookCall> calls(const std::string& uid) const;
  void forget(const std::string& uid);  // the Rollout is gone

 private:
  struct Call {
    rollout::WebhookCall call;
    std::uint64_t number = 0;
  };
  loop::Task<void> work(Caller caller, std::string name, std::uint64_t number, WebhookRequest request);

  loop::Loop& loop_;
  Webhooks* webhooks_;
  std::map<std::string, std::map<std::string, Call>> calls_;  // by uid and name
  std::uint64_t begun_ = 0;
  loop::Scope scope_;  // last: its tasks go first
};

}  // namespace towpath::control
