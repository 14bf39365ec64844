#pragma once
// PURE: the Pod status that Kubernetes clients know, made from what the runner knows of each container.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "supervise/pod_spec.h"
#include "supervise/record.h"

namespace towpath::supervise {

// One container, as it is now.
struct ContainerFacts {
  std::string name;
  std::string image;
  std::string image_id;  // "sha256:…" once known
  bool running = false;
  bool completed = false;  // ended and not to be started again
  bool started = false;    // startup probe passed, or there is none and it runs
  bool ready = false;
  std::string waiting_reason;  // "ContainerCreating", "CrashLoopBackOff", "ErrImagePull", …
  std::string waiting_message;
  WallTime started_at{};
  std::int64_t restart_count = 0;
  std::optional<ExitRecord> last_exit;
  std::optional<ProcessId> process;
};

struct PodFacts {
  const PodSpec& spec;
  std::vector<ContainerFacts> init_containers;
  std::vector<ContainerFacts> containers;
  std::vector<InstancePort> ports;
  std::string node_address;
  WallTime accepted_at{};
  bool stopping = false;  // being drained or stopped: not ready, whatever the probes say
};

enum class PodPhase { kPending, kRunning, kSucceeded, kFailed };
PodPhase phaseOf(const PodFacts& facts);
bool isReady(const PodFacts& facts);

// `previous` gives the transition times of conditions that did not change.
Value buildStatus(const PodFacts& facts, const Value& previous, WallTime now);

}  // namespace towpath::supervise
