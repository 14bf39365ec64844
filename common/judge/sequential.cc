#include "judge/sequential.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "judge/forecast.h"

namespace towpath::judge {
namespace {

// Of one metric; a version with more is judged by the rest of them together.
constexpr std::size_t kInstancesMax = 32;

double shareOf(double canary, double stable) { return canary / (canary + stable); }

// The canary's expected part of the events if its rate is `ratio` times the stable version's.
double shiftedShare(double share, double ratio) { return share * ratio / (1 - share + share * ratio); }

double asDouble(std::uint64_t count) { return static_cast<double>(count); }

Events eventsOf(const ArmPair& arms) {
  return {.canary = asDouble(arms.canary.events),
          .all = asDouble(arms.canary.events + arms.stable.events),
          .share = shareOf(asDouble(arms.canary.requests), asDouble(arms.stable.requests))};
}

bool sane(const Arm& arm) { return arm.events <= arm.requests; }
bool sane(const ArmPair& arms) { return sane(arms.canary) && sane(arms.stable); }

void addTo(Arm& sum, const Arm& arm) {
  sum.requests += arm.requests;
  sum.events += arm.events;
}

std::string percent(double ratio) { return fmt::format("{:.3g} %", ratio * 100); }

double rate(const Arm& arm) { return arm.requests == 0 ? 0 : asDouble(arm.events) / asDouble(arm.requests); }

std::string whyBad(const MetricOptions& options, const MetricReport& metric) {
  std::string text = fmt::format("{}: {} on the canary, {} on the stable version", metric.name,
                                 percent(rate(metric.canary)), percent(rate(metric.stable)));
  if (options.kind == MetricKind::kLatency) {
    text = fmt::format("{}: the canary takes {:.3g} times as long as the stable version", metric.name, metric.ratio);
  }
  return fmt::format("{}; odds {:.3g} to 1 against an equal one, {:.3g} asked for", text,
                     std::exp(std::min(metric.bad_evidence, 60.0)), std::exp(metric.bad_needed));
}

}  // namespace

const char* toString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNotEnoughYet:
      return "notEnoughYet";
    case Verdict::kGood:
      return "good";
    case Verdict::kBad:
      return "bad";
  }
  return "";
}

Result<void> checkOptions(const SequentialOptions& options) {
  const auto invalid = [](const char* field, const char* message) { return fail(ErrorKind::kInvalid, message, field); };
  const auto probability = [](double value) { return value >= 1e-6 && value <= 0.5; };
  if (options.metrics.empty()) return invalid("metrics", "name at least one thing to compare");
  if (!probability(options.false_abort)) return invalid("falseAbort", "a probability of 0.000001 to 0.5 is wanted");
  if (!probability(options.missed)) return invalid("missed", "a probability of 0.000001 to 0.5 is wanted");
  if (!(options.burst >= 0)) return invalid("burst", "0 (any burst) or a number of requests is wanted");
  if (!(options.burst_for_good >= 0)) return invalid("burst", "0 (any burst) or a number of requests is wanted");
  for (const MetricOptions& metric : options.metrics) {
    if (!(metric.smallest_ratio > 1) || metric.smallest_ratio > 1000)
      return invalid("smallestEffect.ratio", "a number above 1 is wanted: 1.5 is half as much again");
    if (!(metric.smallest_difference > 0) || metric.smallest_difference >= 1)
      return invalid("smallestEffect.points", "a difference above 0 and below 100 points is wanted");
  }
  return {};
}

void SequentialJudge::Effect::add(const ArmPair& arms) {
  const double canary_requests = asDouble(arms.canary.requests);
  const double stable_requests = asDouble(arms.stable.requests);
  const double all = canary_requests + stable_requests;
  if (all <= 0) return;
  const double of_canary = asDouble(arms.canary.events) * stable_requests / all;
  const double of_stable = asDouble(arms.stable.events) * canary_requests / all;
  canary += of_canary;
  stable += of_stable;
  difference += of_canary - of_stable;
  weight += canary_requests * stable_requests / all;
}

double SequentialJudge::Effect::ratio() const {
  if (stable > 0) return canary / stable;
  return canary > 0 ? std::numeric_limits<double>::infinity() : 1;
}

double SequentialJudge::Effect::latencyRatio() const { return log_weight > 0 ? std::exp(log_ratio / log_weight) : 1; }

SequentialJudge::SequentialJudge(SequentialOptions options) : options_(std::move(options)) {
  for (std::size_t i = 0; i < options_.metrics.size(); ++i) {
    metrics_.push_back({.worse = ShareTest(Bet::kMore, options_.burst),
                        .tolerable = ShareTest(Bet::kLess, options_.burst_for_good),
                        .rare = ShareTest(Bet::kLess, options_.burst_for_good)});
  }
}

