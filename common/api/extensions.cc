#include "api/extensions.h"

#include <algorithm>
#include <vector>

#include "api/decode.h"
#include "api/keys.h"
#include "api/rollout_view.h"
#include "api/template_hash.h"
#include "api/webhooks.h"
#include "json/serialize.h"

namespace towpath::api {
namespace {

struct Switch {
  const char* annotation;
  std::vector<std::string_view> values;
};

const std::vector<Switch>& switches() {
  static const std::vector<Switch> all = {
      {kStrategyAnnotation, {"recreate"}},
      {kOnNewVersion, {"replace", "queue", "reject"}},
      {kWeightLimit, {"ready"}},
      {kBrokenStable, {"ship"}},
  };
  return all;
}

std::string_view annotation(const Value& rollout, const char* key) {
  return rollout["metadata"]["annotations"][key].asStringView();
}

bool updateInProgress(const model::RolloutStatus& status) {
  if (status.stable_rs.empty() || status.stable_rs == status.current_pod_hash) return false;
  if (status.abort) return false;
  return !model::hasReason(status.conditions, model::condition::kProgressing, model::reason::kProgressDeadlineExceeded);
}

}  // namespace

model::Extensions decodeExtensions(const Value& rollout) {
  model::Extensions extensions;
  const std::string_view policy = annotation(rollout, kOnNewVersion);
  if (policy == "queue") extensions.on_new_version = model::OnNewVersion::kQueue;
  if (policy == "reject") extensions.on_new_version = model::OnNewVersion::kReject;
  extensions.rejected_hash = annotation(rollout, kRejectedTemplate);
  extensions.limit_weight_to_ready = annotation(rollout, kWeightLimit) == "ready";
  extensions.ship_past_broken_stable = annotation(rollout, kBrokenStable) == "ship";
  extensions.webhooks = decodeWebhooks(rollout);
  extensions.webhook_gate = annotation(rollout, kWebhookGate);
  return extensions;
}

void validateExtensions(const Value& rollout, FieldErrors& errors) {
  for (const Switch& one : switches()) {
    const Value& value = rollout["metadata"]["annotations"][one.annotation];
    if (value.isNull() || std::ranges::find(one.values, value.asStringView()) != one.values.end()) continue;
    std::vector<std::string> known;
    for (const std::string_view each : one.values) known.push_back(fmt::format("\"{}\"", each));
    errors.push_back(
        {FieldErrorKind::kNotSupported, fmt::format("metadata.annotations[{}]", one.annotation),
         fmt::format("Unsupported value: {}: supported values: {}", json::serialize(value), fmt::join(known, ", "))});
  }
  validateWebhooks(rollout, errors);
}

void validateNewVersion(const Value& old, const Value& next, const IsOlder& is_older, FieldErrors& errors) {
  if (decodeExtensions(next).on_new_version != model::OnNewVersion::kReject) return;
  const Value& pod_template = next["spec"]["template"];
  if (canonicalTemplate(old["spec"]["template"]) == canonicalTemplate(pod_template)) return;
  const model::RolloutStatus status = decodeRolloutStatus(old);
  if (!updateInProgress(status)) return;
  const std::string hash = podTemplateHash(pod_template, status.collision_count);
  if (hash == status.stable_rs || hash == status.current_pod_hash || is_older(hash, status.stable_rs)) return;
  errors.push_back(forbiddenValue(
      "spec.template", fmt::format("an update to {} is in progress and {} is \"reject\": wait for its end or abort it",
                                   status.current_pod_hash, kOnNewVersion)));
}

}  // namespace towpath::api
