#pragma once
// A provider whose measurement is one question: nearly all that speak HTTP. It asks, the conditions of the metric judge
// the answer, and nothing is left running.

#include <map>
#include <string>

#include "base/error.h"
#include "metrics/provider.h"
#include "metrics/registry.h"

namespace towpath::metrics {

struct Answer {
  Value result;      // what the conditions see, typed as the peer's (metric-providers reference, 0.2)
  std::string text;  // measurement.value
  std::map<std::string, std::string> metadata = {};
};

class QuestionProvider : public Provider {
 public:
  explicit QuestionProvider(const ProviderContext& context) : context_(context) {}
  // An error is a measurement with phase Error and its message.
  loop::Task<model::Measurement> start(MetricRequest request) final;

 protected:
  virtual loop::Task<Result<Answer>> ask(const MetricRequest& request) = 0;
  const ProviderContext& context() const { return context_; }
  WallTime now() const { return context_.loop->steadyNow(); }

 private:
  const ProviderContext& context_;
};

}  // namespace towpath::metrics
