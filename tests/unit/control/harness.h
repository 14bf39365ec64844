#pragma once
// The controllers on the API server's registry over a store in memory, under virtual time, with a kubelet that makes
// pods ready when told to.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apiserver/local_api.h"
#include "apiserver/registry.h"
#include "json/serialize.h"
#include "json/yaml.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "store/memory_store.h"
#include "support/controllers.h"

namespace towpath::control {

inline Value yaml(std::string_view text) {
  auto value = json::parseYamlDocument(text);
  REQUIRE_MESSAGE(value.has_value(), (value ? "" : value.error().message));
  return std::move(*value);
}

// Passes everything on, counts writes, and can fail one or fall silent after some: then nothing is ever answered, as
// for a process that was killed.
class MeddlingApi final : public cluster::ObjectApi {
 public:
  using Object = Result<cluster::ObjectRef>;
  MeddlingApi(loop::Loop& loop, cluster::ObjectApi& inner) : inner_(inner), never_(loop) {}

  int writes = 0;                                                      // events apart
  int silent_after = -1;                                               // writes; -1: never
  std::vector<std::string> log;                                        // "patch rollouts/shop"
  std::function<std::optional<Error>(const std::string&)> fail_write;  // given the log's line
  std::function<loop::Task<void>(const std::string&)> before_write;    // awaited; given the log's line
  std::function<std::optional<Error>()> cut_watch;                     // asked before each event

  loop::Task<Object> get(const cluster::Resource& resource, std::string ns, std::string name) override {
    co_return co_await inner_.get(resource, ns, name);
  }
  loop::Task<Result<cluster::ObjectList>> list(const cluster::Resource& resource,
                                               cluster::ListOptions options) override {
    co_return co_await inner_.list(resource, options);
  }
  loop::Task<Result<std::unique_ptr<cluster::Watch>>> watch(const cluster::Resource& resource,
                                                            cluster::WatchOptions options) override {
    auto made = co_await inner_.watch(resource, options);
    if (!made) co_return made;
    co_return std::make_unique<CutWatch>(*this, std::move(*made));
  }
  loop::Task<Object> create(const cluster::Resource& resource, Value object, cluster::WriteOptions options) override {
    const std::string what = line("create", resource, std::string(cluster::nameOf(object)));
    if (auto refused = co_await meddle(resource, what)) co_return std::unexpected(*refused);
    co_return co_await inner_.create(resource, std::move(object), options);
  }
  loop::Task<Object> update(const cluster::Resource& resource, Value object, cluster::WriteOptions options) override {
    const std::string what = line("update", resource, std::string(cluster::nameOf(object)));
    if (auto refused = co_await meddle(resource, what)) co_return std::unexpected(*refused);
    co_return co_await inner_.update(resource, std::move(object), options);
  }
  loop::Task<Object> patch(const cluster::Resource& resource, std::string ns, std::string name, cluster::PatchType type,
                           Value patch, cluster::WriteOptions options) override {
    const std::string what = line("patch", resource, name) + (options.subresource.empty() ? "" : " status");
    if (auto refused = co_await meddle(resource, what)) co_return std::unexpected(*refused);
    co_return co_await inner_.patch(resource, ns, name, type, std::move(patch), options);
  }
  loop::Task<Result<void>> remove(const cluster::Resource& resource, std::string ns, std::string name,
                                  cluster::DeleteOptions options) override {
    const std::string what = line("remove", resource, name);
    if (auto refused = co_await meddle(resource, what)) co_return std::unexpected(*refused);
    co_return co_await inner_.remove(resource, ns, name, options);
  }

 private:
  class CutWatch final : public cluster::Watch {
   public:
    CutWatch(MeddlingApi& api, std::unique_ptr<cluster::Watch> inner) : api_(api), inner_(std::move(inner)) {}
    loop::Task<Result<cluster::WatchEvent>> next() override {
      auto event = co_await inner_->next();
      if (api_.cut_watch) {
        if (auto error = api_.cut_watch()) co_return std::unexpected(*error);
      }
      co_return event;
    }

   private:
    MeddlingApi& api_;
    std::unique_ptr<cluster::Watch> inner_;
  };

