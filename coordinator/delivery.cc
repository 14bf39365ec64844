#include "delivery.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/keys.h"
#include "cluster/cache.h"
#include "cluster/events.h"
#include "cluster/kinds.h"
#include "control/analysis/controller.h"
#include "control/experiment/controller.h"
#include "control/rollout/controller.h"
#include "control/rollout/http_webhooks.h"
#include "exposition/controller_metrics.h"
#include "metrics/job_names.h"
#include "metrics/surroundings.h"

namespace towpath::coordinator {

namespace {

cluster::CacheOptions optional(cluster::CacheOptions options) {
  options.unserved = cluster::Unserved::kEmpty;
  return options;
}

}  // namespace

struct Delivery::Impl {
  explicit Impl(Parts parts)
      : rollouts(parts.loop, parts.api, cluster::kRollouts, {.ns = parts.ns, .label_selector = parts.object_selector}),
        // Versions, as the peer has it: of what else runs in a cluster nothing is kept.
        replica_sets(parts.loop, parts.api, cluster::kReplicaSets, {.ns = parts.ns, .label_selector = api::kHashLabel}),
        plain_replica_sets(parts.loop, parts.api, cluster::kReplicaSets,
                           {.ns = parts.ns, .label_selector = std::string("!") + api::kHashLabel}),
        services(parts.loop, parts.api, cluster::kServices, {.ns = parts.ns}),
        analysis_runs(parts.loop, parts.api, cluster::kAnalysisRuns,
                      {.ns = parts.ns, .label_selector = parts.object_selector}),
        analysis_templates(parts.loop, parts.api, cluster::kAnalysisTemplates,
                           {.ns = parts.ns, .label_selector = parts.object_selector}),
        cluster_analysis_templates(parts.loop, parts.api, cluster::kClusterAnalysisTemplates,
                                   optional({.label_selector = parts.object_selector})),
        http_routes(parts.loop, parts.api, cluster::kHttpRoutes, optional({.ns = parts.ns})),
        pods(parts.loop, parts.api, cluster::kPods, {.ns = parts.ns, .label_selector = api::kHashLabel}),
        deployments(parts.loop, parts.api, cluster::kDeployments, {.ns = parts.ns}),
        pod_templates(parts.loop, parts.api, cluster::kPodTemplates, optional({.ns = parts.ns})),
        experiments(parts.loop, parts.api, cluster::kExperiments,
                    {.ns = parts.ns, .label_selector = parts.object_selector}),
        jobs(parts.loop, parts.api, cluster::kJobs,
             optional({.ns = jobNamespace(parts), .label_selector = metrics::kJobRunUid})),
        caches{
            &rollouts,    &replica_sets, &services,    &analysis_runs, &analysis_templates, &cluster_analysis_templates,
            &http_routes, &pods,         &deployments, &pod_templates, &plain_replica_sets, &experiments},
        events(parts.loop, parts.api, "rollouts-controller"),
        step_plugins(parts.loop, std::move(parts.step_plugins)),
        metric_programs(parts.loop, std::move(parts.metric_plugins)),
        webhooks(parts.loop, parts.api,
                 [&client = parts.client](http::ClientRequest request) { return client.fetch(std::move(request)); }),
        rollout(rolloutContext(parts)),
        analysis(analysisContext(parts)),
        experiment({.loop = &parts.loop, .api = &parts.api, .events = &events, .caches = caches}),
        counters(parts.loop, {rollouts, analysis_runs, analysis_templates, experiments}, events) {
    plain_starter = rollouts.listen([this](const cluster::CacheChange& change) { startPlainReplicaSets(change); });
    counters.follow(rollout.controller(), rollouts, "rollout", "Rollouts");
    counters.follow(analysis.controller(), analysis_runs, "analysis_run", "AnalysisRuns");
    counters.follow(experiment.controller(), experiments, "experiment", "Experiments");
  }

