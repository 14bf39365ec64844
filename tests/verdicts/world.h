#pragma once
// A made-up rollout as the judge would see it: window after window, how many requests each version had, how many failed
// and how many were slow, from a seed. The canary is as good as the stable version, or has a known fault; errors come
// one by one or in bursts, and what happens to both versions happens to both.

#include <cstdint>
#include <random>

#include "judge/sequential.h"

namespace towpath::verdicts {

enum class Noise {
  kIndependent,   // each request fails on its own
  kBursts2,       // a failing request is repeated once, and fails again
  kBursts5,       // … four times
  kSharedOutage,  // both versions fail three requests in ten for 100 s, at some time
  kDailyDrift,    // errors by a factor of 1 to 9 and traffic by 1 to 5 go up and down, latency by a third
  kWeightSteps,   // the canary gets 5, 20, then 50 % of the traffic, and an outage of both begins with a step
};
enum class Fault {
  kNone,
  kErrorsTwice,     // 2 % instead of 1 %
  kErrorsOnePoint,  // 1.1 % instead of 0.1 %
  kLatency20,       // every answer takes 1.2 times as long
};
const char* toString(Noise noise);
const char* toString(Fault fault);

struct Scenario {
  double requests_per_second = 50;  // of both versions together
  double weight = 0.2;              // of the canary
  Noise noise = Noise::kIndependent;
  Fault fault = Fault::kNone;
};

inline constexpr Duration kWindow = 10s;
inline constexpr int kWindows = 120;  // 20 minutes
inline constexpr double kLatencyQuantile = 0.9;
inline constexpr double kSmallestLatencyRatio = 1.1;

// What one window looked like. Latencies are lognormal; instead of each request's, what the judge makes of them is
// drawn (latency.h), and the quantiles that a threshold or a series is made of, as logarithms against the usual value.
struct Seen {
  judge::Window window;  // metrics: errors, latency
  double log_latency_canary = 0, log_latency_stable = 0;
};

class World {
 public:
  World(const Scenario& scenario, std::uint64_t seed);
  Seen next();

 private:
  double uniform();
  double normal();
  std::uint64_t binomial(std::uint64_t n, double p);
  std::uint64_t poisson(double mean);
  std::uint64_t events(std::uint64_t requests, double rate);
  judge::ArmPair slow(std::uint64_t canary, std::uint64_t stable, double stable_shift);

  Scenario scenario_;
  std::mt19937_64 random_;
  int at_ = 0;
  int outage_from_ = -1;
  double phase_ = 0;
};

}  // namespace towpath::verdicts
