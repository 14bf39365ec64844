#include "metrics/question.h"

#include <utility>

#include "engine/analysis/assess.h"

namespace towpath::metrics {

loop::Task<model::Measurement> QuestionProvider::start(MetricRequest request) {
  const WallTime started = now();
  Result<Answer> answer = co_await ask(request);
  if (!answer) co_return analysis::failedMeasurement(describe(answer.error()), started, now());
  // Conditions compare now() with times that others made.
  const analysis::Verdict verdict = analysis::assessResult(answer->result, request.metric, context_.loop->wallNow());
  model::Measurement measurement = analysis::finishedMeasurement(verdict, std::move(answer->text), started, now());
  measurement.metadata = std::move(answer->metadata);
  co_return measurement;
}

}  // namespace towpath::metrics