  static std::string line(const char* verb, const cluster::Resource& resource, const std::string& name) {
    return fmt::format("{} {}/{}", verb, resource.plural, name);
  }
  loop::Task<std::optional<Error>> meddle(const cluster::Resource& resource, std::string what) {
    if (resource == cluster::kEvents) co_return std::nullopt;
    if (silent_after >= 0 && writes >= silent_after) co_await never_.wait();
    if (before_write) co_await before_write(what);
    if (fail_write) {
      if (auto error = fail_write(what)) co_return error;
    }
    ++writes;
    log.push_back(std::move(what));
    co_return std::nullopt;
  }

  cluster::ObjectApi& inner_;
  loop::Event never_;
};

// One process, with what meddles between it and the API.
struct Coordinator {
  Coordinator(loop::Loop& loop, cluster::ObjectApi& inner, metrics::ProviderContext providers,
              traffic::RouteReports reports, StepPlugins* step_plugins, Webhooks* webhooks = nullptr)
      : api(loop, inner),
        controllers(
            {loop, api, std::move(providers), step_plugins, reports, {}, ExperimentsBy::kController, webhooks}) {}

  MeddlingApi api;
  Controllers controllers;
};

struct Harness {
  Harness() : store(store::makeMemoryStore()), registry(loop, *store), api(registry, "system:coordinator") {
    REQUIRE(loop::blockOn(loop, registry.start()).has_value());
    providers.loop = &loop;
  }

  void start() { coordinator = std::make_unique<Coordinator>(loop, api, providers, reports, step_plugins, webhooks); }
  void crash() { coordinator.reset(); }

  template <class T>
  T run(loop::Task<T> task) {
    std::optional<T> value;
    loop::Scope scope(loop, "test");
    scope.spawn([](loop::Task<T> inner, std::optional<T>& into) -> loop::Task<void> {
      into.emplace(co_await std::move(inner));
    }(std::move(task), value));
    loop.runUntilIdle();
    REQUIRE(value.has_value());
    return std::move(*value);
  }

  void apply(const cluster::Resource& resource, std::string_view text) {
    const auto made = run(api.create(resource, yaml(text)));
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : describe(made.error())));
  }
  void patch(const cluster::Resource& resource, const std::string& name, std::string_view text,
             std::string subresource = "") {
    const auto done = run(api.patch(resource, "default", name, cluster::PatchType::kMerge, yaml(text),
                                    {.subresource = std::move(subresource)}));
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : describe(done.error())));
  }
  Value get(const cluster::Resource& resource, const std::string& name) {
    const auto found = run(api.get(resource, "default", name));
    return found ? (*found)->parse() : Value();
  }
  std::vector<Value> list(const cluster::Resource& resource) {
    const auto page = run(api.list(resource, {.ns = "default"}));
    REQUIRE(page.has_value());
    std::vector<Value> objects;
    for (const auto& item : page->items) objects.push_back(item->parse());
    return objects;
  }

  // Pods of every ReplicaSet become as its spec says, except for those whose image is said to be broken. True if
  // anything changed.
  bool kubelet() {
    bool changed = false;
    for (const Value& set : list(cluster::kReplicaSets)) {
      const std::int64_t wanted = set["spec"]["replicas"].asInt();
      const std::string image = set.at({"spec", "template", "spec"})["containers"][0]["image"].asString();
      const std::int64_t ready = image == broken_image ? 0 : wanted;
      const Value& status = set["status"];
      if (status["replicas"].asInt() == wanted && status["readyReplicas"].asInt() == ready &&
          status["observedGeneration"].asInt() == set["metadata"]["generation"].asInt()) {
        continue;
      }
      patch(cluster::kReplicaSets, std::string(cluster::nameOf(set)),
            fmt::format("status: {{replicas: {}, readyReplicas: {}, availableReplicas: {}, observedGeneration: {}}}",
                        wanted, ready, ready, set["metadata"]["generation"].asInt()),
            "status");
      changed = true;
    }
    return changed;
  }

  // Lets controllers and kubelet work, in small steps of time.
  void settle(Duration time = 3s) {
    for (Duration passed{}; passed < time; passed += 100ms) {
      loop.advance(100ms);
      kubelet();
    }
  }
  // For `what` at most a minute.
  void until(const std::string& what, const std::function<bool()>& holds) {
    bool held = holds();
    for (int i = 0; i < 600 && !held; ++i) {
      settle(100ms);
      held = holds();
    }
    INFO(what, ": ", json::serialize(get(cluster::kRollouts, "shop")["status"]));
    REQUIRE(held);
  }

  Value rolloutStatus(const std::string& name = "shop") { return get(cluster::kRollouts, name)["status"]; }
  std::string phase(const std::string& name = "shop") { return rolloutStatus(name)["phase"].asString(); }
  void untilPhase(const std::string& wanted, const std::string& name = "shop") {
    until(name + " is " + wanted, [&] { return phase(name) == wanted; });
  }
  // "v1 4, v2 1": sizes of the ReplicaSets that have any, by their image's tag.
  std::string sizes() {
    std::vector<std::string> parts;
    for (const Value& set : list(cluster::kReplicaSets)) {
      if (set["spec"]["replicas"].asInt() == 0) continue;
      const std::string image = set.at({"spec", "template", "spec"})["containers"][0]["image"].asString();
      parts.push_back(fmt::format("{} {}", image, set["spec"]["replicas"].asInt()));
    }
    std::ranges::sort(parts);
    return fmt::format("{}", fmt::join(parts, ", "));
  }
  // Weight of the canary service in the route.
  std::int64_t weight() {
    const Value route = get(cluster::kHttpRoutes, "shop");
    for (const Value& backend : route["spec"]["rules"][0]["backendRefs"].asArray()) {
      if (backend["name"].asStringView() == "shop-canary") return backend["weight"].asInt();
    }
    return -1;
  }
  // What the selector of a service points to, as an image.
  std::string served(const std::string& service) {
    const Value selector = get(cluster::kServices, service)["spec"]["selector"];
    for (const Value& set : list(cluster::kReplicaSets)) {
      if (set["metadata"]["labels"]["rollouts-pod-template-hash"] == selector["rollouts-pod-template-hash"]) {
        return set.at({"spec", "template", "spec"})["containers"][0]["image"].asString();
      }
    }
    return "";
  }
  void setImage(const std::string& image, const std::string& name = "shop") {
    patch(cluster::kRollouts, name,
          fmt::format("spec: {{template: {{spec: {{containers: [{{name: web, image: {}}}]}}}}}}", image));
  }
  void promote() { patch(cluster::kRollouts, "shop", "status: {pauseConditions: null}", "status"); }
  void abort() { patch(cluster::kRollouts, "shop", "status: {abort: true}", "status"); }

  loop::VirtualLoop loop;
  std::unique_ptr<store::Store> store;
  apiserver::Registry registry;
  apiserver::LocalApi api;
  metrics::ProviderContext providers;
  traffic::RouteReports reports = traffic::RouteReports::kNone;
  StepPlugins* step_plugins = nullptr;
  Webhooks* webhooks = nullptr;
  std::string broken_image = "broken";
  std::unique_ptr<Coordinator> coordinator;
};

