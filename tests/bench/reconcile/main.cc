// bench-reconcile: what a look at a settled Rollout costs, that is a pass of its controller that changes nothing: a
// routed canary with two ReplicaSets, two services and a route, over an API in memory in virtual time. Prints one JSON
// object.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "cluster/memory_api.h"
#include "json/serialize.h"
#include "json/yaml.h"
#include "loop/virtual_loop.h"
#include "support/controllers.h"

using namespace towpath;

namespace {

constexpr int kRollouts = 200;
constexpr int kRounds = 50;
constexpr Duration kResync = 15min;  // of a settled Rollout

Value object(const char* text, int number) {
  std::string yaml = text;
  for (std::size_t at = 0; (at = yaml.find("NAME", at)) != std::string::npos;)
    yaml.replace(at, 4, fmt::format("shop-{}", number));
  return json::parseYamlDocument(yaml).value();
}

constexpr const char* kRollout = R"(
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: NAME, namespace: default}
spec:
  replicas: 5
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
      - name: web
        image: registry.example/shop:1
        ports: [{containerPort: 8080}]
        env: [{name: LEVEL, value: info}, {name: REGION, value: north}]
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 5}
  strategy:
    canary:
      stableService: NAME-stable
      canaryService: NAME-canary
      trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: NAME}}}
      steps: [{setWeight: 20}, {pause: {duration: 1}}, {setWeight: 50}, {pause: {duration: 1}}]
)";
constexpr const char* kStable = R"(
apiVersion: v1
kind: Service
metadata: {name: NAME-stable, namespace: default}
spec: {selector: {app: NAME}, ports: [{port: 80}]}
)";
constexpr const char* kCanary = R"(
apiVersion: v1
kind: Service
metadata: {name: NAME-canary, namespace: default}
spec: {selector: {app: NAME}, ports: [{port: 80}]}
)";
constexpr const char* kRoute = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: NAME, namespace: default}
spec: {rules: [{backendRefs: [{name: NAME-stable, port: 80, weight: 100}, {name: NAME-canary, port: 80, weight: 0}]}]}
)";

// Pods are as their ReplicaSet wants them.
void runPods(cluster::MemoryApi& api) {
  for (const Value* set : api.peekAll(cluster::kReplicaSets)) {
    const Value wanted = (*set)["spec"]["replicas"];
    if ((*set)["status"]["availableReplicas"] == wanted) continue;
    Value patch;
    for (const char* count : {"replicas", "readyReplicas", "availableReplicas"}) patch["status"][count] = wanted;
    patch["status"]["observedGeneration"] = (*set)["metadata"]["generation"];
    (void)api.patchNow(cluster::kReplicaSets, "default", std::string(cluster::nameOf(*set)), cluster::PatchType::kMerge,
                       patch, {.subresource = "status"});
  }
}

void settle(loop::VirtualLoop& loop, cluster::MemoryApi& api) {
  for (int i = 0; i < 1200; ++i) {
    loop.advance(100ms);
    runPods(api);
  }
  for (const Value* rollout : api.peekAll(cluster::kRollouts)) {
    if ((*rollout)["status"]["phase"].asStringView() == "Healthy") continue;
    std::fprintf(stderr, "%s\n", json::serializePretty(*rollout).c_str());
    std::exit(1);
  }
}

}  // namespace

int main() {
  loop::VirtualLoop loop;
  cluster::MemoryApi api(loop);
  std::int64_t passes = 0;
  control::Controllers controllers(
      {.loop = loop, .api = api, .providers = {}, .observe_decision = [&](const auto&, const auto&, WallTime) {
         ++passes;
       }});
  for (int i = 0; i < kRollouts; ++i) {
    (void)api.createNow(cluster::kServices, object(kStable, i)).value();
    (void)api.createNow(cluster::kServices, object(kCanary, i)).value();
    (void)api.createNow(cluster::kHttpRoutes, object(kRoute, i)).value();
    (void)api.createNow(cluster::kRollouts, object(kRollout, i)).value();
  }
  settle(loop, api);
  for (int i = 0; i < kRollouts; ++i) {
    Value image = object(kRollout, i);
    image["spec"]["template"]["spec"]["containers"].makeArray()[0]["image"] = "registry.example/shop:2";
    Value patch;
    patch["spec"]["template"] = image["spec"]["template"];
    (void)api.patchNow(cluster::kRollouts, "default", fmt::format("shop-{}", i), cluster::PatchType::kMerge, patch)
        .value();
  }
  settle(loop, api);
  loop.advance(2 * kResync);
  passes = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i) loop.advance(kResync + 1s);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  const double each = took.count() / static_cast<double>(passes);
  const Value figures = Object{{"passes", passes}, {"us_per_pass", each}};
  std::printf("%s\n", json::serialize(figures).c_str());
}
