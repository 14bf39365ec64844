#include "controllers.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "api/validate.h"
#include "cluster/cache.h"
#include "cluster/events.h"
#include "cluster/kinds.h"
#include "control/analysis/controller.h"
#include "control/rollout/controller.h"
#include "http/client.h"

namespace towpath::coordinator {

namespace {

// Traffic samples as the metric provider asks for them.
class StoredTraffic final : public metrics::TrafficSource {
 public:
  explicit StoredTraffic(const store::SampleStore& samples) : samples_(samples) {}
  metrics::TrafficSums sums(const metrics::TrafficQuery& query) const override {
    store::SampleSums sums = samples_.sums({.ns = query.ns,
                                            .service = query.service,
                                            .pod_template_hash = query.pod_template_hash,
                                            .route = query.route,
                                            .from = query.from,
                                            .to = query.to});
    return {.samples = sums.samples,
            .requests = sums.requests,
            .status_2xx = sums.status_2xx,
            .status_3xx = sums.status_3xx,
            .status_4xx = sums.status_4xx,
            .status_5xx = sums.status_5xx,
            .connection_errors = sums.connection_errors};
  }

 private:
  const store::SampleStore& samples_;
};

// Keeps what a look-up found for as long as the rule looks at it.
class Found {
 public:
  explicit Found(std::vector<Value>& kept) : kept_(kept) { kept_.reserve(kMost); }
  const Value* operator()(const cluster::ObjectRef& object) {
    if (!object || kept_.size() == kMost) return nullptr;
    return &kept_.emplace_back(object->parse());
  }

 private:
  static constexpr std::size_t kMost = 256;  // of one Rollout; no reallocation under the rule's feet
  std::vector<Value>& kept_;
};

// The first thing that is wrong with a Rollout, also with what it refers to.
std::optional<std::string> firstFault(const Value& rollout, const control::Caches& caches) {
  if (api::FieldErrors own = api::validateRollout(rollout); !own.empty()) return api::describe(own.front());
  std::vector<Value> kept;
  Found found(kept);
  std::string ns(cluster::namespaceOf(rollout));
  api::References references{
      .service = [&](std::string_view name) { return found(caches.services->find(ns, name)); },
      .analysis_template = [&](std::string_view name) { return found(caches.analysis_templates->find(ns, name)); },
      .cluster_analysis_template =
          [&](std::string_view name) { return found(caches.cluster_analysis_templates->find("", name)); }};
  api::FieldErrors referred = api::validateReferences(rollout, references);
  if (referred.empty()) return std::nullopt;
  return api::describe(referred.front());
}

}  // namespace

struct Controllers::Impl {
  explicit Impl(Parts parts)
      : client(parts.loop),
        traffic(parts.samples),
        rollouts(parts.loop, parts.rollout_api, cluster::kRollouts),
        replica_sets(parts.loop, parts.rollout_api, cluster::kReplicaSets),
        services(parts.loop, parts.rollout_api, cluster::kServices),
        analysis_runs(parts.loop, parts.rollout_api, cluster::kAnalysisRuns),
        analysis_templates(parts.loop, parts.rollout_api, cluster::kAnalysisTemplates),
        cluster_analysis_templates(parts.loop, parts.rollout_api, cluster::kClusterAnalysisTemplates),
        http_routes(parts.loop, parts.rollout_api, cluster::kHttpRoutes),
        pods(parts.loop, parts.rollout_api, cluster::kPods),
        deployments(parts.loop, parts.rollout_api, cluster::kDeployments),
        experiments(parts.loop, parts.rollout_api, cluster::kExperiments),
        caches{
            &rollouts,    &replica_sets, &services,    &analysis_runs, &analysis_templates, &cluster_analysis_templates,
            &http_routes, &pods,         &deployments, nullptr,        &experiments},
        events(parts.loop, parts.rollout_api, "rollouts-controller"),
        step_plugins(parts.loop, std::move(parts.step_plugins)),
        rollout(rolloutContext(parts)),
        analysis(analysisContext(parts)),
        edge({parts.loop, parts.store, parts.edge_api, parts.last_heard},
             {.nodes = {.silence_max = parts.silence_max}, .events = {}}) {}

  control::RolloutContext rolloutContext(const Parts& parts) {
    control::TemplateFacts facts = control::peerFacts();
    facts.validate = [this](const Value& object) { return firstFault(object, caches); };
    return {.loop = &parts.loop,
            .api = &parts.rollout_api,
            .events = &events,
            .caches = caches,
            .facts = std::move(facts),
            .step_plugins = &step_plugins,
            .route_reports = traffic::RouteReports::kExpected};
  }
  control::AnalysisContext analysisContext(const Parts& parts) {
    return {.loop = &parts.loop,
            .api = &parts.rollout_api,
            .events = &events,
            .analysis_runs = &analysis_runs,
            .providers = {.loop = &parts.loop,
                          .fetch = [this](http::ClientRequest request) { return client.fetch(std::move(request)); },
                          .traffic = &traffic}};
  }

  http::Client client;
  StoredTraffic traffic;
  cluster::Cache rollouts, replica_sets, services, analysis_runs, analysis_templates, cluster_analysis_templates,
      http_routes, pods, deployments, experiments;
  control::Caches caches;
  cluster::EventRecorder events;
  control::CommandPlugins step_plugins;
  control::RolloutController rollout;
  control::AnalysisController analysis;
  edge::Edge edge;
};

Controllers::Controllers(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}
Controllers::~Controllers() = default;

loop::Task<Result<void>> Controllers::start() {
  Impl& impl = *impl_;
  for (cluster::Cache* cache :
       {&impl.rollouts, &impl.replica_sets, &impl.services, &impl.analysis_runs, &impl.analysis_templates,
        &impl.cluster_analysis_templates, &impl.http_routes, &impl.pods, &impl.deployments, &impl.experiments}) {
    cache->start();
  }
  if (Result<void> started = co_await impl.edge.start(); !started) co_return started;
  impl.rollout.start();
  impl.analysis.start();
  co_return {};
}

}  // namespace towpath::coordinator
