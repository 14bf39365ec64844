// At rest: what runs and serves must be what the phase says.
#include <fmt/format.h>

#include <algorithm>

#include "simulate/monitor.h"

namespace towpath::simulate {
namespace {

std::string expect(const char* what, std::int64_t is, std::int64_t wanted) {
  return is == wanted ? "" : fmt::format("{} is {}, not {}", what, is, wanted);
}

}  // namespace

int Monitor::stableVersion() const {
  const Set* stable = setOf(status_.stable_rs);
  return stable == nullptr ? 0 : stable->version;
}

bool Monitor::measures(Runs which) const {
  const std::vector<const Value*> runs = parts_.api.peekAll(cluster::kAnalysisRuns);
  return std::ranges::any_of(runs, [which](const Value* run) {
    if (model::isCompleted(model::parseAnalysisPhase((*run)["status"]["phase"].asStringView()))) return false;
    return which == Runs::kAll || (*run)["metadata"]["labels"]["rollout-type"].asStringView() != "Background";
  });
}

std::string Monitor::contradiction() const {
  const std::int32_t wanted = spec_.wantedReplicas();
  std::int32_t current = 0, ready = 0;
  for (const auto& [name, set] : sets_) {
    current += set.set.current_replicas;
    ready += set.set.ready_replicas;
  }
  if (status_.phase == model::RolloutPhase::kDegraded &&
      findCondition(status_.conditions, model::condition::kInvalidSpec) != nullptr) {
    return "";
  }
  if (spec_.blueGreen() == nullptr) {
    if (std::string text = expect("status.replicas", status_.replicas, current); !text.empty()) return text;
    if (std::string text = expect("status.readyReplicas", status_.ready_replicas, ready); !text.empty()) return text;
  }
  const bool healthy = status_.phase == model::RolloutPhase::kHealthy;
  const bool aborted = status_.abort && !status_.stable_rs.empty();
  if (!healthy && !aborted) return "";
  if (healthy && status_.stable_rs != status_.current_pod_hash) return "healthy, but the new version is not stable";
  const Set* stable = setOf(status_.stable_rs);
  if (stable == nullptr) return "there is no stable ReplicaSet";
  if (stable->set.replicas != wanted) return fmt::format("stable has {} of {} pods", stable->set.replicas, wanted);
  if (healthy && stable->set.available_replicas < wanted) return "healthy, but pods are missing";
  if (parts_.scenario.routed && weight_ != 0) return fmt::format("the canary still has weight {}", weight_);
  for (const auto& [service, hash] : selectors_) {
    const bool serves = service == "shop-active" || service == "shop-stable";
    if (serves && wanted > 0 && hash != status_.stable_rs) return fmt::format("{} points to {}", service, hash);
  }
  for (const Value* run : parts_.api.peekAll(cluster::kAnalysisRuns)) {
    const bool done = model::isCompleted(model::parseAnalysisPhase((*run)["status"]["phase"].asStringView()));
    if (!done) return fmt::format("{} still measures", cluster::nameOf(*run));
  }
  return "";
}

}  // namespace towpath::simulate
