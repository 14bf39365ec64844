#include "edge/edge.h"

#include "cluster/cache.h"
#include "cluster/events.h"
#include "cluster/kinds.h"
#include "edge/collector.h"
#include "edge/endpoints.h"
#include "edge/jobs.h"
#include "edge/namespaces.h"
#include "edge/placement.h"
#include "edge/pod_index.h"
#include "edge/replica_sets.h"
#include "edge/scheduler.h"

namespace towpath::edge {

// In the order in which each needs the ones before it.
struct Edge::Impl {
  Impl(Parts parts, const EdgeOptions& options)
      : loop(parts.loop),
        pods(parts.loop, parts.api, cluster::kPods),
        nodes(parts.loop, parts.api, cluster::kNodes),
        replica_sets(parts.loop, parts.api, cluster::kReplicaSets),
        jobs(parts.loop, parts.api, cluster::kJobs),
        services(parts.loop, parts.api, cluster::kServices),
        slices(parts.loop, parts.api, cluster::kEndpointSlices, {.label_indexes = {kServiceNameLabel}}),
        pod_index(pods),
        node_index(nodes),
        events(parts.loop, parts.api, "towpath-edge"),
        replica_set_controller({parts.loop, parts.api, replica_sets, pods, pod_index, events}),
        job_controller({parts.loop, parts.api, jobs, pods, pod_index, events}),
        scheduler({parts.loop, parts.api, pods, nodes, replica_sets, pod_index, node_index, events}),
        node_lifecycle({parts.loop, parts.api, nodes, pod_index, node_index, events, std::move(parts.last_heard)},
                       options.nodes),
        endpoints({parts.loop, parts.api, services, slices, pods, pod_index}),
        collector(parts.loop, parts.store, parts.api),
        namespaces(parts.loop, parts.store, parts.api),
        expiry(parts.loop, parts.store, parts.api, options.events) {}

  loop::Loop& loop;
  cluster::Cache pods, nodes, replica_sets, jobs, services, slices;
  PodIndex pod_index;
  NodeIndex node_index;
  cluster::EventRecorder events;
  ReplicaSets replica_set_controller;
  Jobs job_controller;
  Scheduler scheduler;
  Nodes node_lifecycle;
  Endpoints endpoints;
  Collector collector;
  Namespaces namespaces;
  Expiry expiry;
};

Edge::Edge(Parts parts, EdgeOptions options) : impl_(std::make_unique<Impl>(std::move(parts), options)) {}

Edge::~Edge() = default;

loop::Task<Result<void>> Edge::start() {
  Impl& impl = *impl_;
  // All begin before the first is waited for; no controller acts on half a picture.
  cluster::Cache* const caches[] = {&impl.pods, &impl.nodes,    &impl.replica_sets,
                                    &impl.jobs, &impl.services, &impl.slices};
  for (cluster::Cache* cache : caches) cache->start();
  for (cluster::Cache* cache : caches) co_await cache->waitSynced();
  impl.replica_set_controller.start();
  impl.job_controller.start();
  impl.scheduler.start();
  impl.node_lifecycle.start();
  impl.endpoints.start();
  impl.collector.start();
  if (auto started = impl.namespaces.start(); !started) co_return started;
  co_return impl.expiry.start();
}

std::int32_t Edge::countMatchingNodes(const Value& pod_spec) const {
  return edge::countMatchingNodes(pod_spec, impl_->node_index.all());
}

}  // namespace towpath::edge
