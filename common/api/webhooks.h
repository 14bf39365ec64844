#pragma once
// The annotation towpath.dev/webhooks of a Rollout (docs/webhooks.md): a list in YAML or JSON.
//
//   - name: approval
//     type: confirm-promotion
//     url: https://chatops.example/approve
//     timeout: 5s              # of one attempt; 10s without it
//     retries: 2               # further attempts where there is no answer, or one of 5xx; 2 without it
//     interval: 10s            # between two questions
//     deadline: 1h             # of a gate
//     onDeadline: abort        # or proceed
//     secretRef: {name: webhooks, key: hmac}
//     metadata: {team: shop}   # into the payload
//     insecure: true           # no check of the certificate

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_error.h"
#include "base/time.h"
#include "base/value.h"
#include "model/webhook.h"

namespace towpath::api {

inline constexpr std::size_t kMaxWebhooks = 16;  // of one Rollout

// What a call of a webhook needs.
struct WebhookSettings {
  std::string url;
  Duration timeout = 10s;
  int retries = 2;
  std::string secret_name, secret_key;  // of the key that signs; empty: not signed
  Value metadata;                       // an object, or null
  bool insecure = false;
};

// Those that are sound; validation tells of the others.
std::vector<model::Webhook> decodeWebhooks(const Value& rollout);
// nullopt: there is none of that name.
std::optional<WebhookSettings> webhookSettings(const Value& rollout, std::string_view name);
void validateWebhooks(const Value& rollout, FieldErrors& errors);

}  // namespace towpath::api