  control::RolloutContext rolloutContext(const Parts& parts) {
    return {.loop = &parts.loop,
            .api = &parts.api,
            .events = &events,
            .caches = caches,
            .facts = control::peerFacts(),
            .step_plugins = &step_plugins,
            .webhooks = &webhooks,
            .route_reports = parts.route_reports,
            .status_delay = parts.status_delay};
  }
  control::AnalysisContext analysisContext(const Parts& parts) {
    return {.loop = &parts.loop,
            .api = &parts.api,
            .events = &events,
            .analysis_runs = &analysis_runs,
            .jobs = &jobs,
            .providers = {.loop = &parts.loop,
                          .fetch = [&client = parts.client](
                                       http::ClientRequest request) { return client.fetch(std::move(request)); },
                          .traffic = &parts.traffic,
                          .api = &parts.api,
                          .jobs = &jobs,
                          .environment = metrics::processEnvironment(),
                          .programs = &metric_programs}};
  }
  // Where job metrics are told to put their Jobs, if only one namespace is looked at.
  static std::string jobNamespace(const Parts& parts) {
    if (parts.ns.empty()) return {};
    return metrics::processEnvironment()("ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE").value_or(parts.ns);
  }

  // The others start with the first Rollout that refers to one.
  void startPlainReplicaSets(const cluster::CacheChange& change) {
    if (plain_started || !change.after || !change.after->json().contains("workloadRef")) return;
    const Value object = change.after->parse();
    if (object["spec"]["workloadRef"]["kind"].asStringView() != cluster::kReplicaSets.kind) return;
    plain_started = true;
    plain_replica_sets.start();
  }

  cluster::Cache rollouts, replica_sets, plain_replica_sets, services, analysis_runs, analysis_templates,
      cluster_analysis_templates, http_routes, pods, deployments, pod_templates, experiments, jobs;
  control::Caches caches;
  bool plain_started = false;
  cluster::Cache::Listener plain_starter;
  cluster::EventRecorder events;
  control::CommandPlugins step_plugins;
  metrics::MetricPrograms metric_programs;
  control::HttpWebhooks webhooks;
  control::RolloutController rollout;
  control::AnalysisController analysis;
  control::ExperimentController experiment;
  exposition::ControllerMetrics counters;
};

std::map<std::string, control::CommandPlugin, std::less<>> stepPlugins(const Config& config) {
  std::map<std::string, control::CommandPlugin, std::less<>> plugins;
  for (const PluginConfig& plugin : config.step_plugins) {
    plugins[plugin.name] = {plugin.command, plugin.timeout, plugin.disabled};
  }
  return plugins;
}

std::map<std::string, metrics::MetricProgram, std::less<>> metricPlugins(const Config& config) {
  std::map<std::string, metrics::MetricProgram, std::less<>> plugins;
  for (const PluginConfig& plugin : config.metric_plugins) {
    plugins[plugin.name] = {plugin.command, plugin.timeout, plugin.disabled};
  }
  return plugins;
}

Delivery::Delivery(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}
Delivery::~Delivery() = default;

void Delivery::startCaches() {
  for (cluster::Cache* cache :
       {&impl_->rollouts, &impl_->replica_sets, &impl_->services, &impl_->analysis_runs, &impl_->analysis_templates,
        &impl_->cluster_analysis_templates, &impl_->http_routes, &impl_->pods, &impl_->deployments,
        &impl_->pod_templates, &impl_->experiments, &impl_->jobs}) {
    cache->start();
  }
}

void Delivery::start() {
  impl_->rollout.start();
  impl_->analysis.start();
  impl_->experiment.start();
}

void Delivery::writeMetrics(exposition::MetricsText& text) { impl_->counters.write(text); }

bool Delivery::synced() const {
  return impl_->rollouts.synced() && impl_->replica_sets.synced() && impl_->pods.synced();
}

}  // namespace towpath::coordinator
