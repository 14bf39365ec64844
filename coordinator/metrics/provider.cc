#include "metrics/provider.h"

namespace towpath::metrics {

// Most providers answer within start(): nothing is ever left running.
loop::Task<model::Measurement> Provider::resume(MetricRequest, model::Measurement measurement) {
  co_return measurement;
}

loop::Task<model::Measurement> Provider::terminate(MetricRequest, model::Measurement measurement) {
  measurement.phase = model::AnalysisPhase::kInconclusive;
  co_return measurement;
}

loop::Task<Result<void>> Provider::collectGarbage(MetricRequest, int) { co_return {}; }

std::map<std::string, std::string> Provider::metadata(const MetricRequest&) const { return {}; }

}  // namespace towpath::metrics
