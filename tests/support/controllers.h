#pragma once
// What a coordinator runs for rollouts, analyses and experiments, over any ObjectApi and any loop: caches, events,
// controllers. Made anew after a crash. For the unit tests of the controllers and for the simulator.

#include <functional>
#include <utility>

#include "cluster/cache.h"
#include "cluster/events.h"
#include "control/analysis/controller.h"
#include "control/experiment/controller.h"
#include "control/rollout/controller.h"

namespace towpath::control {

// Who writes the status of Experiments.
enum class ExperimentsBy : std::uint8_t { kController, kPlayers };

struct Controllers {
  // The loop and the API outlive it.
  struct Parts {
    loop::Loop& loop;
    cluster::ObjectApi& api;
    metrics::ProviderContext providers;
    StepPlugins* step_plugins = nullptr;
    traffic::RouteReports reports = traffic::RouteReports::kNone;
    DecisionObserver observe_decision = {};
    ExperimentsBy experiments = ExperimentsBy::kController;  // kPlayers: no controller of ours touches them
    Webhooks* webhooks = nullptr;
    Duration status_delay = Duration::zero();
  };

  explicit Controllers(Parts parts)
      : rollouts(parts.loop, parts.api, cluster::kRollouts),
        replica_sets(parts.loop, parts.api, cluster::kReplicaSets),
        services(parts.loop, parts.api, cluster::kServices),
        analysis_runs(parts.loop, parts.api, cluster::kAnalysisRuns),
        analysis_templates(parts.loop, parts.api, cluster::kAnalysisTemplates),
        cluster_templates(parts.loop, parts.api, cluster::kClusterAnalysisTemplates),
        http_routes(parts.loop, parts.api, cluster::kHttpRoutes),
        pods(parts.loop, parts.api, cluster::kPods),
        deployments(parts.loop, parts.api, cluster::kDeployments),
        pod_templates(parts.loop, parts.api, cluster::kPodTemplates),
        experiments(parts.loop, parts.api, cluster::kExperiments),
        jobs(parts.loop, parts.api, cluster::kJobs),
        events(parts.loop, parts.api, "rollouts-controller"),
        rollout({.loop = &parts.loop,
                 .api = &parts.api,
                 .events = &events,
                 .caches = caches(),
                 .facts = peerFacts(),
                 .step_plugins = parts.step_plugins,
                 .webhooks = parts.webhooks,
                 .route_reports = parts.reports,
                 .status_delay = parts.status_delay,
                 .observe_decision = std::move(parts.observe_decision)}),
        analysis({.loop = &parts.loop,
                  .api = &parts.api,
                  .events = &events,
                  .analysis_runs = &analysis_runs,
                  .jobs = &jobs,
                  .providers = withApi(std::move(parts.providers), parts.api, jobs)}),
        experiment({.loop = &parts.loop, .api = &parts.api, .events = &events, .caches = caches()}) {
    for (cluster::Cache* cache :
         {&rollouts, &replica_sets, &services, &analysis_runs, &analysis_templates, &cluster_templates, &http_routes,
          &pods, &deployments, &pod_templates, &experiments, &jobs}) {
      cache->start();
    }
    rollout.start();
    analysis.start();
    if (parts.experiments == ExperimentsBy::kController) experiment.start();
  }

  Caches caches() {
    return {&rollouts,           &replica_sets,      &services,    &analysis_runs,
            &analysis_templates, &cluster_templates, &http_routes, &pods,
            &deployments,        &pod_templates,     nullptr,      &experiments};
  }

  static metrics::ProviderContext withApi(metrics::ProviderContext context, cluster::ObjectApi& api,
                                          const cluster::Cache& jobs) {
    context.api = &api;
    context.jobs = &jobs;
    return context;
  }

  cluster::Cache rollouts, replica_sets, services, analysis_runs, analysis_templates, cluster_templates, http_routes,
      pods, deployments, pod_templates, experiments, jobs;
  cluster::EventRecorder events;
  RolloutController rollout;
  AnalysisController analysis;
  ExperimentController experiment;
};

}  // namespace towpath::control
