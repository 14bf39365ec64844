#pragma once
// Webhooks of a Rollout as the engine sees them (docs/webhooks.md); what a call needs beside it is read where the call
// is made.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"

namespace towpath::model {

enum class WebhookType : std::uint8_t {
  // Gates: the update waits until they answer 2xx.
  kConfirmRollout,          // before the new version gets its first pod or weight
  kPreRollout,              // there as well
  kRollout,                 // before each larger weight
  kConfirmTrafficIncrease,  // there as well
  kConfirmPromotion,        // after the last step, before the new version becomes the stable one
  // Told, once the update has ended.
  kPostRollout,
  // Asked while the update goes on: 2xx takes it back.
  kRollback,
};

inline constexpr std::array<std::pair<WebhookType, std::string_view>, 7> kWebhookTypes{{
    {WebhookType::kConfirmRollout, "confirm-rollout"},
    {WebhookType::kPreRollout, "pre-rollout"},
    {WebhookType::kRollout, "rollout"},
    {WebhookType::kConfirmTrafficIncrease, "confirm-traffic-increase"},
    {WebhookType::kConfirmPromotion, "confirm-promotion"},
    {WebhookType::kPostRollout, "post-rollout"},
    {WebhookType::kRollback, "rollback"},
}};

constexpr std::string_view toString(WebhookType type) {
  for (const auto& [each, name] : kWebhookTypes) {
    if (each == type) return name;
  }
  return "";
}

constexpr std::optional<WebhookType> parseWebhookType(std::string_view text) {
  for (const auto& [each, name] : kWebhookTypes) {
    if (name == text) return each;
  }
  return std::nullopt;
}

constexpr bool isGate(WebhookType type) { return type != WebhookType::kPostRollout && type != WebhookType::kRollback; }

// What happens to an update whose gate has not opened in time.
enum class AfterDeadline : std::uint8_t { kAbort, kProceed };

struct Webhook {
  std::string name;
  WebhookType type = WebhookType::kConfirmPromotion;
  Duration interval = 10s;  // between two questions
  Duration deadline = 1h;   // of a gate
  AfterDeadline after_deadline = AfterDeadline::kAbort;

  bool operator==(const Webhook&) const = default;
};

}  // namespace towpath::model
