#pragma once
// Webhooks over HTTP: a POST of JSON, signed where a Secret has a key for it (X-Hub-Signature-256, as GitHub signs its
// own), tried again where there was no answer or one of 5xx. The Secret is read for each call and kept nowhere.

#include <functional>
#include <string>

#include "cluster/object_api.h"
#include "control/rollout/webhook.h"
#include "http/transport.h"
#include "loop/event.h"
#include "loop/loop.h"

namespace towpath::control {

class HttpWebhooks final : public Webhooks {
 public:
  using Fetch = std::function<loop::Task<Result<http::Response>>(http::ClientRequest)>;
  HttpWebhooks(loop::Loop& loop, cluster::ObjectApi& api, Fetch fetch);

  loop::Task<rollout::WebhookAnswer> call(WebhookRequest request) override;

 private:
  loop::Task<rollout::WebhookAnswer> attempt(WebhookRequest request);
  loop::Task<Result<std::string>> signature(std::string ns, api::WebhookSettings settings, std::string body);

  loop::Loop& loop_;
  cluster::ObjectApi& api_;
  Fetch fetch_;
  loop::Semaphore running_;
};

}  // namespace towpath::control
