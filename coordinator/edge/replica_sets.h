#pragma once
// ReplicaSets: the controller that keeps as many pods as each replica set wants.

#include <map>
#include <set>
#include <string>

#include "cluster/cache.h"
#include "cluster/controller.h"
#include "cluster/events.h"
#include "edge/pod_index.h"
#include "edge/replica_set_plan.h"

namespace towpath::edge {

class ReplicaSets {
 public:
  struct Parts {
    loop::Loop& loop;
    cluster::ObjectApi& api;
    cluster::Cache& replica_sets;
    cluster::Cache& pods;
    const PodIndex& index;
    cluster::EventRecorder& events;
  };
  // What it refers to outlives it; the caches are started, and synced before start().
  explicit ReplicaSets(Parts parts);
  void start() { controller_.start(); }

 private:
  void podChanged(const cluster::CacheChange& change);
  loop::Task<Result<cluster::PassEnd>> pass(cluster::ObjectKey key);
  ReplicaSetWorld worldOf(const Value& replica_set) const;
  loop::Task<std::string> createPods(const Value& replica_set, std::int32_t count);
  loop::Task<Result<void>> createPod(const Value& replica_set);
  loop::Task<Result<void>> deletePod(std::string ns, std::string name, std::string uid);
  loop::Task<Result<void>> writeStatus(const Value& replica_set, ReplicaSetCounts counts, std::string failure);
  void tell(const Value& replica_set, cluster::EventType type, const std::string& reason, const std::string& message);

  Parts parts_;
  // Pods that we have deleted but the cache still shows: they are not counted, so that no second one goes for them.
  std::set<std::string> deleted_uids_;
  cluster::Controller controller_;
  cluster::Cache::Listener replica_set_listener_;
  cluster::Cache::Listener pod_listener_;
};

}  // namespace towpath::edge
