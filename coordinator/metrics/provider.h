#pragma once
// The port to whatever can measure: start a measurement, look at one that runs, end it. One file a provider; registry.h
// finds it by the metric's provider key. A provider never judges: the verdict is the engine's (analysis/assess.h).

#include <map>
#include <string>

#include "base/value.h"
#include "cluster/object.h"
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
  Value provider;               // the value of `provider` in the metric, e.g. {"web": {…}}
  Value config = {};            // the whole metric
  cluster::ObjectRef run = {};  // as it was when it was asked: no secret is in it
};

class Provider {
 public:
  virtual ~Provider() = default;

  // A measurement, finished or (with resume_at) running. What goes wrong is a measurement with phase Error; no
  // exception.
  virtual loop::Task<model::Measurement> start(MetricRequest request) = 0;
  // A running one is due to be looked at.
  virtual loop::Task<model::Measurement> resume(MetricRequest request, model::Measurement measurement);
  // The run ends: stop what was started. What nobody can stop is let go, and has told nothing: Inconclusive.
  virtual loop::Task<model::Measurement> terminate(MetricRequest request, model::Measurement measurement);
  // The history was cut to the last `limit` measurements: what is kept elsewhere for older ones may go.
  virtual loop::Task<Result<void>> collectGarbage(MetricRequest request, int limit);
  // What people should see of the metric beside its measurements, such as the query as it was sent.
  virtual std::map<std::string, std::string> metadata(const MetricRequest& request) const;
};

}  // namespace towpath::metrics
