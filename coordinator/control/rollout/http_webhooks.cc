#include "control/rollout/http_webhooks.h"

#include <fmt/format.h>

#include <utility>

#include "base/base64.h"
#include "cluster/kinds.h"
#include "json/serialize.h"
#include "tls/crypto.h"

namespace towpath::control {
namespace {

constexpr std::size_t kMostAtOnce = 64;        // of all Rollouts
constexpr std::size_t kMaxAnswer = 64u << 10;  // bytes
constexpr std::size_t kMaxShown = 200;
constexpr Duration kFirstPause = 1s;  // before the first further attempt; then twice that, and so on
constexpr Duration kLongestPause = 30s;

// Worth another attempt: nobody answered, or said that it is not able to.
bool isTransient(int status) { return status >= 500 || status == 429; }

std::string beginningOf(std::string_view body) {
  std::string text;
  for (const char c : body.substr(0, kMaxShown)) text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return text;
}

http::ClientRequest requestOf(const WebhookRequest& webhook, std::string body) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = webhook.settings.url;
  request.timeout = webhook.settings.timeout;
  request.max_response_bytes = kMaxAnswer;
  request.headers.add("Content-Type", "application/json");
  if (webhook.settings.insecure) request.tls.verify = http::Verify::kNo;
  request.body = std::move(body);
  return request;
}

}  // namespace

Value webhookPayload(const Value& rollout, const rollout::World& world, const rollout::CallWebhook& call,
                     const Value& metadata) {
  Array images;
  for (const Value& container : rollout.at({"spec", "template", "spec", "containers"}).asArray()) {
    images.push_back(container["image"]);
  }
  const std::optional<model::TrafficWeights>& weights = world.status.canary.weights;
  Value payload(Object{{"name", world.name},
                       {"namespace", world.namespace_name},
                       {"webhook", call.name},
                       {"type", toString(call.type)},
                       {"phase", call.phase},
                       {"checksum", world.status.current_pod_hash},
                       {"revision", world.revision.value_or(0)},
                       {"image", images.empty() ? Value("") : images.front()},
                       {"images", Value(images)},
                       {"weight", weights ? weights->canary.weight : 0},
                       {"step", world.status.current_step_index.value_or(0)}});
  payload["metadata"] = metadata.isObject() ? metadata : Value(Object{});
  return payload;
}

HttpWebhooks::HttpWebhooks(loop::Loop& loop, cluster::ObjectApi& api, Fetch fetch)
    : loop_(loop), api_(api), fetch_(std::move(fetch)), running_(loop, kMostAtOnce) {}

loop::Task<rollout::WebhookAnswer> HttpWebhooks::call(WebhookRequest request) {
  const loop::Semaphore::Permit permit = co_await running_.acquire();
  rollout::WebhookAnswer answer = co_await attempt(std::move(request));
  answer.at = loop_.steadyNow();
  co_return answer;
}

loop::Task<rollout::WebhookAnswer> HttpWebhooks::attempt(WebhookRequest request) {
  const std::string body = json::serialize(request.payload);
  const Result<std::string> signed_with = co_await signature(request.ns, request.settings, body);
  if (!signed_with) co_return rollout::WebhookAnswer{.message = describe(signed_with.error())};
  Duration pause = kFirstPause;
  std::string message;
  for (int i = 0; i <= request.settings.retries; ++i) {
    http::ClientRequest next = requestOf(request, body);
    if (!signed_with->empty()) next.headers.add("X-Hub-Signature-256", *signed_with);
    const Result<http::Response> response = co_await fetch_(std::move(next));
    if (response && response->ok()) co_return rollout::WebhookAnswer{.passed = true};
    message = response ? fmt::format("status {}: {}", response->status, beginningOf(response->body))
                       : describe(response.error());
    if (response && !isTransient(response->status)) break;
    if (i == request.settings.retries) break;
    co_await loop::sleep(loop_, pause);
    pause = std::min(pause * 2, kLongestPause);
  }
  co_return rollout::WebhookAnswer{.message = std::move(message)};
}

loop::Task<Result<std::string>> HttpWebhooks::signature(std::string ns, api::WebhookSettings settings,
                                                        std::string body) {
  if (settings.secret_name.empty()) co_return std::string();
  const Result<cluster::ObjectRef> secret = co_await api_.get(cluster::kSecrets, ns, settings.secret_name);
  if (!secret) {
    co_return fail(secret.error().kind,
                   fmt::format("the Secret \"{}\" with the key of the signature cannot be read: {}",
                               settings.secret_name, secret.error().message));
  }
  const Value object = (*secret)->parse();
  const std::optional<std::string> key = decodeBase64(object["data"][settings.secret_key].asStringView());
  if (!key || key->empty()) {
    co_return fail(ErrorKind::kInvalid,
                   fmt::format("the Secret \"{}\" has no key \"{}\"", settings.secret_name, settings.secret_key));
  }
  co_return "sha256=" + tls::toHex(tls::hmacSha256(*key, body));
}

}  // namespace towpath::control
