#pragma once
// Endpoints: the controller that keeps the EndpointSlices of Services with a selector.

#include <map>
#include <set>
#include <string>

#include "cluster/cache.h"
#include "cluster/controller.h"
#include "edge/endpoints_plan.h"
#include "edge/pod_index.h"

namespace towpath::edge {

class Endpoints {
 public:
  struct Parts {
    loop::Loop& loop;
    cluster::ObjectApi& api;
    cluster::Cache& services;
    cluster::Cache& slices;  // with label index kServiceNameLabel
    cluster::Cache& pods;
    const PodIndex& index;
  };
  explicit Endpoints(Parts parts);
  void start() { controller_.start(); }

 private:
  void podChanged(const cluster::CacheChange& change);
  void sliceChanged(const cluster::CacheChange& change);
  loop::Task<Result<cluster::PassEnd>> pass(cluster::ObjectKey key);
  loop::Task<Result<void>> put(Value wanted);
  loop::Task<Result<void>> remove(cluster::ObjectRef slice);

  Parts parts_;
  std::map<cluster::ObjectKey, Value>
      services_;  // those that select pods: as read, since every pod is matched with them
  cluster::Controller controller_;
  cluster::Cache::Listener service_listener_;
  cluster::Cache::Listener pod_listener_;
  cluster::Cache::Listener slice_listener_;
};

}  // namespace towpath::edge
