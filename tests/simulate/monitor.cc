#include "simulate/monitor.h"

#include <fmt/format.h>

#include "api/extensions.h"
#include "api/rollout_view.h"
#include "api/workload_view.h"
#include "engine/rollout/invariants.h"
#include "engine/rollout/replicas.h"
#include "simulate/draw.h"

namespace towpath::simulate {
namespace {

constexpr const char* kHash = "rollouts-pod-template-hash";
constexpr int kDecisionsAtOnce = 400;

const Value& image(const Value& object) { return object.at({"spec", "template", "spec"})["containers"][0]["image"]; }

}  // namespace

Monitor::Monitor(Parts parts) : parts_(std::move(parts)), start_(parts_.loop.now()) {
  parts_.api.listen([this](const cluster::MemoryApi::Change& change) { changed(change); });
}

void Monitor::breach(RuleId id, std::string text) {
  if (first_) return;
  if (rule(id).tag == Tag::kWithSwitch && parts_.scenario.profile != Profile::kStrict) return;
  first_ = Breach{id, std::move(text), parts_.loop.now() - start_};
}

void Monitor::decided(const rollout::World& world, const rollout::Decision& decision, WallTime now) {
  for (std::string& text : rollout::checkInvariants(world, decision, now)) breach(RuleId::kDecision, std::move(text));
  if (parts_.loop.now() != moment_) {
    moment_ = parts_.loop.now();
    decisions_now_ = 0;
  }
  if (++decisions_now_ > kDecisionsAtOnce) {
    std::string last = decision.actions.empty() ? "nothing" : rollout::toString(decision.actions.front());
    breach(RuleId::kBusy, fmt::format("{} decisions at one moment, the last one: {}", decisions_now_, last));
  }
}

void Monitor::look() {
  if (!recreate_ || parts_.two_at_once()) return;
  const std::map<std::string, int> running = parts_.cluster.running();
  if (running.size() < 2) return;
  std::string text;
  for (const auto& [hash, pods] : running) text += fmt::format("{} pods of {} ", pods, hash);
  breach(RuleId::kOverlap, text);
}

std::vector<const Value*> Monitor::all(const cluster::Resource& resource) const {
  std::vector<const Value*> objects = parts_.api.peekAll(resource);
  std::erase_if(objects, [this](const Value* object) { return !isOurs(*object); });
  return objects;
}

void Monitor::changed(const cluster::MemoryApi::Change& change) {
  const Value& any = change.after.isNull() ? change.before : change.after;
  if (!isOurs(any)) return;
  const bool workload = parts_.scenario.workload_kind && change.resource == *parts_.scenario.workload_kind &&
                        cluster::nameOf(any) == "shop-workload";
  if (workload) {
    workloadChanged(change.before, change.after);
  } else if (change.resource == cluster::kReplicaSets) {
    setChanged(change.before, change.after);
  } else if (change.resource == cluster::kServices) {
    serviceChanged(change.before, change.after);
  } else if (change.resource == cluster::kHttpRoutes) {
    routeChanged(change.before, change.after);
  } else if (change.resource == cluster::kRollouts) {
    rolloutChanged(change.before, change.after);
  } else if (change.resource == cluster::kAnalysisRuns) {
    runChanged(change.before, change.after);
  }
  if (!byController() || change.resource == cluster::kEvents) return;
  const bool measurement =
      change.resource == cluster::kAnalysisRuns && !change.before.isNull() && !any["status"].isNull();
  if (measurement) return;
  ++writes_;
  last_write_ = parts_.loop.now();
}

void Monitor::setChanged(const Value& before, const Value& after) {
  if (after.isNull()) {
    sets_.erase(std::string(cluster::nameOf(before)));
    return;
  }
  Set& set = sets_[std::string(cluster::nameOf(after))];
  const std::int32_t size_before = set.set.replicas;
  set.set = api::decodeReplicaSet(after);
  set.version = versionOf(image(after).asStringView());
  set.available.set(parts_.loop.now(), set.set.available_replicas);
  std::int32_t ready = 0;
  for (const auto& [name, each] : sets_) ready += each.set.ready_replicas;
  ready_.set(parts_.loop.now(), ready);
  if (!byController()) return;
  if (before.isNull()) {
    for (const auto& [name, other] : sets_) {
      if (name != set.set.name && other.version == set.version && !other.set.deleting) {
        breach(RuleId::kTwoSets, fmt::format("{} beside {}, both v{}", set.set.name, name, set.version));
      }
    }
  } else if (set.set.replicas != size_before) {
    checkScaled(set, size_before);
  }
}

void Monitor::serviceChanged(const Value& before, const Value& after) {
  if (after.isNull()) return;
  const std::string name(cluster::nameOf(after));
  const std::string hash = after["spec"]["selector"][kHash].asString();
  const std::string from = before["spec"]["selector"][kHash].asString();
  selectors_[name] = hash;
  if (!byController() || hash == from || hash.empty()) return;
  checkServed(name, hash);
  const bool turns = name == "shop-ping" || name == "shop-pong";
  if (turns && !from.empty() && (split_.weight(name) > 0 || split_.by_header.contains(name)))
    breach(RuleId::kPingPong, fmt::format("{} from {} to {}", name, from, hash));
  if (name == "shop-active") checkActiveSwitch(from, hash);
}

void Monitor::routeChanged(const Value&, const Value& after) {
  if (after.isNull()) return;
  const Split before = std::exchange(split_, readSplit(after));
  header_.set(parts_.loop.now(), split_.by_header.empty() ? 0 : 1);
  mirror_.set(parts_.loop.now(), split_.mirrored.empty() ? 0 : 1);
  if (!byController() || before == split_) return;
  checkSplit(before);
  checkManaged(before);
}

void Monitor::respecify(const Value& rollout) {
  const MonoTime now = parts_.loop.now();
  spec_ = api::decodeRolloutSpec(rollout);
  recreate_ = cluster::annotationOf(rollout, "towpath.dev/strategy") == "recreate";
  wanted_.set(now, spec_.wantedReplicas());
  paused_.set(now, spec_.paused ? 1 : 0);
  const model::CanaryStrategy* canary = spec_.canary();
  if (canary == nullptr) return;
  const auto budget = rollout::resolveBudget(canary->max_surge, canary->max_unavailable, spec_.wantedReplicas());
  surge_.set(now, spec_.wantedReplicas() + budget.surge);
  unavailable_.set(now, spec_.wantedReplicas() - budget.unavailable);
}

void Monitor::rolloutChanged(const Value& before, const Value& after) {
  if (after.isNull()) return;
  const model::RolloutStatus status_before = status_;
  const model::RolloutSpec spec_before = spec_;
  const bool respecified = before["metadata"]["generation"] != after["metadata"]["generation"] || before.isNull();
  const MonoTime now = parts_.loop.now();
  if (respecified) respecify(after);
  extensions_ = api::decodeExtensions(after);
  noteRefused(extensions_.rejected_hash);
  status_ = api::decodeRolloutStatus(after);
  aborted_.set(now, status_.abort ? 1 : 0);
  healthy_.set(now, status_.phase == model::RolloutPhase::kHealthy ? 1 : 0);
  const bool invalid = findCondition(status_.conditions, model::condition::kInvalidSpec) != nullptr;
  invalid_.set(now, invalid ? 1 : 0);
  const bool unclear = hasPause(status_, model::PauseReason::kInconclusiveAnalysisRun) ||
                       hasPause(status_, model::PauseReason::kInconclusiveExperiment);
  unclear_.set(now, unclear ? 1 : 0);
  if (!byController()) {
    if (parts_.writer == Writer::kPerson) notePerson(status_before, spec_before);
    return;
  }
  if (status_ == status_before) return;
  checkStatus(status_before);
  checkAbort(status_before);
  checkRoutesAfterAbort(status_before);
  checkNewVersion(status_before);
  checkAdvance(status_before);
  checkPromoted(status_before);
  notePauses(status_before);
}

void Monitor::runChanged(const Value& before, const Value& after) {
  if (!before.isNull() || after.isNull() || !byController() || parts_.two_at_once()) return;
  const auto purpose = [](const Value& run) {
    const Value& labels = run["metadata"]["labels"];
    return std::tuple(labels["rollout-type"].asString(), labels["step-index"].asString(), labels[kHash].asString());
  };
  for (const Value* other : all(cluster::kAnalysisRuns)) {
    if (cluster::uidOf(*other) == cluster::uidOf(after) || purpose(*other) != purpose(after)) continue;
    const bool ends = (*other)["spec"]["terminate"].asBool();
    if (ends || model::isCompleted(model::parseAnalysisPhase((*other)["status"]["phase"].asStringView()))) continue;
    breach(RuleId::kTwoRuns, fmt::format("{} beside {}", cluster::nameOf(after), cluster::nameOf(*other)));
  }
}

const Monitor::Set* Monitor::setOf(const std::string& hash) const {
  for (const auto& [name, set] : sets_) {
    if (set.set.hash == hash && !hash.empty()) return &set;
  }
  return nullptr;
}

std::string Monitor::selectorOf(const std::string& service) const {
  const auto found = selectors_.find(service);
  return found == selectors_.end() ? "" : found->second;
}

std::optional<model::AnalysisPhase> Monitor::newestRun(const char* type, const std::string& hash,
                                                       std::optional<std::int32_t> step) const {
  std::string_view newest;
  std::optional<model::AnalysisPhase> phase;
  for (const Value* run : all(cluster::kAnalysisRuns)) {
    const Value& labels = (*run)["metadata"]["labels"];
    if (labels["rollout-type"].asStringView() != type || labels[kHash].asStringView() != hash) continue;
    if (step && labels["step-index"].asStringView() != std::to_string(*step)) continue;
    // Uids rise with time here.
    if (cluster::uidOf(*run) < newest) continue;
    newest = cluster::uidOf(*run);
    phase = model::parseAnalysisPhase((*run)["status"]["phase"].asStringView());
  }
  return phase;
}

// Named "shop-<hash>-<revision>-<step>", with "-1", … where that was taken.
std::optional<model::AnalysisPhase> Monitor::newestExperiment(const std::string& hash, std::int32_t step) const {
  const std::string prefix = fmt::format("shop-{}-", hash);
  std::string_view newest;
  std::optional<model::AnalysisPhase> phase;
  for (const Value* experiment : all(cluster::kExperiments)) {
    std::string_view rest = cluster::nameOf(*experiment);
    if (!rest.starts_with(prefix)) continue;
    rest.remove_prefix(prefix.size());
    rest.remove_prefix(std::min(rest.find('-') + 1, rest.size()));
    if (rest.substr(0, rest.find('-')) != std::to_string(step) || cluster::uidOf(*experiment) < newest) continue;
    newest = cluster::uidOf(*experiment);
    phase = model::parseAnalysisPhase((*experiment)["status"]["phase"].asStringView());
  }
  return phase;
}

}  // namespace towpath::simulate
