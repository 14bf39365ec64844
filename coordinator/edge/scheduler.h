#pragma once
// Scheduler: gives each pod without a node its place, one pod at a time, and says in the PodScheduled condition why one
// has none. Pods that had no place are looked at again when a node changes or a pod makes room.

#include <optional>
#include <set>
#include <string>

#include "cluster/cache.h"
#include "cluster/controller.h"
#include "cluster/events.h"
#include "edge/placement.h"
#include "edge/pod_index.h"

namespace towpath::edge {

class Scheduler {
 public:
  struct Parts {
    loop::Loop& loop;
    cluster::ObjectApi& api;
    cluster::Cache& pods;
    cluster::Cache& nodes;
    cluster::Cache& replica_sets;
    const PodIndex& pod_index;
    const NodeIndex& node_index;
    cluster::EventRecorder& events;
  };
  explicit Scheduler(Parts parts);
  void start() { controller_.start(); }

 private:
  void podChanged(const cluster::CacheChange& change);
  void roomChanged();
  loop::Task<Result<cluster::PassEnd>> pass(cluster::ObjectKey key);
  PlacementRequest requestFor(const PodFacts& pod, const Value& object) const;
  PlacementWorld world() const;
  loop::Task<Result<void>> bind(PodFacts pod, std::string node);
  loop::Task<Result<void>> setScheduled(cluster::ObjectRef pod, std::string reason, std::string message);

  Parts parts_;
  std::set<cluster::ObjectKey> without_place_;
  cluster::Controller controller_;
  cluster::Cache::Listener pod_listener_;
  cluster::Cache::Listener node_listener_;
};

}  // namespace towpath::edge
