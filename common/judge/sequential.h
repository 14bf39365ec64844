#pragma once
// SequentialJudge: is the canary worse than the stable version that serves at the same time? It may be asked after
// every window, and answers good, bad or not enough evidence yet. Pure; share_test.h has the statistics and their
// sources.
//
// What is promised, for all metrics together and however often it is asked:
// - A canary that is no worse than the stable version is called bad with probability `false_abort` at most. The bound
//   is split evenly among the metrics. It holds for errors in bursts, as long as a window is longer than a burst.
// - A canary that is worse by the smallest effect or more is called good with probability `missed` at most, as long as
//   no cause makes more than `burst_for_good` events.
// - A canary that is worse, but by less than the smallest effect, is not called bad while the estimate says so.
//
// Further conditions of "bad", none of which can raise the chance of a false one: minimum evidence; and where the
// events are known by instance, the effect must be there without the worst instance as well, since one bad host is not
// a bad version. A window in which a version served nothing, or in which the weights moved, is left out: what cannot be
// measured is neither good nor bad.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "judge/share_test.h"

namespace towpath::judge {

struct Arm {
  std::uint64_t requests = 0;
  std::uint64_t events = 0;  // at most `requests`
  bool operator==(const Arm&) const = default;
};
struct ArmPair {
  Arm canary, stable;
  bool operator==(const ArmPair&) const = default;
};
struct InstanceArm {
  std::string instance;
  Arm arm;
};

// One metric in one window.
struct Observation {
  ArmPair arms;
  // Latency: the same with the stable version slowed by the smallest effect (latency.h).
  std::optional<ArmPair> tolerated;
  // Latency: natural logarithm of the canary's quantile over the stable version's.
  double log_ratio = 0;
  // The canary's arm by instance, where it is known; empty: unknown.
  std::vector<InstanceArm> instances;
};

struct Window {
  Duration start{};  // since the beginning of the comparison
  std::uint64_t canary_requests = 0, stable_requests = 0;
  std::vector<Observation> metrics;  // as SequentialOptions::metrics
};

enum class MetricKind { kErrors, kLatency };

struct MetricOptions {
  std::string name;
  MetricKind kind = MetricKind::kErrors;
  // The smallest effect worth an abort: the canary's error ratio (or latency) over the stable version's, and for errors
  // also their difference (0.005: half a point). Both must be reached.
  double smallest_ratio = 1.5;
  double smallest_difference = 0.005;
};

struct SequentialOptions {
  std::vector<MetricOptions> metrics;
  double false_abort = 0.05;
  double missed = 0.05;
  double burst = 0;                 // 0: any burst within a window; 1: the test per request
  double burst_for_good = 5;        // see above
  Duration warm_up{};               // windows that start earlier are left out
  std::uint64_t min_requests = 50;  // of each version
  int min_windows = 2;
};

// kInvalid: what makes no sense, with the field.
Result<void> checkOptions(const SequentialOptions& options);

enum class Verdict { kNotEnoughYet, kGood, kBad };
const char* toString(Verdict verdict);

struct MetricReport {
  std::string name;
  Verdict verdict = Verdict::kNotEnoughYet;
  double bad_evidence = 0, bad_needed = 0;    // logarithms of wealth
  double good_evidence = 0, good_needed = 0;  //
  double ratio = 1;                           // estimated effect: canary over stable, like with like
  double difference = 0;                      // errors only: canary's ratio less the stable version's
  Arm canary, stable;                         // sums
  std::string worst_instance;                 // set where the effect hangs on this instance alone
  // About how many more windows like those so far it takes to call a canary bad that is worse by the smallest effect;
  // nullopt: no event was seen, so nothing can be foretold.
  std::optional<double> windows_to_bad;
};

struct Report {
  Verdict verdict = Verdict::kNotEnoughYet;
  std::string reason;  // for a person
  int windows = 0;     // that count
  int left_out = 0;    // warm-up, one version idle, weights moved
  std::uint64_t canary_requests = 0, stable_requests = 0;
  std::vector<MetricReport> metrics;
};

class SequentialJudge {
 public:
  explicit SequentialJudge(SequentialOptions options);

  // Windows in order of time, each once. kInvalid: not as many metrics as the options have, or more events than
  // requests.
  Result<void> observe(const Window& window);
  Verdict verdict() const;
  // The verdict with its evidence.
  Report report() const;

  // All that was learnt, as a line of text; restore() goes on from there. kCorrupt: it is of other options or damaged.
  std::string state() const;
  Result<void> restore(std::string_view state);

 private:
  // Sums that estimate the effect, stratified by window (Mantel, Haenszel 1959), so that windows with another weight or
  // more errors do not mix.
  struct Effect {
    double canary = 0, stable = 0;         // numerator and denominator of the ratio
    double difference = 0, weight = 0;     //
    double log_ratio = 0, log_weight = 0;  // latency
    void add(const ArmPair& arms);
    double ratio() const;         // of the shares of events
    double latencyRatio() const;  // of the quantiles
    double points() const { return weight > 0 ? difference / weight : 0; }
  };
  struct InstanceEffect {
    std::string instance;
    Effect without;  // the effect as if this instance had not been there
  };
  struct Metric {
    ShareTest worse, tolerable, rare;
    Arm canary, stable;
    Effect effect;
    std::vector<InstanceEffect> instances;
  };
  void observeMetric(const MetricOptions& options, Metric& metric, const Observation& observation);
  static void observeInstances(Metric& metric, const Observation& observation);
  MetricReport judgeMetric(const MetricOptions& options, const Metric& metric) const;
  std::optional<double> forecast(const MetricOptions& options, const Metric& metric, double missing) const;
  bool enoughSeen() const;
  static Verdict together(const std::vector<MetricReport>& metrics);
  static std::string instanceAlone(const MetricOptions& options, const Metric& metric);
  bool weightMoved(const Window& window) const;

  SequentialOptions options_;
  std::vector<Metric> metrics_;
  int windows_ = 0, left_out_ = 0;
  std::uint64_t canary_requests_ = 0, stable_requests_ = 0;
  double last_canary_ = 0, last_stable_ = 0;  // requests of the window before
};

}  // namespace towpath::judge
