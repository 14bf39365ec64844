#pragma once
// The controllers of a coordinator without Kubernetes: rollouts, analyses, and what Kubernetes would have done (edge/),
// with the caches that they share.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/time.h"
#include "cluster/object_api.h"
#include "control/rollout/command_plugins.h"
#include "edge/edge.h"
#include "loop/task.h"
#include "loop/uv_loop.h"
#include "metrics/metric_programs.h"
#include "store/samples.h"
#include "store/store.h"

namespace towpath::coordinator {

class Controllers {
 public:
  struct Parts {
    loop::UvLoop& loop;
    store::Store& store;
    store::SampleStore& samples;
    // One for each, so that audit records name who wrote.
    cluster::ObjectApi& rollout_api;
    cluster::ObjectApi& edge_api;
    edge::LastHeard last_heard;
    Duration silence_max;  // of a node, before it is Unknown
    std::map<std::string, control::CommandPlugin, std::less<>> step_plugins = {};
    std::map<std::string, metrics::MetricProgram, std::less<>> metric_plugins = {};
  };
  // What it refers to outlives it.
  explicit Controllers(Parts parts);
  ~Controllers();

  loop::Task<Result<void>> start();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace towpath::coordinator
