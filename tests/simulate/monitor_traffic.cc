// Where requests go: services, weights, and whether what they name can answer.
#include <fmt/format.h>

#include "engine/rollout/replicas.h"
#include "simulate/monitor.h"

namespace towpath::simulate {

std::optional<int> Monitor::shareOf(const std::string& hash) const {
  if (spec_.blueGreen() != nullptr) return selectorOf("shop-active") == hash ? 100 : 0;
  if (!parts_.scenario.routed) return std::nullopt;
  int share = 0;
  const auto most = static_cast<int>(sum_ == 0 ? 1 : sum_);
  if (selectorOf("shop-canary") == hash) share += static_cast<int>(weight_) * 100 / most;
  if (selectorOf("shop-stable") == hash) share += (most - static_cast<int>(weight_)) * 100 / most;
  return share;
}

void Monitor::checkServed(const std::string& service, const std::string& hash) {
  if (wanted_.least(stale()) == 0) return;
  const bool live = service == "shop-active" || (service == "shop-stable" && weight_ < sum_) ||
                    (service == "shop-canary" && weight_ > 0);
  if (!live) return;
  // A basic canary's services follow what is there; the first adoption has nothing to compare with.
  const Set* set = setOf(hash);
  if (set == nullptr || set->available.most(stale()) == 0) {
    breach(RuleId::kServesNothing, fmt::format("service {} is switched to {}", service, hash));
  }
}

void Monitor::checkWeight(std::int64_t before, std::int64_t after) {
  if (wanted_.least(stale()) == 0) return;
  const bool raised = after > before;
  const std::string hash = selectorOf(raised ? "shop-canary" : "shop-stable");
  const Set* set = setOf(hash);
  const std::int32_t available = set == nullptr ? 0 : set->available.most(stale());
  // A stable service that was never switched selects what its owner said.
  const bool own_selector = !raised && hash.empty();
  if (available == 0 && !own_selector) {
    breach(RuleId::kServesNothing, fmt::format("weight from {} to {}, but {} has nothing ready", before, after, hash));
  }
  if (!raised) return;
  if (aborted_.least(stale()) == 1) {
    breach(RuleId::kRaisedAborted, fmt::format("weight from {} to {}", before, after));
  }
  if (paused_.least(stale()) == 1) {
    breach(RuleId::kMovedWhilePaused, fmt::format("weight from {} to {}", before, after));
  }
  const std::int32_t most = spec_.canary() == nullptr ? 100 : spec_.canary()->maxWeight();
  const std::int32_t needed = rollout::shareOf({wanted_.least(stale()), static_cast<std::int32_t>(after), most});
  if (available < needed) {
    breach(RuleId::kShareOfCapacity,
           fmt::format("weight {} needs {} pods, {} are available", after, needed, available));
  }
}

// Blue-green: only what was judged and, where it is asked for, looked at by a person takes over.
void Monitor::checkActiveSwitch(const std::string& before, const std::string& hash) {
  const model::BlueGreenStrategy* strategy = spec_.blueGreen();
  if (strategy == nullptr || before.empty() || hash == status_.stable_rs || status_.promote_full) return;
  if (paused_.least(stale()) == 1) {
    breach(RuleId::kMovedWhilePaused, fmt::format("active from {} to {}", before, hash));
  }
  // A way back to what ran before is quick on purpose.
  const Set* set = setOf(hash);
  const Set* stable = setOf(status_.stable_rs);
  const bool back = set != nullptr && stable != nullptr && set->set.creation_time < stable->set.creation_time;
  if (back) return;
  if (strategy->pre_promotion_analysis &&
      newestRun("PrePromotion", hash, std::nullopt) != model::AnalysisPhase::kSuccessful) {
    breach(RuleId::kAnalysisPassed, fmt::format("active is switched to {} without a passed analysis", hash));
  }
  if (!strategy->auto_promotion_enabled && !promoted_) {
    breach(RuleId::kPausePassed, fmt::format("active is switched to {}, which nobody promoted", hash));
  }
}

}  // namespace towpath::simulate
