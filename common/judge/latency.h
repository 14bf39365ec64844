#pragma once
// Latency as events for the sequential judge: of the answers of both versions in a window, those slower than a quantile
// of both together. If the versions are equally fast, each is the canary's with the probability of its share of all
// answers, whatever the latencies' distribution and however it moves from window to window; so the test of shares
// (share_test.h) bounds false aborts here as well. (Quantiles by sequential tests: Howard, Ramdas, "Sequential
// estimation of quantiles with applications to A/B testing", Bernoulli 28, 2022, arXiv 1906.09712.)

#include <span>
#include <string>

#include "judge/sequential.h"
#include "sketch/sketch.h"

namespace towpath::judge {

// The canary's answers by instance, where they are known.
struct InstanceLatency {
  std::string instance;
  const sketch::Sketch* latency = nullptr;
};

// One window of latencies, seen at `quantile` (0..1). The tolerated pair has the stable version's answers slowed by
// `smallest_ratio`. Arms without events where nothing can be said: no answers, or all in one bin.
Observation latencyObservation(const sketch::Sketch& canary, const sketch::Sketch& stable, double quantile,
                               double smallest_ratio, std::span<const InstanceLatency> instances = {});

}  // namespace towpath::judge
