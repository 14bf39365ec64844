// Webhooks through the controller, and as they go over HTTP.

#include "control/rollout/http_webhooks.h"

#include "harness.h"
#include "json/parse.h"
#include "tls/crypto.h"

namespace towpath::control {
namespace {

// Answers as the test says, and keeps what it was asked.
class ScriptedWebhooks final : public Webhooks {
 public:
  explicit ScriptedWebhooks(loop::Loop& loop) : loop_(loop) {}
  loop::Task<rollout::WebhookAnswer> call(WebhookRequest request) override {
    const std::string name = request.payload["webhook"].asString();
    asked.push_back(std::move(request.payload));
    co_return rollout::WebhookAnswer{
        .passed = std::ranges::find(open, name) != open.end(), .message = "closed", .at = loop_.steadyNow()};
  }
  std::size_t count(std::string_view name) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        asked, [name](const Value& payload) { return payload["webhook"].asStringView() == name; }));
  }

  std::vector<std::string> open;
  std::vector<Value> asked;

 private:
  loop::Loop& loop_;
};

void setWebhooks(Harness& harness, std::string_view list) {
  Value patch;
  patch.mutableAt({"metadata", "annotations", "towpath.dev/webhooks"}) = list;
  harness.patch(cluster::kRollouts, "shop", json::serialize(patch));
}

std::string gate(Harness& harness) {
  return harness.get(cluster::kRollouts, "shop")["metadata"]["annotations"]["towpath.dev/webhook-gate"].asString();
}

TEST_CASE("a gate holds the weight until it opens, over a crash as well, and an abort works at it") {
  Harness harness;
  ScriptedWebhooks webhooks(harness.loop);
  harness.webhooks = &webhooks;
  applyRouted(harness);
  harness.start();
  harness.untilPhase("Healthy");
  setWebhooks(harness, "- {name: load, type: confirm-traffic-increase, url: 'http://x', metadata: {team: shop}}");
  harness.setImage("v2");
  harness.until("the gate is asked twice", [&] { return webhooks.count("load") >= 2; });
  CHECK(harness.weight() == 0);
  CHECK(harness.phase() == "Paused");
  CHECK(harness.rolloutStatus()["message"].asString() == "WebhookGate");
  const Value& payload = webhooks.asked.front();
  CHECK(payload["name"].asStringView() == "shop");
  CHECK(payload["namespace"].asStringView() == "default");
  CHECK(payload["type"].asStringView() == "confirm-traffic-increase");
  CHECK(payload["phase"].asStringView() == "Waiting");
  CHECK(payload["image"].asStringView() == "v2");
  CHECK(payload["revision"].asInt() == 2);
  CHECK(payload["metadata"]["team"].asStringView() == "shop");

  webhooks.open = {"load"};
  harness.until("the weight rises", [&] { return harness.weight() == 20; });
  CHECK(gate(harness).ends_with("/0"));
  webhooks.open.clear();
  harness.crash();
  harness.start();
  harness.settle(30s);
  CHECK(harness.weight() == 20);  // what has opened stays open

  harness.promote();
  harness.until("it waits again", [&] { return harness.rolloutStatus()["message"].asString() == "WebhookGate"; });
  harness.settle(5s);
  CHECK(harness.weight() == 20);
  harness.abort();
  harness.until("traffic is back", [&] { return harness.weight() == 0 && harness.phase() == "Degraded"; });
}

TEST_CASE("a trigger from outside takes the update back, and its end is told") {
  Harness harness;
  ScriptedWebhooks webhooks(harness.loop);
  harness.webhooks = &webhooks;
  applyRouted(harness);
  harness.start();
  harness.untilPhase("Healthy");
  setWebhooks(harness,
              "- {name: alarm, type: rollback, url: 'http://x'}\n- {name: tell, type: post-rollout, url: 'http://x'}");
  harness.setImage("v2");
  harness.until("the first weight", [&] { return harness.weight() == 20; });
  CHECK(webhooks.count("tell") == 0);
  webhooks.open = {"alarm", "tell"};
  harness.until("it is taken back", [&] { return harness.weight() == 0 && harness.phase() == "Degraded"; });
  harness.until("the end is told", [&] { return webhooks.count("tell") == 1; });
  CHECK(webhooks.asked.back()["phase"].asStringView() == "Failed");
  harness.settle(60s);
  CHECK(webhooks.count("tell") == 1);
}

struct Wire {
  Harness harness;
  std::vector<http::ClientRequest> sent;
  std::vector<int> statuses;  // one an attempt; 0: no answer
  HttpWebhooks webhooks{harness.loop, harness.api, [this](http::ClientRequest request) { return fetch(request); }};

  loop::Task<Result<http::Response>> fetch(http::ClientRequest request) {
    const int status = statuses.at(sent.size());
    sent.push_back(std::move(request));
    if (status == 0) co_return fail(ErrorKind::kUnavailable, "connection refused");
    co_return http::Response{.status = status, .headers = {}, .body = "because"};
  }

  rollout::WebhookAnswer call(api::WebhookSettings settings) {
    std::optional<rollout::WebhookAnswer> answer;
    loop::Scope scope(harness.loop, "test");
    scope.spawn(
        [](Wire& wire, api::WebhookSettings of, std::optional<rollout::WebhookAnswer>& into) -> loop::Task<void> {
          into = co_await wire.webhooks.call(
              {.ns = "default", .settings = std::move(of), .payload = Object{{"name", "shop"}}});
        }(*this, std::move(settings), answer));
    harness.loop.advance(2min);
    REQUIRE(answer.has_value());
    return *answer;
  }
};

TEST_CASE("a call is a signed POST of JSON") {
  Wire wire;
  wire.harness.apply(
      cluster::kSecrets,
      "{apiVersion: v1, kind: Secret, metadata: {name: hooks, namespace: default}, stringData: {hmac: secret}}");
  wire.statuses = {200};
  CHECK(wire.call({.url = "http://x/hook", .secret_name = "hooks", .secret_key = "hmac", .metadata = {}}).passed);
  REQUIRE(wire.sent.size() == 1);
  const http::ClientRequest& request = wire.sent.front();
  CHECK(request.method == "POST");
  CHECK(request.url == "http://x/hook");
  CHECK(request.body == R"({"name":"shop"})");
  CHECK(request.headers.get("Content-Type") == "application/json");
  CHECK(request.headers.get("X-Hub-Signature-256") == "sha256=" + tls::toHex(tls::hmacSha256("secret", request.body)));
}

TEST_CASE("where nobody answers it is tried again, a refusal is an answer") {
  Wire wire;
  wire.statuses = {0, 503, 200};
  CHECK(wire.call({.url = "http://x", .metadata = {}}).passed);
  CHECK(wire.sent.size() == 3);

  Wire refusing;
  refusing.statuses = {403};
  const rollout::WebhookAnswer answer = refusing.call({.url = "http://x", .metadata = {}});
  CHECK_FALSE(answer.passed);
  CHECK(answer.message == "status 403: because");

  Wire away;
  away.statuses = {0, 0, 0};
  CHECK(away.call({.url = "http://x", .metadata = {}}).message == "connection refused");
}

TEST_CASE("without its key nothing is sent") {
  Wire wire;
  const rollout::WebhookAnswer answer =
      wire.call({.url = "http://x", .secret_name = "gone", .secret_key = "hmac", .metadata = {}});
  CHECK_FALSE(answer.passed);
  CHECK(answer.message.find("the Secret \"gone\"") != std::string::npos);
  CHECK(wire.sent.empty());
}

}  // namespace
}  // namespace towpath::control
