#pragma once
// The port to whatever can measure: start a measurement, look at one that runs, end it. One file a provider; registry.h
// finds it by the metric's provider key. A provider never judges: the verdict is the engine's (analysis/assess.h).

#include <string>

#include "base/value.h"
#include "loop/task.h"
#include "model/analysis.h"

namespace towpath::metrics {

// One metric of one run, arguments substituted.
struct MetricRequest {
  std::string ns;
  std::string run_name;
  std::string run_uid;
  int attempt = 1;  // names the job of a job metric
  model::Metric metric;
  Value provider;  // the value of `provider` in the metric, e.g. {"web": {…}}
};

class Provider {
 public:
  virtual ~Provider() = default;

  // A measurement, finished or (with resume_at) running. What goes wrong is a measurement with phase Error; no
  // exception.
  virtual loop::Task<model::Measurement> start(MetricRequest request) = 0;
  // A running one is due to be looked at.
  virtual loop::Task<model::Measurement> resume(MetricRequest request, model::Measurement measurement);
  // The run ends: stop what was started.
  virtual loop::Task<model::Measurement> terminate(MetricRequest request, model::Measurement measurement);
};

}  // namespace towpath::metrics
