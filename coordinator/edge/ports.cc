#include "edge/ports.h"

#include <algorithm>

namespace towpath::edge {

std::vector<InstancePort> readInstancePorts(const Value& pod) {
  std::vector<InstancePort> ports;
  for (const Value& port : pod.at({"status", "towpath", "ports"}).asArray()) {
    ports.push_back({port["name"].asString(), static_cast<std::int32_t>(port["containerPort"].asInt()),
                     static_cast<std::int32_t>(port["hostPort"].asInt()), port["protocol"].asString("TCP")});
  }
  return ports;
}

std::optional<std::int32_t> resolveTargetPort(const std::vector<InstancePort>& ports, const Value& target_port,
                                              const std::string& protocol) {
  const auto number = static_cast<std::int32_t>(target_port.asInt());
  const auto matches = [&](const InstancePort& port) {
    if (port.protocol != protocol) return false;
    return target_port.isString() ? port.name == target_port.asStringView() : port.container_port == number;
  };
  const auto found = std::ranges::find_if(ports, matches);
  if (found != ports.end()) return found->host_port != 0 ? std::optional(found->host_port) : std::nullopt;
  if (number <= 0) return std::nullopt;
  return number;
}

}  // namespace towpath::edge
