#include "supervise/pod_status.h"

namespace towpath::supervise {
namespace {

Value exitState(const ExitRecord& exit, const ContainerFacts& facts) {
  Object state{{"exitCode", exit.exit_code.value_or(255)}, {"reason", exit.reason}};
  if (!exit.message.empty()) state.set("message", exit.message);
  state.set("startedAt", formatRfc3339(exit.started_at));
  state.set("finishedAt", formatRfc3339(exit.finished_at));
  if (facts.process) state.set("containerID", fmt::format("process://{}", facts.process->pid));
  return state;
}

Value containerState(const ContainerFacts& facts) {
  if (facts.running) return Object{{"running", Object{{"startedAt", formatRfc3339(facts.started_at)}}}};
  if (facts.completed && facts.last_exit) return Object{{"terminated", exitState(*facts.last_exit, facts)}};
  Object waiting{{"reason", facts.waiting_reason.empty() ? "ContainerCreating" : facts.waiting_reason}};
  if (!facts.waiting_message.empty()) waiting.set("message", facts.waiting_message);
  return Object{{"waiting", std::move(waiting)}};
}

Value containerStatus(const ContainerFacts& facts) {
  Object status{{"name", facts.name},
                {"image", facts.image},
                {"imageID", facts.image_id},
                {"restartCount", facts.restart_count},
                {"ready", facts.ready},
                {"started", facts.started},
                {"state", containerState(facts)}};
  const bool ended_before = facts.last_exit && !facts.completed;
  status.set("lastState",
             ended_before ? Value(Object{{"terminated", exitState(*facts.last_exit, facts)}}) : Value(Object{}));
  if (facts.process && facts.running) status.set("containerID", fmt::format("process://{}", facts.process->pid));
  return status;
}

Value containerStatuses(const std::vector<ContainerFacts>& containers) {
  Array list;
  for (const ContainerFacts& facts : containers) list.push_back(containerStatus(facts));
  return list;
}

bool initialized(const PodFacts& facts) {
  return std::all_of(facts.init_containers.begin(), facts.init_containers.end(),
                     [](const ContainerFacts& container) { return container.completed; });
}

std::string notReadyNames(const PodFacts& facts) {
  std::string names;
  for (const ContainerFacts& container : facts.containers) {
    if (!container.ready) names += (names.empty() ? "" : " ") + container.name;
  }
  return names;
}

struct Condition {
  std::string type;
  bool holds;
  std::string reason;
  std::string message;
};

Value conditionValue(const Condition& condition, const Value& previous, WallTime now) {
  const std::string status = condition.holds ? "True" : "False";
  std::string since = formatRfc3339(now);
  for (const Value& old : previous["conditions"].asArray()) {
    if (old["type"].asStringView() == condition.type && old["status"].asStringView() == status) {
      since = old["lastTransitionTime"].asString(since);
    }
  }
  Object value{{"type", condition.type}, {"status", status}};
  if (!condition.reason.empty()) value.set("reason", condition.reason);
  if (!condition.message.empty()) value.set("message", condition.message);
  value.set("lastTransitionTime", since);
  return value;
}

Array conditions(const PodFacts& facts, const Value& previous, WallTime now) {
  const bool all_ready = isReady(facts);
  const PodPhase phase = phaseOf(facts);
  std::string reason;
  std::string message;
  if (!all_ready) {
    const bool ended = phase == PodPhase::kSucceeded || phase == PodPhase::kFailed;
    reason = phase == PodPhase::kSucceeded ? "PodCompleted"
             : phase == PodPhase::kFailed  ? "PodFailed"
                                           : "ContainersNotReady";
    if (facts.stopping && !ended) reason = "PodTerminating";
    if (!ended) message = fmt::format("containers with unready status: [{}]", notReadyNames(facts));
  }
  Array list;
  for (const Condition& condition :
       {Condition{"PodScheduled", true, "", ""},
        Condition{"Initialized", initialized(facts), initialized(facts) ? "" : "ContainersNotInitialized", ""},
        Condition{"ContainersReady", all_ready, reason, message}, Condition{"Ready", all_ready, reason, message}}) {
    list.push_back(conditionValue(condition, previous, now));
  }
  return list;
}

const char* toString(PodPhase phase) {
  switch (phase) {
    case PodPhase::kPending:
      return "Pending";
    case PodPhase::kRunning:
      return "Running";
    case PodPhase::kSucceeded:
      return "Succeeded";
    case PodPhase::kFailed:
      return "Failed";
  }
  return "Unknown";
}

}  // namespace

PodPhase phaseOf(const PodFacts& facts) {
  bool any_started = false;
  // Without ports, say, none of them is made yet.
  bool all_completed = !facts.containers.empty();
  bool any_failed = false;
  for (const ContainerFacts& container : facts.init_containers) {
    if (container.completed && container.last_exit && container.last_exit->exit_code.value_or(255) != 0)
      return PodPhase::kFailed;
    if (!container.completed) return PodPhase::kPending;
  }
  for (const ContainerFacts& container : facts.containers) {
    any_started = any_started || container.running || container.last_exit.has_value();
    all_completed = all_completed && container.completed;
    any_failed =
        any_failed || (container.completed && container.last_exit && container.last_exit->exit_code.value_or(255) != 0);
  }
  if (all_completed) return any_failed ? PodPhase::kFailed : PodPhase::kSucceeded;
  return any_started ? PodPhase::kRunning : PodPhase::kPending;
}

bool isReady(const PodFacts& facts) {
  if (facts.stopping || phaseOf(facts) != PodPhase::kRunning) return false;
  return std::all_of(facts.containers.begin(), facts.containers.end(),
                     [](const ContainerFacts& container) { return container.ready; });
}

Value buildStatus(const PodFacts& facts, const Value& previous, WallTime now) {
  Object status{{"phase", toString(phaseOf(facts))}, {"conditions", conditions(facts, previous, now)}};
  status.set("hostIP", facts.node_address);
  status.set("hostIPs", Array{Object{{"ip", facts.node_address}}});
  status.set("podIP", facts.node_address);
  status.set("podIPs", Array{Object{{"ip", facts.node_address}}});
  status.set("startTime", formatRfc3339(facts.accepted_at));
  if (!facts.init_containers.empty()) status.set("initContainerStatuses", containerStatuses(facts.init_containers));
  status.set("containerStatuses", containerStatuses(facts.containers));
  Array ports;
  for (const InstancePort& port : facts.ports) {
    ports.push_back(Object{{"name", port.name},
                           {"containerPort", port.container_port},
                           {"hostPort", port.host_port},
                           {"protocol", port.protocol}});
  }
  // Ours: where the instance really listens. Endpoints are made from it (docs/instances.md).
  status.set("towpath", Object{{"ports", std::move(ports)}});
  return status;
}

}  // namespace towpath::supervise
