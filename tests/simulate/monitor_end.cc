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
  const std::vector<const Value*> runs = all(cluster::kAnalysisRuns);
  return std::ranges::any_of(runs, [which](const Value* run) {
    if (model::isCompleted(model::parseAnalysisPhase((*run)["status"]["phase"].asStringView()))) return false;
    return which == Runs::kAll || (*run)["metadata"]["labels"]["rollout-type"].asStringView() != "Background";
  });
}

// Of an update that is over: routes, runs, plugins and experiments of it.
std::string Monitor::leftBehind() const {
  if (parts_.scenario.routed) {
    const std::int64_t weight = split_.weight(services().canary);
    if (weight != 0) return fmt::format("the canary still has weight {}", weight);
    if (split_.hasManaged()) return "a header or mirror route is left";
    if (split_.weights.size() > 2) return "an experiment's service is left in the route";
  }
  for (const Value* run : all(cluster::kAnalysisRuns)) {
    const bool done = model::isCompleted(model::parseAnalysisPhase((*run)["status"]["phase"].asStringView()));
    if (!done) return fmt::format("{} still measures", cluster::nameOf(*run));
  }
  for (const Value* experiment : all(cluster::kExperiments)) {
    const bool done = model::isCompleted(model::parseAnalysisPhase((*experiment)["status"]["phase"].asStringView()));
    if (!done && !(*experiment)["spec"]["terminate"].asBool())
      return fmt::format("{} still runs", cluster::nameOf(*experiment));
  }
  // What a coordinator has not told a plugin before it died it does not know any more.
  const std::vector<std::string> works = parts_.plugins.works(parts_.scenario.ns);
  if (!works.empty() && !died_) return "a plugin still works on " + works.front();
  return "";
}

std::string Monitor::wrongCounts() const {
  std::int32_t current = 0, ready = 0;
  for (const auto& [name, set] : sets_) {
    current += set.set.current_replicas;
    ready += set.set.ready_replicas;
  }
  if (spec_.blueGreen() != nullptr) return "";
  if (std::string text = expect("status.replicas", status_.replicas, current); !text.empty()) return text;
  return expect("status.readyReplicas", status_.ready_replicas, ready);
}

// Healthy, or aborted: stable has everything.
std::string Monitor::wrongStable() const {
  const std::int32_t wanted = spec_.wantedReplicas();
  const bool healthy = status_.phase == model::RolloutPhase::kHealthy;
  if (healthy && status_.stable_rs != status_.current_pod_hash) return "healthy, but the new version is not stable";
  const Set* stable = setOf(status_.stable_rs);
  if (stable == nullptr) return "there is no stable ReplicaSet";
  if (stable->set.replicas != wanted) return fmt::format("stable has {} of {} pods", stable->set.replicas, wanted);
  if (healthy && stable->set.available_replicas < wanted) return "healthy, but pods are missing";
  for (const auto& [service, hash] : selectors_) {
    const bool serves = service == "shop-active" || service == "shop-stable" || service == services().stable;
    if (serves && wanted > 0 && hash != status_.stable_rs) return fmt::format("{} points to {}", service, hash);
  }
  return leftBehind();
}

// A spec that is invalid keeps nobody from the way back.
std::string Monitor::wrongWhileInvalid() const {
  const bool midway = !status_.stable_rs.empty() && status_.stable_rs != status_.current_pod_hash;
  if (!status_.abort || !midway) return "";
  if (!status_.aborted_at) return "the abort of an invalid rollout is not carried out";
  if (parts_.scenario.routed && split_.weight(services().canary) != 0) return "the canary of an abort still has weight";
  if (spec_.blueGreen() != nullptr && selectorOf("shop-active") != status_.stable_rs)
    return "the active service is not back at the stable version";
  return split_.hasManaged() ? "a header or mirror route is left" : "";
}

std::string Monitor::contradiction() const {
  if (findCondition(status_.conditions, model::condition::kInvalidSpec) != nullptr) return wrongWhileInvalid();
  const bool over = status_.phase == model::RolloutPhase::kHealthy || (status_.abort && !status_.stable_rs.empty());
  for (const auto check :
       {&Monitor::wrongCounts, &Monitor::wrongVersion, &Monitor::wrongMetadata, &Monitor::wrongWorkload}) {
    if (std::string text = (this->*check)(); !text.empty()) return text;
  }
  return over ? wrongStable() : "";
}

}  // namespace towpath::simulate
