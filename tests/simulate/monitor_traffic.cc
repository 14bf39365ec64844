// Where requests go: services, weights, and whether what they name can answer.
#include <fmt/format.h>

#include "engine/rollout/replicas.h"
#include "simulate/monitor.h"

namespace towpath::simulate {
namespace {

// What an experiment gives back goes to stable, whatever that can carry now: the canary's weight is that of its step.
bool isGivenBack(const Split& before, const Split& after, const std::string& service, const model::ServicePair& pair) {
  const auto others = [&pair](const Split& split) {
    return split.sum - split.weight(pair.stable) - split.weight(pair.canary);
  };
  return service == pair.stable && after.weight(pair.canary) >= before.weight(pair.canary) &&
         after.weight(service) <= before.weight(service) + others(before) - others(after);
}

}  // namespace

model::ServicePair Monitor::services() const {
  if (spec_.canary() == nullptr) return {};
  return routedServices(*spec_.canary(), status_.canary.stable_ping_pong, model::ServiceChoice::kPreferNamed);
}

std::optional<int> Monitor::shareOf(const std::string& hash) const {
  if (spec_.blueGreen() != nullptr) return selectorOf("shop-active") == hash ? 100 : 0;
  if (!parts_.scenario.routed) return std::nullopt;
  std::int64_t share = 0;
  for (const auto& [service, weight] : split_.weights) {
    if (selectorOf(service) == hash) share += split_.share(service);
  }
  return static_cast<int>(share);
}

int Monitor::liveShareOf(const std::string& hash) const {
  const std::optional<Split>& live = parts_.nodes.live();
  std::int64_t share = 0;
  if (!live) return 0;
  for (const auto& [service, weight] : live->weights) {
    if (selectorOf(service) == hash) share += live->share(service);
  }
  return static_cast<int>(share);
}

void Monitor::checkServed(const std::string& service, const std::string& hash) {
  if (wanted_.least(stale()) == 0) return;
  const bool stable = service == "shop-stable" && !parts_.scenario.routed;
  const bool live = service == "shop-active" || stable || split_.weight(service) > 0;
  if (!live) return;
  // A basic canary's services follow what is there; the first adoption has nothing to compare with.
  const Set* set = setOf(hash);
  if (set == nullptr || set->available.most(stale()) == 0) {
    breach(RuleId::kServesNothing, fmt::format("service {} is switched to {}", service, hash));
  }
}

// The route was written with other weights.
void Monitor::checkSplit(const Split& before) {
  if (wanted_.least(stale()) == 0) return;
  const model::ServicePair pair = services();
  for (const auto& [service, weight] : split_.weights) {
    if (weight <= before.weight(service) || isGivenBack(before, split_, service, pair)) continue;
    const std::string hash = selectorOf(service);
    const Set* set = setOf(hash);
    const bool own = service == pair.stable || service == pair.canary;
    // A stable service that was never switched selects what its owner said.
    const bool answers =
        own ? (set != nullptr && set->available.most(stale()) > 0) || (hash.empty() && service == pair.stable)
            : parts_.experiments.serves(service);
    if (!answers) {
      breach(RuleId::kServesNothing, fmt::format("weight of {} from {} to {}, but {} has nothing ready", service,
                                                 before.weight(service), weight, own ? hash : service));
    }
    if (service == pair.canary) checkCanaryWeight(before.weight(service), weight);
  }
}

void Monitor::checkCanaryWeight(std::int64_t before, std::int64_t after) {
  // A full promotion takes an abort back.
  if (aborted_.least(stale()) == 1 && !status_.promote_full) {
    breach(RuleId::kRaisedAborted, fmt::format("weight from {} to {}", before, after));
  }
  if (paused_.least(stale()) == 1) {
    breach(RuleId::kMovedWhilePaused, fmt::format("weight from {} to {}", before, after));
  }
  checkShare(selectorOf(services().canary), static_cast<int>(after), stale());
}

// Has the version had the pods for so many of 100 requests?
void Monitor::checkShare(const std::string& hash, int share, MonoTime since) {
  const std::int32_t most = spec_.canary() == nullptr ? 100 : spec_.canary()->maxWeight();
  const Set* set = setOf(hash);
  const std::int32_t available = set == nullptr ? 0 : set->available.most(since);
  const std::int32_t needed = rollout::shareOf({wanted_.least(since), share, most});
  if (available >= needed) return;
  // Where neither version suffices they share by what each has ready.
  const Set* stable = setOf(selectorOf(services().stable));
  const std::int32_t left = stable == nullptr || stable == set ? 0 : stable->available.least(since);
  const bool neither = left < rollout::shareOf({wanted_.least(since), most - share, most}) &&
                       std::int64_t{share} * (available + left) <= std::int64_t{most} * available;
  if (neither) return;
  breach(RuleId::kShareOfCapacity,
         fmt::format("{} of 100 requests for {} need {} pods, {} are available", share, hash, needed, available));
}

// Requests with a header go to the canary, whatever its weight.
void Monitor::checkManaged(const Split& before) {
  const bool header = before.by_header.empty() && !split_.by_header.empty();
  const bool mirror = before.mirrored.empty() && !split_.mirrored.empty();
  if (!header && !mirror) return;
  if (aborted_.least(stale()) == 1 && !status_.promote_full)
    breach(RuleId::kRaisedAborted, "a header or mirror route is set");
  if (!header || wanted_.least(stale()) == 0) return;
  const Set* set = setOf(selectorOf(*split_.by_header.begin()));
  if (set == nullptr || set->available.most(stale()) == 0)
    breach(RuleId::kServesNothing, "a header route leads to a version with nothing ready");
}

// The route was right when it was written; it has to be right as well when it takes effect, unless pods failed since.
void Monitor::checkLive(const Split& before, MonoTime asked_at) {
  const MonoTime since = asked_at - parts_.staleness();
  const Split& live = *parts_.nodes.live();
  if (wanted_.least(since) == 0) return;
  const model::ServicePair pair = services();
  for (const auto& [service, weight] : live.weights) {
    const bool own = service == pair.stable || service == pair.canary;
    if (!own || live.share(service) <= before.share(service) || selectorOf(service).empty()) continue;
    if (isGivenBack(before, live, service, pair)) continue;
    const Set* set = setOf(selectorOf(service));
    if (set == nullptr || set->available.most(since) == 0)
      breach(RuleId::kServesNothing, fmt::format("{} of 100 live requests for {}", live.share(service), service));
    if (service == pair.canary) checkShare(selectorOf(service), static_cast<int>(live.share(service)), since);
  }
}

// A version that was made smaller has to suffice for what the proxies still send it, as far as that is known.
void Monitor::checkLiveShare(const Set& set) {
  if (!parts_.nodes.honest() || aborted_.most(stale()) == 1) return;
  if (set.available.least(stale()) == 0) return;  // pods of which none serves can go
  const int share = liveShareOf(set.set.hash);
  if (share == 0) return;
  if (set.set.replicas == 0) {
    breach(RuleId::kScaledWhileServing, fmt::format("{} with {} of 100 live requests", set.set.name, share));
  }
  const std::int32_t needed = rollout::shareOf({wanted_.least(stale()), share, 100});
  if (set.set.replicas < needed) {
    breach(RuleId::kShareOfCapacity, fmt::format("{} is made {}, {} of 100 live requests need {}", set.set.name,
                                                 set.set.replicas, share, needed));
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
