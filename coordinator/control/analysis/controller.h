#pragma once
// The AnalysisRun controller: measures what the analysis engine asks for and keeps the run's status. Measurements of
// all metrics of all runs go on beside each other, outside of the passes; one that hangs is given up after its time and
// delays no other.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/cache.h"
#include "cluster/controller.h"
#include "cluster/events.h"
#include "cluster/object_api.h"
#include "engine/analysis/decide.h"
#include "loop/scope.h"
#include "metrics/registry.h"

namespace towpath::control {

// All of it outlives the controller.
struct AnalysisContext {
  loop::Loop* loop = nullptr;
  cluster::ObjectApi* api = nullptr;
  cluster::EventRecorder* events = nullptr;
  cluster::Cache* analysis_runs = nullptr;
  metrics::ProviderContext providers;
  Duration measurement_timeout = 5min;  // for a provider that does not end by itself
};

class AnalysisController {
 public:
  explicit AnalysisController(AnalysisContext context, int workers = 4);
  AnalysisController(const AnalysisController&) = delete;
  AnalysisController& operator=(const AnalysisController&) = delete;
  ~AnalysisController();

  void start();
  cluster::Controller& controller() { return controller_; }

 private:
  struct Prepared;
  struct Active;
  loop::Task<void> begin();
  loop::Task<Result<cluster::PassEnd>> pass(cluster::ObjectKey key);
  loop::Task<Result<Prepared>> prepare(const cluster::ObjectRef& ref);
  loop::Task<Result<void>> carryOut(const Prepared& run, analysis::RunDecision decision);
  loop::Task<Result<void>> patchStatus(const Prepared& run, const model::AnalysisRunStatus& next);
  enum class Call { kStart, kResume, kTerminate };
  void measure(const Prepared& run, const std::string& metric, int attempt, Call call);
  loop::Task<void> runMeasurement(std::string uid, cluster::ObjectKey key, metrics::MetricRequest request, Call call,
                                  model::Measurement last, std::vector<std::string> secrets);
  loop::Task<model::Measurement> callProvider(metrics::MetricRequest request, Call call, model::Measurement last);

  AnalysisContext context_;
  std::map<std::string, Active> active_;  // by the run's uid
  cluster::Controller controller_;
  std::vector<cluster::Cache::Listener> listeners_;
  loop::Scope scope_;  // last: its tasks go first
};

}  // namespace towpath::control
