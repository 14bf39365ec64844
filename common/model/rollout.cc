#include "model/rollout.h"

#include <charconv>

namespace towpath::model {
namespace {

struct StepText {
  std::string operator()(const InvalidStep&) const { return "invalid"; }
  std::string operator()(const SetWeightStep& step) const { return fmt::format("setWeight: {}", step.weight); }
  std::string operator()(const PauseStep& step) const {
    return step.duration ? "pause: " + step.duration_text : std::string("pause");
  }
  std::string operator()(const SetCanaryScaleStep& step) const {
    if (step.match_traffic_weight) return "setCanaryScale{matchTrafficWeight: true}";
    if (step.replicas) return fmt::format("setCanaryScale{{replicas: {}}}", *step.replicas);
    if (step.weight) return fmt::format("setCanaryScale{{weight: {}}}", *step.weight);
    return "setCanaryScale";
  }
  std::string operator()(const AnalysisStep&) const { return "analysis"; }
  std::string operator()(const ExperimentStep&) const { return "experiment"; }
  std::string operator()(const SetHeaderRouteStep& step) const { return "setHeaderRoute: " + step.name; }
  std::string operator()(const SetMirrorRouteStep& step) const { return "setMirrorRoute: " + step.name; }
  std::string operator()(const PluginStep& step) const { return "plugin: " + step.name; }
};

constexpr PauseReason kPauseReasons[] = {PauseReason::kCanaryPauseStep, PauseReason::kBlueGreenPause,
                                         PauseReason::kInconclusiveAnalysisRun, PauseReason::kInconclusiveExperiment,
                                         PauseReason::kWebhookGate};

}  // namespace

std::string toString(const Step& step) { return std::visit(StepText{}, step); }

const std::string& nameOf(const ManagedRoute& route) {
  return std::visit([](const auto& step) -> const std::string& { return step.name; }, route);
}

Result<Duration> parsePauseDuration(std::string_view text) {
  std::int32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size() && seconds >= 0) return std::chrono::seconds(seconds);
  const Result<Duration> parsed = parseGoDuration(text);
  if (!parsed || *parsed < Duration::zero()) {
    return fail(
        ErrorKind::kInvalid,
        fmt::format("\"{}\" is no pause duration: write seconds (30) or a duration such as \"30s\" or \"1h\"", text));
  }
  // A century and no end are the same to people, and sums of times stay in range.
  constexpr Duration kLongest = 24h * 36500;
  return std::chrono::floor<std::chrono::seconds>(std::min(*parsed, kLongest));
}

const char* toString(PauseReason reason) {
  switch (reason) {
    case PauseReason::kCanaryPauseStep:
      return "CanaryPauseStep";
    case PauseReason::kBlueGreenPause:
      return "BlueGreenPause";
    case PauseReason::kInconclusiveAnalysisRun:
      return "InconclusiveAnalysisRun";
    case PauseReason::kInconclusiveExperiment:
      return "InconclusiveExperiment";
    case PauseReason::kWebhookGate:
      return "WebhookGate";
  }
  return "";
}

std::optional<PauseReason> parsePauseReason(std::string_view text) {
  for (const PauseReason reason : kPauseReasons) {
    if (text == toString(reason)) return reason;
  }
  return std::nullopt;
}

bool hasPause(const RolloutStatus& status, PauseReason reason) {
  return std::ranges::find(status.pause_conditions, reason, &PauseCondition::reason) != status.pause_conditions.end();
}

ServicePair pingPongServices(const PingPong& services, std::string_view stable_ping_pong) {
  // Nothing yet is as "pong": the first canary is behind ping.
  if (stable_ping_pong == "ping") return {services.ping_service, services.pong_service};
  return {services.pong_service, services.ping_service};
}

ServicePair routedServices(const CanaryStrategy& canary, std::string_view stable_ping_pong, ServiceChoice choice) {
  const bool named = !canary.stable_service.empty() && !canary.canary_service.empty();
  if (canary.ping_pong && (choice == ServiceChoice::kPreferPingPong || !named)) {
    return pingPongServices(*canary.ping_pong, stable_ping_pong);
  }
  return {canary.stable_service, canary.canary_service};
}

}  // namespace towpath::model
