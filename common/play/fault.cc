#include "play/fault.h"

#include <fmt/format.h>

namespace towpath::play {
namespace {

struct Name {
  std::string_view text;
  Fault::Kind kind;
  bool timed;  // needs "@TIME"
};

constexpr Name kNames[] = {
    {"canary-never-ready", Fault::Kind::kCanaryNeverReady, false},
    {"canary-unready", Fault::Kind::kCanaryUnready, true},
    {"pod-crash", Fault::Kind::kPodCrash, true},
    {"metric-error", Fault::Kind::kMetricError, true},
    {"abort", Fault::Kind::kAbort, true},
    {"plugin-fails", Fault::Kind::kPluginFails, false},
    {"experiment-fails", Fault::Kind::kExperimentFails, false},
};
constexpr const char* kKnown =
    "canary-never-ready, canary-unready@TIME, pod-crash@TIME, metric-error[=METRIC]@TIME, abort@TIME, "
    "plugin-fails, experiment-fails";

}  // namespace

Result<Fault> parseFault(std::string_view text) {
  const auto refuse = [text](std::string_view why) {
    return fail(ErrorKind::kInvalid, fmt::format("\"{}\": {}; there are: {}", text, why, kKnown), "--fault");
  };
  const std::size_t at = text.rfind('@');
  std::string_view name = text.substr(0, at);
  Fault fault;
  if (const std::size_t equals = name.find('='); equals != std::string_view::npos) {
    fault.metric = name.substr(equals + 1);
    name = name.substr(0, equals);
    if (fault.metric.empty()) return refuse("no metric is named after \"=\"");
  }
  for (const Name& known : kNames) {
    if (known.text != name) continue;
    fault.kind = known.kind;
    if (!fault.metric.empty() && fault.kind != Fault::Kind::kMetricError)
      return refuse("only metric-error has a metric");
    if (known.timed != (at != std::string_view::npos)) {
      return refuse(known.timed ? "a time is missing, as in \"@30s\"" : "it holds from the start and takes no time");
    }
    if (!known.timed) return fault;
    const Result<Duration> time = parseGoDuration(text.substr(at + 1));
    if (!time || *time < 0s) return refuse("the time is no duration such as 30s or 2m");
    fault.at = *time;
    return fault;
  }
  return refuse("is no fault");
}

std::string toString(const Fault& fault) {
  for (const Name& known : kNames) {
    if (known.kind != fault.kind) continue;
    std::string text(known.text);
    if (!fault.metric.empty()) text += "=" + fault.metric;
    return known.timed ? fmt::format("{}@{}", text, formatGoDuration(fault.at)) : text;
  }
  return "";
}

}  // namespace towpath::play
