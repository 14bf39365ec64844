#include "simulate/cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulate/draw.h"

namespace towpath::simulate {
namespace {

constexpr const char* kHash = "rollouts-pod-template-hash";

std::string_view ownerUid(const Value& object) {
  for (const Value& owner : object["metadata"]["ownerReferences"].asArray()) {
    if (owner["controller"].asBool()) return owner["uid"].asStringView();
  }
  return {};
}

}  // namespace

SimulatedCluster::SimulatedCluster(loop::Loop& loop, cluster::MemoryApi& api, const Scenario& scenario)
    : loop_(loop),
      api_(api),
      scenario_(scenario),
      random_(Random(scenario.seed).fork(scenario.ns == "default" ? "cluster" : scenario.ns)),
      agenda_(loop) {
  api_.listen([this](const cluster::MemoryApi::Change& change) { changed(change); });
}

void SimulatedCluster::changed(const cluster::MemoryApi::Change& change) {
  const Value& any = change.after.isNull() ? change.before : change.after;
  if (cluster::namespaceOf(any) != scenario_.ns) return;
  if (change.resource == cluster::kReplicaSets) {
    if (cluster::labelOf(any, kHash).empty()) return;  // a template that a Rollout names
    const std::string name(cluster::nameOf(any));
    if (change.after.isNull()) {
      agenda_.after(1ms, [this, name] { sets_.erase(name); });
      collect(change.before);
      return;
    }
    const bool same =
        change.before["metadata"]["generation"] == change.after["metadata"]["generation"] && !change.before.isNull();
    if (same) return;
    Set& set = sets_[name];
    set.name = name;
    set.uid = cluster::uidOf(any);
    set.hash = cluster::labelOf(any, kHash);
    set.version = versionOf(any.at({"spec", "template", "spec"})["containers"][0]["image"].asStringView());
    queue(set, random_.between(1ms, 50ms));
  } else if (change.resource == cluster::kPods) {
    const bool evicted = !change.after.isNull() && !change.after["metadata"]["deletionTimestamp"].isNull();
    if (!evicted) return;
    const std::string name(cluster::nameOf(any));
    agenda_.after(1ms, [this, name] {
      for (auto& [set_name, set] : sets_) {
        const auto found = set.pods.find(name);
        if (found != set.pods.end() && !found->second.ending) endPod(set, found->second);
      }
    });
  } else if (change.resource == cluster::kRollouts && change.after.isNull()) {
    collect(change.before);
  }
}

void SimulatedCluster::collect(const Value& gone) {
  const std::string uid(cluster::uidOf(gone));
  agenda_.after(random_.between(10ms, 1s), [this, uid] {
    for (const cluster::Resource* resource :
         {&cluster::kReplicaSets, &cluster::kAnalysisRuns, &cluster::kExperiments, &cluster::kPods}) {
      std::vector<std::string> names;
      for (const Value* object : api_.peekAll(*resource)) {
        if (ownerUid(*object) == uid && cluster::namespaceOf(*object) == scenario_.ns)
          names.emplace_back(cluster::nameOf(*object));
      }
      for (const std::string& name : names)
        (void)api_.removeNow(*resource, scenario_.ns, name, {.grace_period_seconds = 0});
    }
  });
}

void SimulatedCluster::queue(Set& set, Duration after) {
  if (set.queued) return;
  set.queued = true;
  agenda_.after(after, [this, name = set.name] { sync(name); });
}

void SimulatedCluster::lookAgain(Set& set, MonoTime at) {
  if (set.look_again > loop_.now() && set.look_again <= at) return;
  set.look_again = at;
  agenda_.after(at - loop_.now(), [this, name = set.name] { sync(name); });
}

// Ready pods are the last to go, as Kubernetes does it.
void SimulatedCluster::sync(const std::string& name) {
  const auto found = sets_.find(name);
  if (found == sets_.end()) return;
  Set& set = found->second;
  set.queued = false;
  const Value& object = api_.peek(cluster::kReplicaSets, scenario_.ns, name);
  if (object.isNull()) return;
  const auto wanted = static_cast<std::size_t>(object["spec"]["replicas"].asInt(1));
  std::vector<Pod*> active;
  for (auto& [pod_name, pod] : set.pods) {
    if (!pod.ending) active.push_back(&pod);
  }
  for (std::size_t i = active.size(); i < wanted; ++i) startPod(set);
  std::ranges::sort(active, {}, [](const Pod* pod) { return std::tuple(pod->ready_since.has_value(), pod->name); });
  for (std::size_t i = 0; i + wanted < active.size(); ++i) endPod(set, *active[i]);
  writeStatus(set, api_.peek(cluster::kReplicaSets, scenario_.ns, name));
}

void SimulatedCluster::writeStatus(Set& set, const Value& object) {
  if (object.isNull()) return;
  const Duration min_ready = std::chrono::seconds(object["spec"]["minReadySeconds"].asInt());
  std::int64_t replicas = 0, ready = 0, available = 0, ending = 0;
  for (const auto& [name, pod] : set.pods) {
    replicas += pod.ending ? 0 : 1;
    ending += pod.ending ? 1 : 0;
    if (pod.ending || !pod.ready_since) continue;
    ++ready;
    const Duration left = *pod.ready_since + min_ready - loop_.now();
    if (left <= Duration::zero())
      ++available;
    else
      lookAgain(set, loop_.now() + left);
  }
  Value status;
  status["replicas"] = replicas;
  status["readyReplicas"] = ready;
  status["availableReplicas"] = available;
  status["terminatingReplicas"] = ending;
  status["observedGeneration"] = object["metadata"]["generation"];
  (void)api_.patchNow(cluster::kReplicaSets, scenario_.ns, set.name, cluster::PatchType::kMerge,
                      Object{{"status", std::move(status)}}, {.subresource = "status"});
}

void SimulatedCluster::startPod(Set& set) {
  Pod pod{.name = fmt::format("{}-{}", set.name, next_pod_++), .started = loop_.now(), .created = loop_.wallNow()};
  Pod& kept = set.pods.emplace(pod.name, pod).first->second;
  planPod(set, kept);
  showPod(set, kept);
}

// When it becomes ready, if ever.
void SimulatedCluster::planPod(Set& set, Pod& pod) {
  pod.ready_since.reset();
  const int life = ++pod.life;
  const Health health = scenario_.health(set.version);
  Duration start = random_.between(200ms, 8s);
  if (health == Health::kSlow) start = random_.between(20s, 50s);
  if (health == Health::kBroken || broken_.contains(set.version)) return;
  agenda_.after(start, [this, set_name = set.name, name = pod.name, life] { setReady(set_name, name, life, true); });
}

void SimulatedCluster::setReady(const std::string& set_name, const std::string& name, int life, bool ready) {
  const auto set = sets_.find(set_name);
  if (set == sets_.end()) return;
  const auto found = set->second.pods.find(name);
  if (found == set->second.pods.end() || found->second.life != life || found->second.ending) return;
  Pod& pod = found->second;
  if (!ready) {
    planPod(set->second, pod);
  } else {
    pod.ready_since = loop_.now();
    const bool flaps = scenario_.health(set->second.version) == Health::kFlapping && !healed_;
    if (flaps) {
      agenda_.after(random_.between(5s, 40s), [this, set_name, name, life] {
        if (!healed_) setReady(set_name, name, life, false);
      });
    }
  }
  showPod(set->second, pod);
  queue(set->second, random_.between(1ms, 20ms));
}

void SimulatedCluster::endPod(Set& set, Pod& pod) {
  pod.ending = true;
  ++pod.life;
  queue(set, 1ms);
  agenda_.after(random_.between(100ms, 5s), [this, set_name = set.name, name = pod.name] {
    const auto found = sets_.find(set_name);
    if (found == sets_.end()) return;
    found->second.pods.erase(name);
    if (scenario_.with_pods) (void)api_.removeNow(cluster::kPods, scenario_.ns, name, {.grace_period_seconds = 0});
    queue(found->second, 1ms);
  });
}

void SimulatedCluster::showPod(const Set& set, const Pod& pod) {
  if (!scenario_.with_pods) return;
  if (api_.peek(cluster::kPods, scenario_.ns, pod.name).isNull()) {
    Value object;
    object["apiVersion"] = "v1";
    object["kind"] = "Pod";
    object["metadata"] = Object{{"name", pod.name}, {"namespace", scenario_.ns}};
    object["metadata"]["ownerReferences"] = Array{Object{
        {"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"name", set.name}, {"uid", set.uid}, {"controller", true}}};
    const Value& labels =
        api_.peek(cluster::kReplicaSets, scenario_.ns, set.name).at({"spec", "template", "metadata"})["labels"];
    object["metadata"]["labels"] = labels;
    object["spec"]["nodeName"] = "n1";
    (void)api_.createNow(cluster::kPods, std::move(object));
  }
  Value status;
  status["conditions"] = Array{Object{{"type", "Ready"},
                                      {"status", pod.ready_since ? "True" : "False"},
                                      {"lastTransitionTime", formatRfc3339(loop_.steadyNow())}}};
  (void)api_.patchNow(cluster::kPods, scenario_.ns, pod.name, cluster::PatchType::kMerge,
                      Object{{"status", std::move(status)}}, {.subresource = "status"});
}

SimulatedCluster::Set* SimulatedCluster::pick(int index) {
  std::vector<Set*> with_pods;
  for (auto& [name, set] : sets_) {
    if (!set.pods.empty()) with_pods.push_back(&set);
  }
  if (with_pods.empty()) return nullptr;
  return with_pods[static_cast<std::size_t>(index) % with_pods.size()];
}

bool SimulatedCluster::take(const Act& act) {
  switch (act.kind) {
    case ActKind::kPodCrash:
    case ActKind::kPodVanish: {
      Set* set = pick(act.amount);
      if (!set) return true;
      Pod& pod = set->pods.begin()->second;
      if (pod.ending) return true;
      if (act.kind == ActKind::kPodCrash)
        setReady(set->name, pod.name, pod.life, false);
      else
        endPod(*set, pod);
      return true;
    }
    case ActKind::kVersionBreaks:
      breakVersion(act.amount, act.lasts);
      return true;
    default:
      return false;
  }
}

void SimulatedCluster::heal() {
  healed_ = true;
  while (!broken_.empty()) mendVersion(*broken_.begin());
}

void SimulatedCluster::breakVersion(int version, Duration lasts) {
  broken_.insert(version);
  for (auto& [name, set] : sets_) {
    if (set.version != version) continue;
    for (auto& [pod_name, pod] : set.pods) {
      if (!pod.ending) setReady(name, pod_name, pod.life, false);
    }
  }
  agenda_.after(lasts, [this, version] { mendVersion(version); });
}

void SimulatedCluster::mendVersion(int version) {
  if (broken_.erase(version) == 0) return;
  for (auto& [name, set] : sets_) {
    if (set.version != version) continue;
    for (auto& [pod_name, pod] : set.pods) {
      if (!pod.ending) planPod(set, pod);
    }
  }
}

int SimulatedCluster::version(const std::string& hash) const {
  const auto found = std::ranges::find_if(sets_, [&](const auto& each) { return each.second.hash == hash; });
  return found == sets_.end() ? 0 : found->second.version;
}

std::map<std::string, int> SimulatedCluster::running() const {
  std::map<std::string, int> counts;
  for (const auto& [name, set] : sets_) {
    if (!set.pods.empty()) counts[set.hash] += static_cast<int>(set.pods.size());
  }
  return counts;
}

}  // namespace towpath::simulate
