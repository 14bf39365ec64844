#pragma once
// Where an instance really listens: `status.towpath.ports` of a pod, written by its agent (docs/instances.md).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/value.h"

namespace towpath::edge {

struct InstancePort {
  std::string name;  // of the container's port; may be empty
  std::int32_t container_port = 0;
  std::int32_t host_port = 0;
  std::string protocol;  // "TCP" or "UDP"
  bool operator==(const InstancePort&) const = default;
};

std::vector<InstancePort> readInstancePorts(const Value& pod);

// The port of the instance for a Service's targetPort: a number or a name. A number that the pod does not declare is
// taken as it is, as Kubernetes does; nullopt for a name that it does not know, or a declared port that has no host
// port yet.
std::optional<std::int32_t> resolveTargetPort(const std::vector<InstancePort>& ports, const Value& target_port,
                                              const std::string& protocol);

}  // namespace towpath::edge
