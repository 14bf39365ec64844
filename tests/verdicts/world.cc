#include "verdicts/world.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace towpath::verdicts {
namespace {

constexpr int kOutageWindows = 10;
constexpr double kOutageErrors = 0.3;
constexpr double kLatencySigma = 0.6;  // of the logarithm: the 99th percentile is four times the median
constexpr std::array<double, 3> kSteps{0.05, 0.2, 0.5};
constexpr int kStepWindows = kWindows / static_cast<int>(kSteps.size());

double exceeding(double z) { return std::erfc(z / std::numbers::sqrt2) / 2; }

// Where a mixture of two normal distributions is exceeded by `part`.
double cutOf(double weight, double canary_shift, double stable_shift, double part) {
  double low = -10;
  double high = 10;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    const double above = weight * exceeding(middle - canary_shift) + (1 - weight) * exceeding(middle - stable_shift);
    (above > part ? low : high) = middle;
  }
  return (low + high) / 2;
}

double canaryShift(Fault fault) { return fault == Fault::kLatency20 ? std::log(1.2) / kLatencySigma : 0; }

double density(double z) { return std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi); }

// Standard error of the logarithm of a quantile of n lognormal values.
double quantileError(std::uint64_t n) {
  static const double at = cutOf(0.5, 0, 0, 1 - kLatencyQuantile);
  return kLatencySigma * std::sqrt(kLatencyQuantile * (1 - kLatencyQuantile) / static_cast<double>(n)) / density(at);
}

}  // namespace

const char* toString(Noise noise) {
  switch (noise) {
    case Noise::kIndependent:
      return "independent";
    case Noise::kBursts2:
      return "bursts of 2";
    case Noise::kBursts5:
      return "bursts of 5";
    case Noise::kSharedOutage:
      return "shared outage";
    case Noise::kDailyDrift:
      return "daily drift";
    case Noise::kWeightSteps:
      return "weight steps with outages";
  }
  return "";
}

const char* toString(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "healthy";
    case Fault::kErrorsTwice:
      return "errors x2";
    case Fault::kErrorsOnePoint:
      return "errors +1 point";
    case Fault::kLatency20:
      return "latency +20 %";
  }
  return "";
}

World::World(const Scenario& scenario, std::uint64_t seed) : scenario_(scenario), random_(seed) {
  phase_ = uniform() * 2 * std::numbers::pi;
  if (scenario.noise == Noise::kSharedOutage) outage_from_ = static_cast<int>(uniform() * (kWindows - kOutageWindows));
  if (scenario.noise == Noise::kWeightSteps) outage_from_ = kStepWindows * (uniform() < 0.5 ? 1 : 2);
}

double World::uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

double World::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

// By inversion where it is lopsided, by the normal distribution where no test could tell.
std::uint64_t World::binomial(std::uint64_t n, double p) {
  if (n == 0 || p <= 0) return 0;
  if (p > 0.5) return n - binomial(n, 1 - p);
  const auto trials = static_cast<double>(n);
  const double variance = trials * p * (1 - p);
  if (variance > 40)
    return static_cast<std::uint64_t>(std::clamp(std::round(trials * p + std::sqrt(variance) * normal()), 0.0, trials));
  double probability = std::exp(trials * std::log1p(-p));
  double left = uniform();
  std::uint64_t x = 0;
  while (left > probability && x < n) {
    left -= probability;
    ++x;
    probability *= (trials - static_cast<double>(x) + 1) / static_cast<double>(x) * p / (1 - p);
  }
  return x;
}

std::uint64_t World::poisson(double mean) {
  if (mean > 60) return static_cast<std::uint64_t>(std::max(std::round(mean + std::sqrt(mean) * normal()), 0.0));
  double probability = std::exp(-mean);
  double left = uniform();
  std::uint64_t x = 0;
  while (left > probability && x < 1000) {
    left -= probability;
    probability *= mean / static_cast<double>(++x);
  }
  return x;
}

std::uint64_t World::events(std::uint64_t requests, double rate) {
  const int burst = scenario_.noise == Noise::kBursts2 ? 2 : scenario_.noise == Noise::kBursts5 ? 5 : 1;
  if (burst == 1) return binomial(requests, rate);
  return std::min(poisson(static_cast<double>(requests) * rate / burst) * static_cast<std::uint64_t>(burst), requests);
}

judge::ArmPair World::slow(std::uint64_t canary, std::uint64_t stable, double stable_shift) {
  judge::ArmPair arms{.canary = {.requests = canary}, .stable = {.requests = stable}};
  if (canary + stable == 0) return arms;
  const double shift = canaryShift(scenario_.fault);
  const double weight = static_cast<double>(canary) / static_cast<double>(canary + stable);
  // The cut follows from the latencies that came; its own scatter moves no share.
  const double cut = cutOf(weight, shift, stable_shift, 1 - kLatencyQuantile);
  arms.canary.events = events(canary, exceeding(cut - shift));
  arms.stable.events = events(stable, exceeding(cut - stable_shift));
  return arms;
}

Seen World::next() {
  const double wave = std::sin(2 * std::numbers::pi * at_ / kWindows + phase_);
  const bool drifts = scenario_.noise == Noise::kDailyDrift;
  const bool steps = scenario_.noise == Noise::kWeightSteps;
  const double usual = scenario_.fault == Fault::kErrorsOnePoint ? 0.001 : 0.01;
  double stable_rate = usual * (drifts ? std::pow(3, wave) : 1);
  double canary_rate = stable_rate;
  if (scenario_.fault == Fault::kErrorsTwice) canary_rate *= 2;
  if (scenario_.fault == Fault::kErrorsOnePoint) canary_rate += 0.01;
  const bool outage = outage_from_ >= 0 && at_ >= outage_from_ && at_ < outage_from_ + kOutageWindows;
  if (outage) {
    stable_rate += kOutageErrors;
    canary_rate += kOutageErrors;
  }
  const double seconds = std::chrono::duration<double>(kWindow).count();
  const double traffic = scenario_.requests_per_second * seconds * (drifts ? std::pow(std::sqrt(5), wave) : 1);
  const double weight = steps ? kSteps[static_cast<std::size_t>(std::min(at_ / kStepWindows, 2))] : scenario_.weight;
  Seen seen;
  seen.window.start = kWindow * at_++;
  const std::uint64_t all = poisson(traffic);
  const std::uint64_t canary = binomial(all, weight);
  const std::uint64_t stable = all - canary;
  seen.window.canary_requests = canary;
  seen.window.stable_requests = stable;
  judge::Observation errors{
      .arms = {.canary = {canary, events(canary, canary_rate)}, .stable = {stable, events(stable, stable_rate)}}};
  judge::Observation latency{.arms = slow(canary, stable, 0),
                             .tolerated = slow(canary, stable, std::log(kSmallestLatencyRatio) / kLatencySigma)};
  const double common = (drifts ? std::log(1.3) * wave : 0) + (outage ? std::log(3) : 0);
  if (stable > 0) seen.log_latency_stable = common + quantileError(stable) * normal();
  if (canary > 0)
    seen.log_latency_canary = common + canaryShift(scenario_.fault) * kLatencySigma + quantileError(canary) * normal();
  latency.log_ratio = seen.log_latency_canary - seen.log_latency_stable;
  seen.window.metrics = {std::move(errors), std::move(latency)};
  return seen;
}

}  // namespace towpath::verdicts
