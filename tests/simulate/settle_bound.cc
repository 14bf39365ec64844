// How long a rollout that nothing disturbs may take to come to rest: what its spec lets it wait for, one after the
// other.
#include <algorithm>
#include <charconv>

#include "api/analysis_view.h"
#include "simulate/monitor.h"

namespace towpath::simulate {
namespace {

using std::chrono::seconds;

// Calls that fail are tried again, a broken watch comes back, nodes report.
constexpr Duration kSlack = 3min;
constexpr Duration kSlowPod = 50s;
constexpr Duration kSlowAnswer = 30s;        // of metrics and plugins
constexpr Duration kSlowExperiment = 10min;  // taken up, run, and late by chance
constexpr int kErrors = 5;                   // measurements in a row; they are ten seconds apart
constexpr int kPluginCalls = 10;             // forty seconds apart at most
constexpr int kMakeUp = 50;                  // clocks make up for jumps (loop/steady_clock.h), with some to spare

struct Bound {
  const Scenario& scenario;
  const model::RolloutSpec& spec;

  Duration ofAnalyses() const {
    Duration longest{};
    const bool hangs = std::ranges::find(scenario.qualities, Quality::kHangs) != scenario.qualities.end();
    for (const Value& made : scenario.templates) {
      const Value& metric = made["spec"]["metrics"][0];
      const std::int64_t count = metric["count"].asInt(1);
      const Duration interval = parseGoDuration(metric["interval"].asString("0s")).value_or(Duration::zero());
      const Duration one = interval + kSlowAnswer + (hangs ? Duration(1h) : Duration(0h));
      longest = std::max(longest, count * one + kErrors * (10s + kSlowAnswer));
    }
    return longest;
  }

  Duration ofStep(const model::Step& step) const {
    if (const auto* pause = std::get_if<model::PauseStep>(&step)) return pause->duration.value_or(Duration::zero());
    if (std::holds_alternative<model::AnalysisStep>(step)) return ofAnalyses();
    if (std::holds_alternative<model::ExperimentStep>(step)) return kSlowExperiment + deadline();
    if (std::holds_alternative<model::PluginStep>(step)) return kPluginCalls * (40s + kSlowAnswer);
    return deadline();
  }

  Duration deadline() const { return seconds(spec.progress_deadline_seconds + spec.min_ready_seconds); }

  Duration ofDelays() const {
    std::int32_t delay = 30, abort_delay = 30;
    if (const model::CanaryStrategy* canary = spec.canary()) {
      delay = canary->scale_down_delay_seconds.value_or(delay);
      abort_delay = canary->abort_scale_down_delay_seconds.value_or(abort_delay);
    } else if (const model::BlueGreenStrategy* blue_green = spec.blueGreen()) {
      delay = blue_green->scale_down_delay_seconds.value_or(delay) + blue_green->auto_promotion_seconds;
      abort_delay = blue_green->abort_scale_down_delay_seconds.value_or(abort_delay);
    }
    return seconds(delay + abort_delay);
  }

  Duration ofUpdate() const {
    Duration sum = 2 * deadline() + ofDelays();
    if (const model::CanaryStrategy* canary = spec.canary()) {
      for (const model::Step& step : canary->steps) sum += ofStep(step);
    } else {
      sum += 2 * ofAnalyses();
    }
    return sum;
  }

  // One pod after the other, looked at every half minute.
  Duration ofRestart() const {
    return spec.restart_at ? (spec.wantedReplicas() + 1) * (kSlowPod + 30s + seconds(spec.min_ready_seconds))
                           : Duration::zero();
  }
};

}  // namespace

Duration Monitor::settlesWithin() const {
  const Bound bound{parts_.scenario, spec_};
  const bool queues = extensions_.on_new_version == model::OnNewVersion::kQueue;
  const Duration sum = (queues ? 2 : 1) * bound.ofUpdate() + bound.ofRestart() + kSlack;
  return sum + sum / kMakeUp;
}

}  // namespace towpath::simulate
