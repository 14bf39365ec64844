#pragma once
// What the controllers read: one cache for each resource, shared by all controllers of the process. All of them outlive
// the controllers.

#include "cluster/cache.h"

namespace towpath::control {

struct Caches {
  cluster::Cache* rollouts = nullptr;
  cluster::Cache* replica_sets = nullptr;
  cluster::Cache* services = nullptr;
  cluster::Cache* analysis_runs = nullptr;
  cluster::Cache* analysis_templates = nullptr;
  cluster::Cache* cluster_analysis_templates = nullptr;
  cluster::Cache* http_routes = nullptr;
  cluster::Cache* pods = nullptr;  // for restarts and ephemeral metadata
  // What workloadRef may name; nullptr where the kind is not served.
  cluster::Cache* deployments = nullptr;
  cluster::Cache* pod_templates = nullptr;
  // ReplicaSets that are no version of anything, which only a workloadRef names; nullptr: they are among replica_sets.
  // May be started later than the others.
  cluster::Cache* plain_replica_sets = nullptr;
  cluster::Cache* experiments = nullptr;  // nullptr: no step makes one
};

}  // namespace towpath::control
