#pragma once
// The rules that are compared, each fed with the same windows: fixed thresholds as analysis templates have them, the
// classical judge, and the sequential one.

#include <memory>
#include <string>
#include <vector>

#include "verdicts/world.h"

namespace towpath::verdicts {

enum class Outcome { kOpen, kAborted, kPassed };

class Rule {
 public:
  virtual ~Rule() = default;
  virtual std::string name() const = 0;
  // One window more. kOpen: goes on.
  virtual Outcome observe(const Seen& seen) = 0;
};

// The canary's error ratio in a minute is above `errors`, or its 90th percentile above `latency` times the usual one,
// in more than `failure_limit` minutes.
struct Threshold {
  double errors = 0.05;
  double latency = 1.15;
  int failure_limit = 0;
};
std::unique_ptr<Rule> makeThreshold(const Threshold& threshold);
enum class Looks { kOnce, kEvery5Minutes };
// Mann-Whitney over the minutes so far, both metrics critical: at the end, or every 5 minutes from the tenth on.
std::unique_ptr<Rule> makeClassical(Looks looks);
// `burst` as judge::SequentialOptions.
std::unique_ptr<Rule> makeSequential(double burst);
judge::SequentialOptions sequentialOptions(double burst);

std::vector<std::unique_ptr<Rule>> allRules();

}  // namespace towpath::verdicts