inline std::string rolloutYaml(std::string_view name, std::string_view strategy, int replicas = 5) {
  return fmt::format(R"(
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: {0}, namespace: default}}
spec:
  replicas: {1}
  selector: {{matchLabels: {{app: {0}}}}}
  template:
    metadata: {{labels: {{app: {0}}}}}
    spec: {{containers: [{{name: web, image: v1}}]}}
  strategy: {2}
)",
                     name, replicas, strategy);
}

inline std::string serviceYaml(std::string_view name) {
  return fmt::format(R"(
apiVersion: v1
kind: Service
metadata: {{name: {}, namespace: default}}
spec: {{selector: {{app: shop}}, ports: [{{port: 80}}]}}
)",
                     name);
}

inline constexpr const char* kRouteYaml = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: default}
spec:
  parentRefs: [{name: edge}]
  rules:
  - backendRefs:
    - {name: shop-stable, port: 80, weight: 100}
    - {name: shop-canary, port: 80, weight: 0}
)";

inline constexpr const char* kPlainCanary = "{canary: {steps: [{setWeight: 20}, {pause: {}}, {setWeight: 50}]}}";
inline constexpr const char* kRoutedCanary =
    "{canary: {stableService: shop-stable, canaryService: shop-canary,"
    " trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}},"
    " steps: [{setWeight: 20}, {pause: {}}, {setWeight: 50}, {pause: {duration: 5}}]}}";

inline void applyRouted(Harness& harness, std::string_view strategy = kRoutedCanary) {
  harness.apply(cluster::kServices, serviceYaml("shop-stable"));
  harness.apply(cluster::kServices, serviceYaml("shop-canary"));
  harness.apply(cluster::kHttpRoutes, kRouteYaml);
  harness.apply(cluster::kRollouts, rolloutYaml("shop", strategy));
}

}  // namespace towpath::control
