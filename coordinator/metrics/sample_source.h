#pragma once
// The traffic that towpath/traffic reads, from the coordinator's samples.

#include "metrics/traffic_source.h"
#include "store/samples.h"

namespace towpath::metrics {

class SampleSource final : public TrafficSource {
 public:
  // `samples` outlives it.
  explicit SampleSource(const store::SampleStore& samples) : samples_(samples) {}

  TrafficSums sums(const TrafficQuery& query) const override {
    const store::SampleSums found = samples_.sums({.ns = query.ns,
                                                   .service = query.service,
                                                   .pod_template_hash = query.pod_template_hash,
                                                   .route = query.route,
                                                   .from = query.from,
                                                   .to = query.to});
    return {.samples = found.samples,
            .requests = found.requests,
            .status_2xx = found.status_2xx,
            .status_3xx = found.status_3xx,
            .status_4xx = found.status_4xx,
            .status_5xx = found.status_5xx,
            .connection_errors = found.connection_errors};
  }

 private:
  const store::SampleStore& samples_;
};

}  // namespace towpath::metrics
