#include "controllers.h"

#include <utility>

#include "delivery.h"
#include "http/client.h"

namespace towpath::coordinator {

namespace {

// Traffic samples as the metric provider asks for them.
class StoredTraffic final : public metrics::TrafficSource {
 public:
  explicit StoredTraffic(store::SampleStore& samples) : samples_(samples) {}
  void followInstances(const std::string& ns, const std::string& pod_template_hash, WallTime until) override {
    samples_.followInstances(ns, pod_template_hash, until);
  }
  metrics::TrafficSums sums(const metrics::TrafficQuery& query) const override {
    store::SampleSums sums = samples_.sums({.ns = query.ns,
                                            .service = query.service,
                                            .pod_template_hash = query.pod_template_hash,
                                            .route = query.route,
                                            .from = query.from,
                                            .to = query.to});
    metrics::TrafficSums answer{.samples = sums.samples,
                                .requests = sums.requests,
                                .status_2xx = sums.status_2xx,
                                .status_3xx = sums.status_3xx,
                                .status_4xx = sums.status_4xx,
                                .status_5xx = sums.status_5xx,
                                .connection_errors = sums.connection_errors,
                                .latency = std::move(sums.latency_sketch)};
    for (auto& [name, instance] : sums.instances) {
      answer.instances.push_back({name, instance.requests, instance.errors, std::move(instance.latency)});
    }
    return answer;
  }

 private:
  store::SampleStore& samples_;
};

}  // namespace

struct Controllers::Impl {
  explicit Impl(Parts parts)
      : client(parts.loop),
        traffic(parts.samples),
        delivery({.loop = parts.loop,
                  .api = parts.rollout_api,
                  .client = client,
                  .traffic = traffic,
                  .step_plugins = std::move(parts.step_plugins),
                  .metric_plugins = std::move(parts.metric_plugins),
                  .route_reports = traffic::RouteReports::kExpected}),
        edge({parts.loop, parts.store, parts.edge_api, parts.last_heard},
             {.nodes = {.silence_max = parts.silence_max}, .events = {}}) {}

  http::Client client;
  StoredTraffic traffic;
  Delivery delivery;
  edge::Edge edge;
};

Controllers::Controllers(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {}
Controllers::~Controllers() = default;

loop::Task<Result<void>> Controllers::start() {
  impl_->delivery.startCaches();
  if (Result<void> started = co_await impl_->edge.start(); !started) co_return started;
  impl_->delivery.start();
  co_return {};
}

}  // namespace towpath::coordinator
