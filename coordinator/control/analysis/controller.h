#pragma once
// The AnalysisRun controller: measures what the analysis engine asks for and keeps the run's status. Measurements of
// all metrics of all runs go on beside each other, outside of the passes; one that hangs is given up after its time and
// delays no other. Secrets are read when a measurement is taken, go to its provider and nowhere else: what is decided,
// logged and stored knows a placeholder, and in what a provider answers they are blotted out.

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
  cluster::Cache* jobs = nullptr;  // of job metrics; nullptr: their end is noticed when they are looked at
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
  enum class Call { kStart, kResume, kTerminate };
  // One call of a provider.
  struct Measuring {
    std::string uid;  // of the run
    cluster::ObjectKey key;
    metrics::MetricRequest request;
    Call call = Call::kStart;
    model::Measurement last;
    std::vector<std::string> secrets;  // in all their forms
  };

  loop::Task<void> begin();
  void jobChanged(const cluster::CacheChange& change);
  loop::Task<Result<cluster::PassEnd>> pass(cluster::ObjectKey key);
  Prepared prepare(const cluster::ObjectRef& ref) const;
  // What is wrong with them; nullopt if nothing. An error is one of the API.
  loop::Task<Result<std::optional<std::string>>> readSecrets(Prepared& run);
  loop::Task<Result<void>> carryOut(const Prepared& run, analysis::RunDecision decision);
  loop::Task<Result<void>> patchStatus(const Prepared& run, const model::AnalysisRunStatus& next);
  void letGoOfLate(const Prepared& run);
  std::optional<metrics::MetricRequest> requestFor(const Prepared& run, const std::string& metric, int attempt) const;
  void measure(const Prepared& run, const std::string& metric, int attempt, Call call);
  loop::Task<void> runMeasurement(Measuring measuring);
  loop::Task<analysis::Outcome> ask(Measuring measuring);
  loop::Task<model::Measurement> call(metrics::Provider& provider, Measuring measuring);
  loop::Task<void> collectGarbage(metrics::MetricRequest request, int limit);

  AnalysisContext context_;
  std::map<std::string, Active> active_;  // by the run's uid
  cluster::Controller controller_;
  std::vector<cluster::Cache::Listener> listeners_;
  loop::Scope scope_;  // last: its tasks go first
};

}  // namespace towpath::control
