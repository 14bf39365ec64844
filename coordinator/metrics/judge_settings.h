#pragma once
// The settings of a towpath/judge metric (docs/analysis.md), read from its provider's JSON. Numbers may be written as
// texts, since arguments are.

#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "judge/classical.h"
#include "judge/sequential.h"
#include "metrics/judge_series.h"

namespace towpath::metrics {

enum class JudgeMethod { kSequential, kClassical };
enum class NoEvidence { kInconclusive, kPass, kFail };

struct JudgeSettings {
  std::string service, route;  // empty: all traffic of the two versions in the namespace
  std::string canary, stable;  // pod template hashes
  JudgeMethod method = JudgeMethod::kSequential;
  Duration window = 10s;      // a minute for the classical method
  Duration duration = 10min;  // until the verdict at the latest
  Duration settle = 4s;       // how long after its end a window's counts are waited for
  NoEvidence no_evidence = NoEvidence::kInconclusive;
  bool errors = true;
  std::vector<double> quantiles;        // of latency that are compared; empty: latency is not
  judge::SequentialOptions sequential;  // metrics: errors first, then one a quantile
  judge::ClassicalOptions classical;
  std::vector<SeriesSource> series;  // not empty: the classical method on these, and not on the proxies' counters
  std::uint64_t windows() const { return static_cast<std::uint64_t>(duration / window); }
};

// kInvalid with the field.
Result<JudgeSettings> readJudgeSettings(const Value& config);

}  // namespace towpath::metrics
