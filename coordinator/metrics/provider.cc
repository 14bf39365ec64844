#include "metrics/provider.h"

namespace towpath::metrics {

// Most providers answer within start(): nothing is ever left running.
loop::Task<model::Measurement> Provider::resume(MetricRequest, model::Measurement measurement) {
  co_return measurement;
}

loop::Task<model::Measurement> Provider::terminate(MetricRequest, model::Measurement measurement) {
  co_return measurement;
}

}  // namespace towpath::metrics
