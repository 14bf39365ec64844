#pragma once
// Edge: what Kubernetes would have done, all of it together: replica sets, jobs, placement, node lifecycle, endpoints,
// garbage collection, namespaces, expiry of events. Service addresses are given at admission: addresses.h.

#include <memory>

#include "cluster/object_api.h"
#include "edge/expiry.h"
#include "edge/nodes.h"
#include "loop/task.h"
#include "store/store.h"

namespace towpath::edge {

struct EdgeOptions {
  NodeOptions nodes;
  ExpiryOptions events;
};

class Edge {
 public:
  struct Parts {
    loop::Loop& loop;
    store::Store& store;
    cluster::ObjectApi& api;
    LastHeard last_heard;
  };
  // What it refers to outlives it.
  Edge(Parts parts, EdgeOptions options);
  ~Edge();

  // Fills the caches, then starts all controllers. An error means that the store cannot be followed.
  loop::Task<Result<void>> start();
  // How many nodes an every-node pod template is for (placement.h).
  std::int32_t countMatchingNodes(const Value& pod_spec) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace towpath::edge
