#pragma once
// Jobs: the controller that runs pods until as many as wanted have ended well, or too many have not (job_plan.h).

#include <set>
#include <string>

#include "cluster/cache.h"
#include "cluster/controller.h"
#include "cluster/events.h"
#include "edge/job_plan.h"
#include "edge/pod_index.h"

namespace towpath::edge {

class Jobs {
 public:
  struct Parts {
    loop::Loop& loop;
    cluster::ObjectApi& api;
    cluster::Cache& jobs;
    cluster::Cache& pods;
    const PodIndex& index;
    cluster::EventRecorder& events;
  };
  // What it refers to outlives it; the caches are started, and synced before start().
  explicit Jobs(Parts parts);
  void start() { controller_.start(); }

 private:
  void podChanged(const cluster::CacheChange& change);
  loop::Task<Result<cluster::PassEnd>> pass(cluster::ObjectKey key);
  JobWorld worldOf(const Value& job) const;
  loop::Task<Result<void>> createPod(const Value& job);
  loop::Task<Result<void>> deletePod(std::string ns, std::string name, std::string uid);
  loop::Task<Result<void>> writeStatus(const Value& job, Value status);

  Parts parts_;
  std::set<std::string> deleted_uids_;  // pods that we have deleted but the cache still shows
  cluster::Controller controller_;
  cluster::Cache::Listener job_listener_;
  cluster::Cache::Listener pod_listener_;
};

}  // namespace towpath::edge
