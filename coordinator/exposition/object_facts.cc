#include "exposition/object_facts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/expr/pattern.h"

namespace towpath::exposition {
namespace {

using Name = std::pair<const char*, const char*>;  // as a spec spells it, as the label does

constexpr std::array<Name, 6> kRouters{{{"alb", "ALB"},
                                        {"ambassador", "Ambassador"},
                                        {"istio", "Istio"},
                                        {"nginx", "Nginx"},
                                        {"smi", "SMI"},
                                        {"appMesh", "AppMesh"}}};
constexpr std::array<Name, 12> kProviders{{{"prometheus", "Prometheus"},
                                           {"job", "Job"},
                                           {"kayenta", "Kayenta"},
                                           {"web", "WebMetric"},
                                           {"datadog", "Datadog"},
                                           {"newRelic", "NewRelic"},
                                           {"wavefront", "Wavefront"},
                                           {"cloudWatch", "CloudWatch"},
                                           {"graphite", "Graphite"},
                                           {"influxdb", "Influxdb"},
                                           {"skywalking", "SkyWalking"},
                                           {"plugin", "RPCPlugin"}}};
constexpr std::array<Name, 5> kReasons{{{"NewReplicaSetAvailable", "Completed"},
                                        {"RolloutPaused", "Paused"},
                                        {"ReplicaSetCreateError", "Error"},
                                        {"ProgressDeadlineExceeded", "Timeout"},
                                        {"RolloutAborted", "Abort"}}};

template <std::size_t N>
const char* firstMember(const Value& object, const std::array<Name, N>& names, const char* otherwise) {
  for (const auto& [member, label] : names) {
    if (!object[member].isNull()) return label;
  }
  return otherwise;
}

const char* phaseOf(const Value& conditions) {
  const char* phase = "Progressing";
  for (const Value& condition : conditions.asArray()) {
    if (condition["type"].asStringView() == "InvalidSpec") return "InvalidSpec";
    if (condition["type"].asStringView() != "Progressing") continue;
    for (const auto& [reason, label] : kReasons) {
      if (condition["reason"].asStringView() == reason) phase = label;
    }
  }
  return phase;
}

// The entries of spec.dryRun are expressions that a metric's name is searched for.
bool isDryRun(const Value& dry_run, const std::string& metric) {
  return std::ranges::any_of(dry_run.asArray(), [&metric](const Value& entry) {
    const std::string name = entry["metricName"].asString();
    if (name == metric) return true;
    expr::Budget budget;
    return expr::matches(metric, name, budget).value_or(false);
  });
}

double secondsBetween(WallTime from, WallTime to) { return std::chrono::duration<double>(to - from).count(); }

}  // namespace

RolloutFacts rolloutFacts(const Value& rollout) {
  const Value& spec = rollout["spec"];
  const Value& status = rollout["status"];
  const Value& strategy = spec["strategy"];
  RolloutFacts facts;
  if (strategy["canary"].isObject()) {
    facts.strategy = "canary";
    facts.traffic_router = firstMember(strategy["canary"]["trafficRouting"], kRouters, "");
  } else if (strategy["blueGreen"].isObject()) {
    facts.strategy = "blueGreen";
  }
  facts.phase = phaseOf(status["conditions"]);
  facts.available = status["availableReplicas"].asInt();
  facts.unavailable = status["replicas"].asInt() - facts.available;
  facts.desired = spec["replicas"].isNull() ? 1 : spec["replicas"].asInt();
  facts.updated = status["updatedReplicas"].asInt();
  return facts;
}

std::optional<FinishedUpdate> finishedUpdate(const Value& rollout) {
  const Value& duration = rollout["status"]["duration"];
  FinishedUpdate update{.finished_at = duration["finishedAt"].asString(),
                        .status = duration["completionStatus"].asString()};
  const auto began = parseRfc3339(duration["rolloutStartedAt"].asString());
  const auto ended = parseRfc3339(update.finished_at);
  if (!began || !ended) return std::nullopt;
  update.seconds = secondsBetween(*began, *ended);
  update.paused_seconds = static_cast<double>(duration["totalManualPauseDurationSeconds"].asInt());
  return update;
}

std::vector<MetricFacts> metricFacts(const Value& object) {
  std::vector<MetricFacts> facts;
  for (const Value& metric : object["spec"]["metrics"].asArray()) {
    facts.push_back(
        {.name = metric["name"].asString(), .type = firstMember(metric["provider"], kProviders, "Unknown Provider")});
    facts.back().dry_run = isDryRun(object["spec"]["dryRun"], facts.back().name);
  }
  return facts;
}

RunFacts runFacts(const Value& object) {
  const Value& status = object["status"];
  RunFacts facts{.phase = status["phase"].asString("Pending"), .metrics = metricFacts(object)};
  if (facts.phase.empty()) facts.phase = "Pending";
  for (MetricFacts& metric : facts.metrics) {
    for (const Value& result : status["metricResults"].asArray()) {
      if (result["name"].asStringView() == metric.name) metric.phase = result["phase"].asString();
    }
    if (metric.phase.empty()) metric.phase = "Pending";
  }
  return facts;
}

}  // namespace towpath::exposition
