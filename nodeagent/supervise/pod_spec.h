#pragma once
// What the process driver needs of a Pod, read from its JSON and checked: everything it cannot do is an error that
// names the field, never silently left out.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"

namespace towpath::supervise {

enum class RestartPolicy { kAlways, kOnFailure, kNever };

struct PortSpec {
  std::string name;
  std::int32_t container_port = 0;
  std::int32_t host_port = 0;  // not 0: this very port, or the pod does not start
  std::string protocol = "TCP";
};

struct ResourceLimits {
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> cpu_milli;
};

struct ContainerSpec {
  std::string name;
  std::string image;
  std::vector<std::string> command;  // before expansion of $(VAR)
  std::vector<std::string> args;
  std::string working_dir;  // relative to the artifact's root, or absolute; empty: the root itself
  std::vector<PortSpec> ports;
  Value env = Array{};
  Value env_from = Array{};
  ResourceLimits limits;
  std::optional<std::int64_t> run_as_user;
  std::optional<std::int64_t> run_as_group;
  bool run_as_non_root = false;
  bool no_new_privileges = false;
  Value startup_probe, readiness_probe, liveness_probe;
};

struct PodSpec {
  std::string ns, name, uid;
  std::vector<ContainerSpec> init_containers;
  std::vector<ContainerSpec> containers;
  RestartPolicy restart_policy = RestartPolicy::kAlways;
  Duration grace_period = std::chrono::seconds(30);
  bool deleting = false;
  Value metadata;  // for fieldRef
};

Result<PodSpec> readPodSpec(const Value& pod);

}  // namespace towpath::supervise