// While the weights move within a window, a bad moment of both versions may fall on the part of it in which the canary
// had most of the traffic. Told from the requests alone, so that it is no choice by outcome.
bool SequentialJudge::weightMoved(const Window& window) const {
  if (last_canary_ + last_stable_ <= 0) return false;
  const double canary = asDouble(window.canary_requests);
  const double stable = asDouble(window.stable_requests);
  const double now = shareOf(canary, stable);
  const double before = shareOf(last_canary_, last_stable_);
  const double mean = shareOf(canary + last_canary_, stable + last_stable_);
  const double scatter = std::sqrt(mean * (1 - mean) * (1 / (canary + stable) + 1 / (last_canary_ + last_stable_)));
  const double least = std::min({now, before, 1 - now, 1 - before});
  return std::abs(now - before) > std::max(5 * scatter, 0.1 * least);
}

Result<void> SequentialJudge::observe(const Window& window) {
  if (window.metrics.size() != metrics_.size())
    return fail(ErrorKind::kInvalid, "a window has as many observations as the judge has metrics");
  for (const Observation& observation : window.metrics) {
    if (!sane(observation.arms) || (observation.tolerated && !sane(*observation.tolerated)))
      return fail(ErrorKind::kInvalid, "a window has more events than requests");
  }
  const bool both = window.canary_requests > 0 && window.stable_requests > 0;
  const bool moved = both && weightMoved(window);
  if (both) {
    last_canary_ = asDouble(window.canary_requests);
    last_stable_ = asDouble(window.stable_requests);
  }
  if (!both || moved || window.start < options_.warm_up) {
    ++left_out_;
    return {};
  }
  ++windows_;
  canary_requests_ += window.canary_requests;
  stable_requests_ += window.stable_requests;
  for (std::size_t i = 0; i < metrics_.size(); ++i) observeMetric(options_.metrics[i], metrics_[i], window.metrics[i]);
  return {};
}

void SequentialJudge::observeMetric(const MetricOptions& options, Metric& metric, const Observation& observation) {
  const ArmPair& arms = observation.arms;
  if (arms.canary.requests == 0 || arms.stable.requests == 0) return;
  const Events events = eventsOf(arms);
  metric.worse.observe(events);
  addTo(metric.canary, arms.canary);
  addTo(metric.stable, arms.stable);
  observeInstances(metric, observation);
  metric.effect.add(arms);
  if (options.kind == MetricKind::kLatency) {
    if (observation.tolerated) metric.tolerable.observe(eventsOf(*observation.tolerated));
    const double weight = asDouble(arms.canary.requests) * (1 - events.share);
    metric.effect.log_ratio += weight * observation.log_ratio;
    metric.effect.log_weight += weight;
    return;
  }
  Events shifted = events;
  shifted.share = shiftedShare(events.share, options.smallest_ratio);
  metric.tolerable.observe(shifted);
  // Where errors are rare no ratio can be told; but too few of them for the smallest difference is an answer, too.
  metric.rare.observe({.canary = asDouble(arms.canary.events),
                       .all = asDouble(arms.canary.requests),
                       .share = options.smallest_difference});
}

void SequentialJudge::observeInstances(Metric& metric, const Observation& observation) {
  // Unknown is not absent.
  if (observation.instances.empty()) return;
  for (const InstanceArm& seen : observation.instances) {
    const auto same = std::ranges::find(metric.instances, seen.instance, &InstanceEffect::instance);
    const bool known = same != metric.instances.end();
    if (known || metric.instances.size() >= kInstancesMax || !sane(seen.arm)) continue;
    // Until now it was not there.
    metric.instances.push_back({seen.instance, metric.effect});
  }
  for (InstanceEffect& instance : metric.instances) {
    ArmPair arms = observation.arms;
    const auto seen = std::ranges::find(observation.instances, instance.instance, &InstanceArm::instance);
    if (seen != observation.instances.end()) {
      arms.canary.requests -= std::min(arms.canary.requests, seen->arm.requests);
      arms.canary.events -= std::min(arms.canary.events, seen->arm.events);
    }
    if (arms.canary.requests > 0) instance.without.add(arms);
  }
}

// The instance without which the effect would not be there; empty: there is none, or only one instance is known.
std::string SequentialJudge::instanceAlone(const MetricOptions& options, const Metric& metric) {
  if (metric.instances.size() < 2) return "";
  for (const InstanceEffect& instance : metric.instances) {
    const double ratio = instance.without.ratio();
    bool there = ratio >= options.smallest_ratio && instance.without.points() >= options.smallest_difference;
    // Quantiles are not known by instance: of what is slow too often, a quarter must be left.
    if (options.kind == MetricKind::kLatency) there = ratio - 1 >= (metric.effect.ratio() - 1) / 4;
    if (!there) return instance.instance;
  }
  return "";
}

