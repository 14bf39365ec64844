#include "api/webhooks.h"

#include <doctest/doctest.h>

#include "api/keys.h"
#include "json/yaml.h"

namespace towpath::api {
namespace {

Value rollout(std::string_view webhooks, const char* strategy = "canary") {
  Value object = json::parseYamlDocument(fmt::format("spec: {{strategy: {{{}: {{}}}}}}", strategy)).value();
  object.mutableAt({"metadata", "annotations", kWebhooks}) = webhooks;
  return object;
}

std::string refusal(std::string_view webhooks, const char* strategy = "canary") {
  FieldErrors errors;
  validateWebhooks(rollout(webhooks, strategy), errors);
  return errors.empty() ? "" : describe(errors.front());
}

TEST_CASE("webhooks are read with their defaults") {
  const Value object = rollout(
      "- {name: a, type: confirm-promotion, url: 'http://x'}\n"
      "- {name: b, type: rollback, url: 'https://y', interval: 5s, deadline: 2h, onDeadline: proceed, timeout: 1s,\n"
      "   retries: 0, secretRef: {name: s, key: k}, metadata: {team: shop}, insecure: true}\n");
  const std::vector<model::Webhook> webhooks = decodeWebhooks(object);
  REQUIRE(webhooks.size() == 2);
  CHECK(webhooks[0] == model::Webhook{.name = "a", .type = model::WebhookType::kConfirmPromotion});
  CHECK(webhooks[1].interval == 5s);
  CHECK(webhooks[1].deadline == 2h);
  CHECK(webhooks[1].after_deadline == model::AfterDeadline::kProceed);
  const auto settings = webhookSettings(object, "b");
  REQUIRE(settings);
  CHECK(settings->timeout == 1s);
  CHECK(settings->retries == 0);
  CHECK(settings->secret_name == "s");
  CHECK(settings->secret_key == "k");
  CHECK(settings->metadata["team"].asStringView() == "shop");
  CHECK(settings->insecure);
  CHECK_FALSE(webhookSettings(object, "c"));
  CHECK(decodeWebhooks(Value()).empty());
}

TEST_CASE("what is wrong with a webhook is told with its place and the mend") {
  const std::string at = "metadata.annotations[towpath.dev/webhooks]";
  CHECK(refusal("- {name: a, type: rollout, url: 'http://x'}") == "");
  CHECK(refusal("a: 1") == at + ": Invalid value: a list of webhooks is wanted");
  CHECK(refusal("[").starts_with(at));
  CHECK(refusal("- {name: a, type: rolout, url: 'http://x'}")
            .contains("[0]: Invalid value: type: \"rolout\" is none of confirm-rollout, "));
  CHECK(refusal("- {name: a, type: rollout, url: x}").contains("url: an http:// or https:// address"));
  CHECK(refusal("- {name: a, type: rollout, uri: x}").contains("unknown field \"uri\""));
  CHECK(refusal("- {type: rollout, url: 'http://x'}").contains("name: every webhook has one"));
  CHECK(refusal("- {name: a, type: rollout, url: 'http://x', timeout: 10m}").contains("timeout: a duration from"));
  CHECK(refusal("- {name: a, type: rollout, url: 'http://x', interval: soon}").contains("interval: a duration from"));
  CHECK(refusal("- {name: a, type: rollout, url: 'http://x', retries: 11}").contains("retries: a number from 0 to 10"));
  CHECK(refusal("- {name: a, type: rollout, url: 'http://x', secretRef: {name: s}}").contains("name and key"));
  CHECK(refusal("- {name: a, type: rollout, url: 'http://x', onDeadline: wait}").contains("abort or proceed"));
  CHECK(refusal("- {name: a, type: rollout, url: 'http://x'}\n- {name: a, type: rollback, url: 'http://x'}")
            .contains("[1]: Invalid value: name: another"));
  CHECK(refusal("- {name: a, type: rollout, url: 'http://x'}", "blueGreen") == "");
  CHECK(refusal("- {name: a, type: rollback, url: 'http://x'}", "blueGreen") == "");
}

}  // namespace
}  // namespace towpath::api
