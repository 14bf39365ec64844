#pragma once
// Nodes: what the silence of a node means. A node that is not heard for the grace period is Unknown: its pods stay
// where they are, since it most likely serves on. A node whose object is deleted takes its pods with it, after a while
// in which an agent may enrol again under the name.

#include <functional>
#include <map>
#include <string>

#include "cluster/cache.h"
#include "cluster/events.h"
#include "edge/pod_index.h"
#include "loop/scope.h"

namespace towpath::edge {

// When the node was last heard, by the loop's clock (agents/heartbeats.h).
using LastHeard = std::function<MonoTime(const std::string& node)>;

struct NodeOptions {
  Duration silence_max = 40s;  // then it is Unknown; Kubernetes' node-monitor-grace-period
  Duration check_interval = 5s;
  Duration deleted_node_grace = 30s;    // then the pods of a node that does not exist are removed
  std::size_t finished_pods_max = 200;  // finished pods that are kept; the oldest go first
};

// The Ready condition that the node should have, or null if it is right as it is. Pure.
Value wantedReadyCondition(const Value& node, Duration silence, Duration silence_max, WallTime now);

class Nodes {
 public:
  struct Parts {
    loop::Loop& loop;
    cluster::ObjectApi& api;
    cluster::Cache& nodes;
    const PodIndex& pod_index;
    const NodeIndex& node_index;
    cluster::EventRecorder& events;
    LastHeard last_heard;
  };
  Nodes(Parts parts, NodeOptions options);
  void start();

 private:
  loop::Task<void> run();
  loop::Task<void> checkSilence();
  loop::Task<void> setReady(cluster::ObjectRef node, Value condition);
  loop::Task<void> removeLostPods();
  loop::Task<void> removeFinishedPods();
  loop::Task<void> removePod(std::string ns, std::string name, std::string uid);

  Parts parts_;
  NodeOptions options_;
  std::map<std::string, MonoTime> missing_since_;  // names of nodes that pods name but that do not exist
  loop::Scope scope_;
};

}  // namespace towpath::edge
