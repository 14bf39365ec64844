#include "judge/latency.h"

#include <cmath>

namespace towpath::judge {
namespace {

// The bin where the quantile of both together lies. What is above it is slow, so that both versions are cut at the same
// value.
sketch::BinIndex cutOf(const sketch::Sketch& canary, const sketch::Sketch& stable, double quantile) {
  sketch::Sketch both = canary;
  both.merge(stable);
  return both.empty() ? sketch::binLast() : sketch::binOf(static_cast<std::uint64_t>(both.quantile(quantile)));
}

Arm slowOnes(const sketch::Sketch& latency, sketch::BinIndex cut) {
  return {.requests = latency.count(), .events = latency.countAbove(cut)};
}

ArmPair slowOnes(const sketch::Sketch& canary, const sketch::Sketch& stable, sketch::BinIndex cut) {
  return {.canary = slowOnes(canary, cut), .stable = slowOnes(stable, cut)};
}

}  // namespace

Observation latencyObservation(const sketch::Sketch& canary, const sketch::Sketch& stable, double quantile,
                               double smallest_ratio, std::span<const InstanceLatency> instances) {
  const sketch::BinIndex cut = cutOf(canary, stable, quantile);
  const sketch::Sketch slowed = stable.scaled(smallest_ratio);
  Observation observation{.arms = slowOnes(canary, stable, cut),
                          .tolerated = slowOnes(canary, slowed, cutOf(canary, slowed, quantile))};
  for (const InstanceLatency& one : instances) {
    observation.instances.push_back({one.instance, slowOnes(*one.latency, cut)});
  }
  const double of_canary = canary.quantile(quantile);
  const double of_stable = stable.quantile(quantile);
  if (of_canary > 0 && of_stable > 0) observation.log_ratio = std::log(of_canary / of_stable);
  return observation;
}

}  // namespace towpath::judge
