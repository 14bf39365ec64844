#pragma once
// Delivery: the controllers that every coordinator runs, on Kubernetes and without it: rollouts, analyses
// and experiments, with the caches that they share. It cannot tell which API it works through.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cluster/object_api.h"
#include "config.h"
#include "control/rollout/command_plugins.h"
#include "exposition/text.h"
#include "http/transport.h"
#include "loop/loop.h"
#include "metrics/metric_programs.h"
#include "metrics/traffic_source.h"
#include "traffic/registry.h"

namespace towpath::coordinator {

// The programs that the configuration names for plugin steps and for metrics.
std::map<std::string, control::CommandPlugin, std::less<>> stepPlugins(const Config& config);
std::map<std::string, metrics::MetricProgram, std::less<>> metricPlugins(const Config& config);

class Delivery {
 public:
  struct Parts {
    loop::Loop& loop;
    cluster::ObjectApi& api;
    http::Transport& client;          // for metric providers
    metrics::TrafficSource& traffic;  //
    std::map<std::string, control::CommandPlugin, std::less<>> step_plugins = {};
    std::map<std::string, metrics::MetricProgram, std::less<>> metric_plugins = {};
    traffic::RouteReports route_reports = traffic::RouteReports::kNone;
    Duration status_delay = Duration::zero();  // of a Rollout's counts: control/rollout/status_delay.h
    std::string ns;                            // the only one that is looked at; empty: all
    std::string object_selector;  // of labels: which Rollouts, templates, runs and experiments are ours; empty: all
  };
  // What it refers to outlives it.
  explicit Delivery(Parts parts);
  ~Delivery();

  // Reads only; a process that waits to lead may do it before, so that it can begin at once.
  void startCaches();
  // Begins as soon as the caches are complete.
  void start();
  bool synced() const;
  // What is counted of them, under the peer's names.
  void writeMetrics(exposition::MetricsText& text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace towpath::coordinator
