#include "api/webhooks.h"

#include <algorithm>
#include <array>
#include <set>

#include "api/keys.h"
#include "json/field.h"
#include "json/yaml.h"

namespace towpath::api {
namespace {

constexpr std::array<std::string_view, 11> kFields{"name",      "type",     "url",      "timeout",
                                                   "retries",   "interval", "deadline", "onDeadline",
                                                   "secretRef", "metadata", "insecure"};
constexpr Duration kLongestTimeout = 5min;
constexpr std::int64_t kMostRetries = 10;

std::string path() { return fmt::format("metadata.annotations[{}]", kWebhooks); }

Result<Value> listOf(const Value& rollout) {
  const Value& annotation = rollout["metadata"]["annotations"][kWebhooks];
  if (annotation.isNull()) return Value(Array{});
  Result<Value> parsed = json::parseYamlDocument(annotation.asStringView());
  if (!parsed) return parsed;
  if (!parsed->isArray()) return fail(ErrorKind::kInvalid, "a list of webhooks is wanted");
  if (parsed->asArray().size() > kMaxWebhooks) {
    return fail(ErrorKind::kInvalid, fmt::format("at most {} webhooks are possible", kMaxWebhooks));
  }
  return parsed;
}

Duration durationOr(const Value& value, Duration otherwise) {
  const Result<Duration> parsed = parseGoDuration(value.asStringView());
  return value.isString() && parsed ? *parsed : otherwise;
}

// nullopt, or what is wrong with it.
std::optional<std::string> wrongDuration(const Value& hook, const char* field, Duration least, Duration most) {
  if (hook[field].isNull()) return std::nullopt;
  const Result<Duration> parsed = parseGoDuration(hook[field].asStringView());
  if (hook[field].isString() && parsed && *parsed >= least && *parsed <= most) return std::nullopt;
  return fmt::format("{}: a duration from {} to {} is wanted, such as \"30s\"", field, formatGoDuration(least),
                     formatGoDuration(most));
}

std::optional<std::string> wrongTexts(const Value& hook) {
  for (const auto& [key, value] : hook.asObject()) {
    if (std::ranges::find(kFields, key) != kFields.end()) continue;
    return fmt::format("unknown field \"{}\"; there are {}", key, fmt::join(kFields, ", "));
  }
  if (hook["name"].asStringView().empty()) return "name: every webhook has one";
  const std::string_view type = hook["type"].asStringView();
  if (!model::parseWebhookType(type)) {
    std::vector<std::string_view> known;
    for (const auto& [each, name] : model::kWebhookTypes) known.push_back(name);
    return fmt::format("type: \"{}\" is none of {}", type, fmt::join(known, ", "));
  }
  const std::string_view url = hook["url"].asStringView();
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return "url: an http:// or https:// address is wanted";
  const std::string_view after = hook["onDeadline"].asStringView("abort");
  if (after != "abort" && after != "proceed") return "onDeadline: abort or proceed is wanted";
  return std::nullopt;
}

std::optional<std::string> wrongWith(const Value& hook) {
  if (!hook.isObject()) return "an object is wanted";
  if (std::optional<std::string> why = wrongTexts(hook)) return why;
  if (std::optional<std::string> why = wrongDuration(hook, "timeout", 1ms, kLongestTimeout)) return why;
  if (std::optional<std::string> why = wrongDuration(hook, "interval", 1s, 24h)) return why;
  if (std::optional<std::string> why = wrongDuration(hook, "deadline", 1s, 24h * 365)) return why;
  const Value& retries = hook["retries"];
  if (!retries.isNull() && (!retries.isInt() || retries.asInt() < 0 || retries.asInt() > kMostRetries)) {
    return fmt::format("retries: a number from 0 to {} is wanted", kMostRetries);
  }
  const Value& secret = hook["secretRef"];
  if (!secret.isNull() && (secret["name"].asStringView().empty() || secret["key"].asStringView().empty())) {
    return "secretRef: name and key are wanted";
  }
  if (!hook["metadata"].isNull() && !hook["metadata"].isObject()) return "metadata: an object is wanted";
  return std::nullopt;
}

bool recreates(const Value& rollout) {
  return rollout["metadata"]["annotations"][kStrategyAnnotation].asStringView() == "recreate";
}

}  // namespace

std::vector<model::Webhook> decodeWebhooks(const Value& rollout) {
  std::vector<model::Webhook> webhooks;
  const Result<Value> list = listOf(rollout);
  if (!list) return webhooks;
  for (const Value& hook : list->asArray()) {
    const std::optional<model::WebhookType> type = model::parseWebhookType(hook["type"].asStringView());
    if (!type) continue;
    model::Webhook webhook;
    webhook.name = hook["name"].asString();
    webhook.type = *type;
    webhook.interval = durationOr(hook["interval"], webhook.interval);
    webhook.deadline = durationOr(hook["deadline"], webhook.deadline);
    if (hook["onDeadline"].asStringView() == "proceed") webhook.after_deadline = model::AfterDeadline::kProceed;
    webhooks.push_back(std::move(webhook));
  }
  return webhooks;
}

std::optional<WebhookSettings> webhookSettings(const Value& rollout, std::string_view name) {
  const Result<Value> list = listOf(rollout);
  if (!list) return std::nullopt;
  for (const Value& hook : list->asArray()) {
    if (hook["name"].asStringView() != name) continue;
    WebhookSettings settings;
    settings.url = hook["url"].asString();
    settings.timeout = durationOr(hook["timeout"], settings.timeout);
    settings.retries = static_cast<int>(hook["retries"].asInt(settings.retries));
    settings.secret_name = hook["secretRef"]["name"].asString();
    settings.secret_key = hook["secretRef"]["key"].asString();
    settings.metadata = hook["metadata"];
    settings.insecure = hook["insecure"].asBool();
    return settings;
  }
  return std::nullopt;
}

void validateWebhooks(const Value& rollout, FieldErrors& errors) {
  const Result<Value> list = listOf(rollout);
  const auto refuse = [&errors](std::string at, const std::string& why) {
    errors.push_back({FieldErrorKind::kInvalid, std::move(at), "Invalid value: " + why});
  };
  if (!list) {
    refuse(path(), list.error().message);
    return;
  }
  std::set<std::string_view> names;
  const Array& hooks = list->asArray();
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    const std::string at = json::joinPath(path(), i);
    if (const std::optional<std::string> why = wrongWith(hooks[i])) {
      refuse(at, *why);
      continue;
    }
    if (!names.insert(hooks[i]["name"].asStringView()).second) refuse(at, "name: another webhook is called that");
    const std::optional<model::WebhookType> type = model::parseWebhookType(hooks[i]["type"].asStringView());
    if (model::isGate(*type) && recreates(rollout))
      refuse(at, fmt::format("type: {} has no place where two versions never overlap", toString(*type)));
  }
}

}  // namespace towpath::api
