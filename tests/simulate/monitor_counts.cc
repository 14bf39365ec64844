// How many pods: maxSurge, maxUnavailable, and what serves.
#include <fmt/format.h>

#include <algorithm>

#include "simulate/monitor.h"

namespace towpath::simulate {

void Monitor::checkScaled(const Set& set, std::int32_t before) {
  if (parts_.two_at_once()) return;
  if (set.set.replicas > before)
    checkRaised(set);
  else
    checkLowered(set, before);
}

void Monitor::checkRaised(const Set& set) {
  const bool basic = spec_.canary() != nullptr && !spec_.canary()->traffic_routing && !recreate_;
  if (!basic) return;
  std::int32_t sum = 0;
  for (const auto& [name, other] : sets_) sum += other.set.replicas;
  const std::int32_t most = surge_.most(stale());
  if (sum > most) breach(RuleId::kSurge, fmt::format("{} is raised: {} pods, at most {}", set.set.name, sum, most));
}

void Monitor::checkLowered(const Set& set, std::int32_t before) {
  if (wanted_.least(stale()) == 0) return;
  const std::string& hash = set.set.hash;
  const bool blue_green = spec_.blueGreen() != nullptr;
  if (blue_green && selectorOf("shop-active") == hash && set.set.replicas < wanted_.least(stale())) {
    breach(RuleId::kActiveWhole, fmt::format("{} from {} to {}", set.set.name, before, set.set.replicas));
  }
  const std::optional<int> share = shareOf(hash);
  // Pods of which none serves can go.
  if (set.set.replicas == 0 && share.value_or(0) > 0 && set.available.least(stale()) > 0) {
    breach(RuleId::kScaledWhileServing, fmt::format("{} with {} of 100 requests", set.set.name, *share));
  }
  if (parts_.scenario.routed) checkLiveShare(set);
  const bool basic = spec_.canary() != nullptr && !spec_.canary()->traffic_routing && !recreate_;
  if (!basic) return;
  // Pods that are not ready go first: what stays is the smaller of the two.
  std::int32_t available = 0, available_before = 0;
  for (const auto& [name, other] : sets_) {
    const std::int32_t most = other.available.most(stale());
    available += std::min(other.set.replicas, most);
    available_before +=
        &other == &set ? std::min(before, other.available.least(stale())) : std::min(other.set.replicas, most);
  }
  const std::int32_t least = std::min(available_before, unavailable_.least(stale()));
  if (available < least) {
    breach(RuleId::kUnavailable, fmt::format("{} from {} to {}: {} stay available, at least {}", set.set.name, before,
                                             set.set.replicas, available, least));
  }
}

}  // namespace towpath::simulate
