#include "verdicts/rules.h"

#include <fmt/format.h>

#include <cmath>

#include "judge/classical.h"

namespace towpath::verdicts {
namespace {

constexpr int kWindowsOfMinute = 6;

// Sums of windows to minutes.
struct Minute {
  int windows = 0;
  judge::Arm canary, stable;
  double log_canary = 0, log_stable = 0;

  void add(const Seen& seen) {
    ++windows;
    const judge::ArmPair& arms = seen.window.metrics[0].arms;
    canary = {canary.requests + arms.canary.requests, canary.events + arms.canary.events};
    stable = {stable.requests + arms.stable.requests, stable.events + arms.stable.events};
    log_canary += seen.log_latency_canary / kWindowsOfMinute;
    log_stable += seen.log_latency_stable / kWindowsOfMinute;
  }
  bool full() const { return windows == kWindowsOfMinute; }
};

double ratio(const judge::Arm& arm) {
  return arm.requests == 0 ? std::nan("") : static_cast<double>(arm.events) / static_cast<double>(arm.requests);
}

class ThresholdRule final : public Rule {
 public:
  explicit ThresholdRule(const Threshold& threshold) : threshold_(threshold) {}
  std::string name() const override {
    return fmt::format("threshold {:.3g} % errors, {:.3g}x latency, failureLimit {}", threshold_.errors * 100,
                       threshold_.latency, threshold_.failure_limit);
  }
  Outcome observe(const Seen& seen) override {
    minute_.add(seen);
    if (!minute_.full()) return Outcome::kOpen;
    if (ratio(minute_.canary) > threshold_.errors) ++error_failures_;
    if (std::exp(minute_.log_canary) > threshold_.latency) ++latency_failures_;
    minute_ = {};
    return std::max(error_failures_, latency_failures_) > threshold_.failure_limit ? Outcome::kAborted : Outcome::kOpen;
  }

 private:
  Threshold threshold_;
  Minute minute_;
  int error_failures_ = 0, latency_failures_ = 0;
};

class ClassicalRule final : public Rule {
 public:
  explicit ClassicalRule(Looks looks) : looks_(looks) {
    for (judge::SeriesMetric* metric : {&errors_, &latency_}) {
      metric->direction = judge::SeriesDirection::kIncrease;
      metric->critical = true;
    }
  }
  std::string name() const override {
    return looks_ == Looks::kOnce ? "classical judge, at the end" : "classical judge, every 5 minutes";
  }
  Outcome observe(const Seen& seen) override {
    minute_.add(seen);
    if (!minute_.full()) return Outcome::kOpen;
    errors_.experiment.push_back(ratio(minute_.canary));
    errors_.control.push_back(ratio(minute_.stable));
    latency_.experiment.push_back(std::exp(minute_.log_canary));
    latency_.control.push_back(std::exp(minute_.log_stable));
    minute_ = {};
    ++minutes_;
    const bool end = minutes_ == kWindows / kWindowsOfMinute;
    const bool look = looks_ == Looks::kEvery5Minutes && minutes_ >= 10 && minutes_ % 5 == 0;
    if (!end && !look) return Outcome::kOpen;
    const judge::ClassicalReport report = judge::judgeClassically({errors_, latency_}, {});
    if (report.classification == judge::ScoreClass::kFail) return Outcome::kAborted;
    return end ? Outcome::kPassed : Outcome::kOpen;
  }

 private:
  Looks looks_;
  Minute minute_;
  int minutes_ = 0;
  judge::SeriesMetric errors_{.name = "errors"}, latency_{.name = "latency"};
};

class SequentialRule final : public Rule {
 public:
  explicit SequentialRule(double burst) : burst_(burst), judge_(sequentialOptions(burst)) {}
  std::string name() const override {
    if (burst_ == 0) return "sequential judge";
    return burst_ == 1 ? "sequential judge, per request" : fmt::format("sequential judge, bursts of {:.0f}", burst_);
  }
  Outcome observe(const Seen& seen) override {
    if (!judge_.observe(seen.window)) return Outcome::kOpen;
    switch (judge_.verdict()) {
      case judge::Verdict::kBad:
        return Outcome::kAborted;
      case judge::Verdict::kGood:
        return Outcome::kPassed;
      case judge::Verdict::kNotEnoughYet:
        return Outcome::kOpen;
    }
    return Outcome::kOpen;
  }

 private:
  double burst_;
  judge::SequentialJudge judge_;
};

}  // namespace

std::unique_ptr<Rule> makeThreshold(const Threshold& threshold) { return std::make_unique<ThresholdRule>(threshold); }
std::unique_ptr<Rule> makeClassical(Looks looks) { return std::make_unique<ClassicalRule>(looks); }
std::unique_ptr<Rule> makeSequential(double burst) { return std::make_unique<SequentialRule>(burst); }

judge::SequentialOptions sequentialOptions(double burst) {
  return {.metrics = {{.name = "errors"},
                      {.name = "latency p90",
                       .kind = judge::MetricKind::kLatency,
                       .smallest_ratio = kSmallestLatencyRatio}},
          .burst = burst};
}

std::vector<std::unique_ptr<Rule>> allRules() {
  std::vector<std::unique_ptr<Rule>> rules;
  rules.push_back(makeThreshold({}));
  rules.push_back(makeThreshold({.errors = 0.02, .failure_limit = 3}));
  rules.push_back(makeClassical(Looks::kOnce));
  rules.push_back(makeClassical(Looks::kEvery5Minutes));
  rules.push_back(makeSequential(0));
  rules.push_back(makeSequential(5));
  rules.push_back(makeSequential(1));
  return rules;
}

}  // namespace towpath::verdicts