MetricReport SequentialJudge::judgeMetric(const MetricOptions& options, const Metric& metric) const {
  const bool latency = options.kind == MetricKind::kLatency;
  MetricReport report{.name = options.name,
                      .bad_evidence = metric.worse.logWealth(),
                      .bad_needed = std::log(asDouble(metrics_.size()) / options_.false_abort),
                      .good_evidence = metric.tolerable.logWealth(),
                      .good_needed = std::log(1 / options_.missed),
                      .ratio = latency ? metric.effect.latencyRatio() : metric.effect.ratio(),
                      .difference = latency ? 0 : metric.effect.points(),
                      .canary = metric.canary,
                      .stable = metric.stable};
  // An average of two bets, each fair on its own.
  if (!latency) {
    const double rare = metric.rare.logWealth();
    const double most = std::max(report.good_evidence, rare);
    report.good_evidence = most + std::log((std::exp(report.good_evidence - most) + std::exp(rare - most)) / 2);
  }
  const bool worth =
      report.ratio >= options.smallest_ratio && (latency || report.difference >= options.smallest_difference);
  if (report.bad_evidence >= report.bad_needed && worth) {
    report.worst_instance = instanceAlone(options, metric);
    if (report.worst_instance.empty()) report.verdict = Verdict::kBad;
  } else if (report.good_evidence >= report.good_needed &&
             (latency ? report.ratio < options.smallest_ratio : report.difference < options.smallest_difference)) {
    // In an outage of both versions the ratio of errors is near 1 whatever the canary adds to them; their difference is
    // not.
    report.verdict = Verdict::kGood;
  }
  return report;
}

std::optional<double> SequentialJudge::forecast(const MetricOptions& options, const Metric& metric,
                                                double missing) const {
  if (windows_ == 0) return std::nullopt;
  return windowsToBad({.events = asDouble(metric.canary.events + metric.stable.events) / windows_,
                       .share = shareOf(asDouble(canary_requests_), asDouble(stable_requests_)),
                       .ratio = options.smallest_ratio,
                       .burst = options_.burst,
                       // What the mixture of bets costs.
                       .missing = missing + std::log(asDouble(kBets) / 2)});
}

bool SequentialJudge::enoughSeen() const {
  return windows_ >= options_.min_windows && std::min(canary_requests_, stable_requests_) >= options_.min_requests;
}

// One bad metric is enough for bad; good needs all.
Verdict SequentialJudge::together(const std::vector<MetricReport>& metrics) {
  const auto bad = std::ranges::find(metrics, Verdict::kBad, &MetricReport::verdict);
  if (bad != metrics.end()) return Verdict::kBad;
  const bool good = std::ranges::all_of(metrics, [](const auto& metric) { return metric.verdict == Verdict::kGood; });
  return good ? Verdict::kGood : Verdict::kNotEnoughYet;
}

Verdict SequentialJudge::verdict() const {
  if (!enoughSeen()) return Verdict::kNotEnoughYet;
  std::vector<MetricReport> metrics;
  for (std::size_t i = 0; i < metrics_.size(); ++i) metrics.push_back(judgeMetric(options_.metrics[i], metrics_[i]));
  return together(metrics);
}

Report SequentialJudge::report() const {
  Report report{.windows = windows_,
                .left_out = left_out_,
                .canary_requests = canary_requests_,
                .stable_requests = stable_requests_};
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    MetricReport& metric = report.metrics.emplace_back(judgeMetric(options_.metrics[i], metrics_[i]));
    metric.windows_to_bad =
        forecast(options_.metrics[i], metrics_[i], metric.bad_needed - std::max(metric.bad_evidence, 0.0));
  }
  if (!enoughSeen()) {
    report.reason = fmt::format(
        "{} windows with {} requests on the canary and {} on the stable version; {} windows with {} on each are the "
        "least",
        windows_, canary_requests_, stable_requests_, options_.min_windows, options_.min_requests);
    return report;
  }
  report.verdict = together(report.metrics);
  for (std::size_t i = 0; i < report.metrics.size() && report.reason.empty(); ++i) {
    const MetricReport& metric = report.metrics[i];
    if (metric.verdict == Verdict::kBad) report.reason = whyBad(options_.metrics[i], metric);
    if (report.verdict == Verdict::kNotEnoughYet && !metric.worst_instance.empty())
      report.reason = fmt::format("{}: what is wrong is wrong on {} alone", metric.name, metric.worst_instance);
  }
  if (report.reason.empty()) {
    report.reason =
        report.verdict == Verdict::kGood ? "an effect worth an abort is ruled out" : "not enough evidence yet";
  }
  return report;
}

}  // namespace towpath::judge
