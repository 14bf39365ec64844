#pragma once
// The port to whoever answers webhooks.

#include <string>

#include "api/webhooks.h"
#include "base/value.h"
#include "engine/rollout/decision.h"
#include "engine/rollout/world.h"
#include "loop/task.h"

namespace towpath::control {

struct WebhookRequest {
  std::string ns;  // of the Rollout and of the Secret
  api::WebhookSettings settings;
  Value payload;
};

class Webhooks {
 public:
  virtual ~Webhooks() = default;
  // 2xx has passed; everything else, also what could not be sent, has not and says why. Ends in bounded time.
  virtual loop::Task<rollout::WebhookAnswer> call(WebhookRequest request) = 0;
};

// What is sent: {name, namespace, webhook, type, phase, checksum, revision, images, weight, step, metadata}.
Value webhookPayload(const Value& rollout, const rollout::World& world, const rollout::CallWebhook& call,
                     const Value& metadata);

}  // namespace towpath::control
