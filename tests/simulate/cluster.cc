#include "simulate/cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "simulate/draw.h"

namespace towpath::simulate {
namespace {

constexpr const char* kHash = "rollouts-pod-template-hash";
constexpr const char* kNamespace = "default";

std::string_view ownerUid(const Value& object) {
  for (const Value& owner : object["metadata"]["ownerReferences"].asArray()) {
    if (owner["controller"].asBool()) return owner["uid"].asStringView();
  }
  return {};
}

}  // namespace

SimulatedCluster::SimulatedCluster(loop::Loop& loop, cluster::MemoryApi& api, const Scenario& scenario)
    : loop_(loop), api_(api), scenario_(scenario), random_(Random(scenario.seed).fork("cluster")) {
  api_.listen([this](const cluster::MemoryApi::Change& change) { changed(change); });
}

void SimulatedCluster::afterwards(Duration after, std::function<void()> call) {
  const std::uint64_t id = next_timer_++;
  timers_.emplace(id, loop_.startTimer(after, [this, id, call = std::move(call)] {
    const std::function<void()> due = call;
    timers_.erase(id);
    due();
  }));
}

void SimulatedCluster::changed(const cluster::MemoryApi::Change& change) {
  const Value& any = change.after.isNull() ? change.before : change.after;
  if (change.resource == cluster::kReplicaSets) {
    const std::string name(cluster::nameOf(any));
    if (change.after.isNull()) {
      afterwards(1ms, [this, name] { sets_.erase(name); });
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
    afterwards(1ms, [this, name] {
      for (auto& [set_name, set] : sets_) {
        const auto found = set.pods.find(name);
        if (found != set.pods.end() && !found->second.ending) endPod(set, found->second);
      }
    });
  } else if (change.resource == cluster::kHttpRoutes && scenario_.reports != traffic::RouteReports::kNone) {
    if (report_queued_) return;
    report_queued_ = true;
    afterwards(random_.between(20ms, 3s), [this] { report(); });
  } else if (change.resource == cluster::kRollouts && change.after.isNull()) {
    collect(change.before);
  }
}

void SimulatedCluster::collect(const Value& gone) {
  const std::string uid(cluster::uidOf(gone));
  afterwards(random_.between(10ms, 1s), [this, uid] {
    for (const cluster::Resource* resource : {&cluster::kReplicaSets, &cluster::kAnalysisRuns, &cluster::kPods}) {
      std::vector<std::string> names;
      for (const Value* object : api_.peekAll(*resource)) {
        if (ownerUid(*object) == uid) names.emplace_back(cluster::nameOf(*object));
      }
      for (const std::string& name : names)
        (void)api_.removeNow(*resource, kNamespace, name, {.grace_period_seconds = 0});
    }
  });
}

void SimulatedCluster::queue(Set& set, Duration after) {
  if (set.queued) return;
  set.queued = true;
  afterwards(after, [this, name = set.name] { sync(name); });
}

void SimulatedCluster::lookAgain(Set& set, MonoTime at) {
  if (set.look_again > loop_.now() && set.look_again <= at) return;
  set.look_again = at;
  afterwards(at - loop_.now(), [this, name = set.name] { sync(name); });
}

// Ready pods are the last to go, as Kubernetes does it.
void SimulatedCluster::sync(const std::string& name) {
  const auto found = sets_.find(name);
  if (found == sets_.end()) return;
  Set& set = found->second;
  set.queued = false;
  const Value& object = api_.peek(cluster::kReplicaSets, kNamespace, name);
  if (object.isNull()) return;
  const auto wanted = static_cast<std::size_t>(object["spec"]["replicas"].asInt(1));
  std::vector<Pod*> active;
  for (auto& [pod_name, pod] : set.pods) {
    if (!pod.ending) active.push_back(&pod);
  }
  for (std::size_t i = active.size(); i < wanted; ++i) startPod(set);
  std::ranges::sort(active, {}, [](const Pod* pod) { return std::tuple(pod->ready_since.has_value(), pod->name); });
  for (std::size_t i = 0; i + wanted < active.size(); ++i) endPod(set, *active[i]);
  writeStatus(set, api_.peek(cluster::kReplicaSets, kNamespace, name));
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
  (void)api_.patchNow(cluster::kReplicaSets, kNamespace, set.name, cluster::PatchType::kMerge,
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
  if (health == Health::kBroken) return;
  afterwards(start, [this, set_name = set.name, name = pod.name, life] { setReady(set_name, name, life, true); });
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
      afterwards(random_.between(5s, 40s), [this, set_name, name, life] {
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
  afterwards(random_.between(100ms, 5s), [this, set_name = set.name, name = pod.name] {
    const auto found = sets_.find(set_name);
    if (found == sets_.end()) return;
    found->second.pods.erase(name);
    if (scenario_.with_pods) (void)api_.removeNow(cluster::kPods, kNamespace, name, {.grace_period_seconds = 0});
    queue(found->second, 1ms);
  });
}

void SimulatedCluster::showPod(const Set& set, const Pod& pod) {
  if (!scenario_.with_pods) return;
  if (api_.peek(cluster::kPods, kNamespace, pod.name).isNull()) {
    Value object;
    object["apiVersion"] = "v1";
    object["kind"] = "Pod";
    object["metadata"] = Object{{"name", pod.name}, {"namespace", kNamespace}};
    object["metadata"]["ownerReferences"] = Array{Object{
        {"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"name", set.name}, {"uid", set.uid}, {"controller", true}}};
    object["spec"]["nodeName"] = "n1";
    (void)api_.createNow(cluster::kPods, std::move(object));
  }
  Value status;
  status["conditions"] = Array{Object{{"type", "Ready"},
                                      {"status", pod.ready_since ? "True" : "False"},
                                      {"lastTransitionTime", formatRfc3339(loop_.steadyNow())}}};
  (void)api_.patchNow(cluster::kPods, kNamespace, pod.name, cluster::PatchType::kMerge,
                      Object{{"status", std::move(status)}}, {.subresource = "status"});
}

// One node stands for all: what it carries out is the route as it is, unless it is silent or lies.
void SimulatedCluster::report() {
  report_queued_ = false;
  if (loop_.now() < silent_until_) {
    report_queued_ = true;
    afterwards(silent_until_ - loop_.now() + 1ms, [this] { report(); });
    return;
  }
  const Value& route = api_.peek(cluster::kHttpRoutes, kNamespace, "shop");
  if (route.isNull()) return;
  std::int64_t canary = 0, sum = 0;
  for (const Value& backend : route["spec"]["rules"][0]["backendRefs"].asArray()) {
    sum += backend["weight"].asInt();
    if (backend["name"].asStringView() == "shop-canary") canary = backend["weight"].asInt();
  }
  const bool lies = loop_.now() < lying_until_;
  if (!lies) live_weight_ = canary;
  const double share = sum == 0 ? 0 : static_cast<double>(canary) / static_cast<double>(sum);
  Value node;
  node["node"] = "n1";
  node["generation"] = route["metadata"]["generation"];
  node["weights"] = Array{Object{{"service", "shop-canary"}, {"share", share}}};
  Value status;
  status["towpath"]["nodes"] = Array{std::move(node)};
  (void)api_.patchNow(cluster::kHttpRoutes, kNamespace, "shop", cluster::PatchType::kMerge,
                      Object{{"status", std::move(status)}}, {.subresource = "status"});
  if (!lies) return;
  report_queued_ = true;
  afterwards(lying_until_ - loop_.now() + 1ms, [this] { report(); });
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
    case ActKind::kNodesSilent:
      silent_until_ = loop_.now() + act.lasts;
      return true;
    case ActKind::kNodesLie:
      lying_until_ = loop_.now() + act.lasts;
      return true;
    default:
      return false;
  }
}

void SimulatedCluster::heal() {
  healed_ = true;
  silent_until_ = lying_until_ = loop_.now();
}

std::map<std::string, int> SimulatedCluster::running() const {
  std::map<std::string, int> counts;
  for (const auto& [name, set] : sets_) {
    if (!set.pods.empty()) counts[set.hash] += static_cast<int>(set.pods.size());
  }
  return counts;
}

}  // namespace towpath::simulate
