#pragma once
// ControllerMetrics: what /metrics says about the objects, the passes and the queues of the controllers, under the
// peer's names and with its labels (core-semantics 11.6), so that dashboards and alerts go on. Gauges are made of the
// caches when the page is asked for; an object is read again only if it changed since. Series exist for objects that
// are there: they go 65 s after their object, as the peer's do.

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/cache.h"
#include "cluster/controller.h"
#include "cluster/events.h"
#include "exposition/object_facts.h"
#include "exposition/text.h"
#include "loop/loop.h"

namespace towpath::exposition {

class ControllerMetrics {
 public:
  static constexpr Duration kKeptAfterDeletion = std::chrono::seconds(65);

  struct Caches {
    cluster::Cache& rollouts;
    cluster::Cache& analysis_runs;
    cluster::Cache& analysis_templates;
    cluster::Cache& experiments;
  };
  // All of it outlives this; its caches and the recorder tell no one else what they tell it.
  ControllerMetrics(loop::Loop& loop, Caches caches, cluster::EventRecorder& events);
  ControllerMetrics(const ControllerMetrics&) = delete;
  ControllerMetrics& operator=(const ControllerMetrics&) = delete;
  ~ControllerMetrics();

  // The passes of a controller, as rollout_reconcile (prefix "rollout") and workqueue_* (queue "Rollouts"); `objects`
  // are what its keys name.
  void follow(cluster::Controller& controller, cluster::Cache& objects, std::string prefix, std::string queue);
  void write(MetricsText& text);

 private:
  struct Passes;
  // Facts of the objects of a cache, read when they are asked for.
  template <class Facts>
  class Known {
   public:
    Known(cluster::Cache& cache, Facts (*read)(const Value&));
    const std::map<cluster::ObjectKey, Facts>& now();

   private:
    cluster::Cache& cache_;
    Facts (*read_)(const Value&);
    std::map<cluster::ObjectKey, Facts> facts_;
    std::set<cluster::ObjectKey> changed_;  // and not read yet
    cluster::Cache::Listener listener_;
  };
  struct Durations;

  void noteRollout(const cluster::CacheChange& change);
  void forgetGone();
  void writeRollouts(MetricsText& text);
  void writeEvents(MetricsText& text);
  void writeRuns(MetricsText& text);
  void writeTemplates(MetricsText& text);
  void writeExperiments(MetricsText& text);
  void writePasses(MetricsText& text);
  void writeQueues(MetricsText& text);

  loop::Loop& loop_;
  cluster::Cache& rollout_cache_;
  cluster::EventRecorder& events_;
  Known<RolloutFacts> rollouts_;
  Known<RunFacts> runs_;
  Known<std::vector<MetricFacts>> templates_;
  Known<RunFacts> experiments_;
  // By object, type and reason: the reasons are those of the engines, a few dozen.
  std::map<cluster::ObjectKey, std::map<std::pair<const char*, std::string>, std::uint64_t>> event_counts_;
  std::map<cluster::ObjectKey, std::string> finished_;  // the update that was counted last
  std::unique_ptr<Durations> durations_;
  std::vector<std::unique_ptr<Passes>> passes_;
  std::deque<std::pair<MonoTime, cluster::ObjectKey>> gone_rollouts_;
  cluster::Cache::Listener rollout_listener_;
};

}  // namespace towpath::exposition
