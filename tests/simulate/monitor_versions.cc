// What a version is: which one runs, what its pods bear, and what ran before it came.
#include <fmt/format.h>

#include <algorithm>

#include "simulate/draw.h"
#include "simulate/monitor.h"

namespace towpath::simulate {
namespace {

constexpr const char* kRole = "role";

std::string roleIn(const std::optional<model::ObjectMetadata>& block) {
  if (!block) return "";
  const auto found = block->labels.find(kRole);
  return found == block->labels.end() ? "" : found->second;
}

bool inProgress(const model::RolloutStatus& status) {
  if (status.stable_rs.empty() || status.stable_rs == status.current_pod_hash || status.abort) return false;
  return !hasReason(status.conditions, model::condition::kProgressing, model::reason::kProgressDeadlineExceeded);
}

}  // namespace

// Forgiven when it is written, or when people ask for something else.
void Monitor::noteRefused(const std::string& hash) {
  if (byController()) {
    if (!hash.empty() && hash != refused_hash_) {
      refused_hash_ = hash;
      refused_version_ = parts_.person.wantedVersion();
    }
  } else if (hash.empty() || parts_.person.wantedVersion() != refused_version_) {
    refused_hash_.clear();
  }
}

void Monitor::checkNewVersion(const model::RolloutStatus& before) {
  const std::string& hash = status_.current_pod_hash;
  const model::OnNewVersion policy = extensions_.on_new_version;
  if (hash == before.current_pod_hash || before.current_pod_hash.empty() || policy == model::OnNewVersion::kReplace)
    return;
  const Set* wanted = setOf(hash);
  const Set* stable = setOf(before.stable_rs);
  const bool back = wanted != nullptr && stable != nullptr && wanted->set.creation_time <= stable->set.creation_time;
  if (back) return;
  const bool refused = policy == model::OnNewVersion::kReject && hash == refused_hash_;
  if (!refused && !inProgress(before)) return;
  breach(RuleId::kNewVersion,
         fmt::format("{} starts {}", hash,
                     refused ? "although it was refused" : "during the update to " + before.current_pod_hash));
}

// A template that does not run has to be one that waits or was refused, and is told so.
std::string Monitor::wrongVersion() const {
  const Set* current = setOf(status_.current_pod_hash);
  if (current == nullptr || current->version == parts_.person.wantedVersion()) return "";
  const char* type = model::condition::kNewVersionQueued;
  if (extensions_.on_new_version == model::OnNewVersion::kReject) type = model::condition::kNewVersionRejected;
  const std::string what =
      fmt::format("v{} is asked for, v{} is what runs", parts_.person.wantedVersion(), current->version);
  if (extensions_.on_new_version == model::OnNewVersion::kReplace) return what;
  if (findCondition(status_.conditions, type) == nullptr) return what + ", and no condition says why";
  const bool ended = extensions_.on_new_version == model::OnNewVersion::kQueue && !inProgress(status_);
  return ended ? what + " after the end of the update" : "";
}

std::string Monitor::wrongMetadata() const {
  std::optional<model::ObjectMetadata> stable_block, fresh_block;
  if (const model::CanaryStrategy* canary = spec_.canary()) {
    stable_block = canary->stable_metadata;
    fresh_block = canary->canary_metadata;
  } else if (const model::BlueGreenStrategy* blue_green = spec_.blueGreen()) {
    stable_block = blue_green->active_metadata;
    fresh_block = blue_green->preview_metadata;
  }
  if (status_.stable_rs.empty()) return "";
  for (const auto& [name, set] : sets_) {
    std::string role = "";
    if (set.set.hash == status_.stable_rs)
      role = roleIn(stable_block);
    else if (set.set.hash == status_.current_pod_hash)
      role = roleIn(fresh_block);
    const std::string is = roleIn(set.set.ephemeral_metadata);
    if (is != role) return fmt::format("{} bears the role \"{}\", not \"{}\"", name, is, role);
  }
  for (const Value* pod : all(cluster::kPods)) {
    if (!(*pod)["metadata"]["deletionTimestamp"].isNull()) continue;
    for (const auto& [name, set] : sets_) {
      const bool owned = (*pod)["metadata"]["ownerReferences"][0]["uid"].asStringView() == set.set.uid;
      if (owned && cluster::labelOf(*pod, kRole) != roleIn(set.set.ephemeral_metadata))
        return fmt::format("pod {} bears the role \"{}\"", cluster::nameOf(*pod), cluster::labelOf(*pod, kRole));
    }
  }
  return "";
}

void Monitor::workloadChanged(const Value& before, const Value& after) {
  if (parts_.writer == Writer::kPerson) noteRefused(extensions_.rejected_hash);
  if (!byController() || before.isNull() || after.isNull()) return;
  const std::int64_t left = after["spec"]["replicas"].asInt(1);
  if (left == before["spec"]["replicas"].asInt(1)) return;
  const std::string& mode = spec_.workload_ref->scale_down;
  const std::string text = fmt::format("\"{}\": from {} to {}", mode, before["spec"]["replicas"].asInt(1), left);
  if (mode != "onsuccess" && mode != "progressively") breach(RuleId::kWorkload, text);
  if (healthy_.most(stale()) == 1) return;
  if (mode == "onsuccess") breach(RuleId::kWorkload, text + ", not healthy yet");
  if (left + ready_.most(stale()) < wanted_.least(stale()))
    breach(RuleId::kWorkload, fmt::format("{}, and {} pods are ready", text, ready_.most(stale())));
}

std::string Monitor::wrongWorkload() const {
  if (parts_.scenario.workload_kind != cluster::kDeployments) return "";
  const std::int64_t was = std::as_const(parts_.scenario.workload)["spec"]["replicas"].asInt(1);
  const std::int64_t is =
      parts_.api.peek(cluster::kDeployments, parts_.scenario.ns, "shop-workload")["spec"]["replicas"].asInt(1);
  const std::string& mode = spec_.workload_ref->scale_down;
  const bool leaves = mode == "onsuccess" || mode == "progressively";
  if (!leaves) return is == was ? "" : fmt::format("the Deployment has {} replicas, not {}", is, was);
  // Only the first revision takes over.
  const bool taken_over = status_.phase == model::RolloutPhase::kHealthy && sets_.size() == 1;
  return taken_over && is != 0 ? fmt::format("the Deployment has {} replicas left", is) : "";
}

}  // namespace towpath::simulate
