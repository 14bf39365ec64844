#include "supervise/ports.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

namespace towpath::supervise {

EphemeralRange readEphemeralRange() {
  EphemeralRange range;
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  EphemeralRange read;
  if (file >> read.first >> read.last) range = read;
  return range;
}

PortAllocator::PortAllocator(std::int32_t first, std::int32_t last, EphemeralRange ephemeral)
    : first_(first), last_(last), ephemeral_(ephemeral), next_(first) {}

Result<std::int32_t> PortAllocator::allotOne(const PortSpec& spec, const std::string& path,
                                             bool (*can_bind)(std::int32_t port)) {
  if (spec.host_port != 0) {
    if (held_.contains(spec.host_port)) {
      return fail(ErrorKind::kConflict, fmt::format("port {} is held by another instance of this node", spec.host_port),
                  path + ".hostPort");
    }
    if (!can_bind(spec.host_port)) {
      return fail(ErrorKind::kConflict,
                  fmt::format("port {} of this node is taken by another program, or may not be bound", spec.host_port),
                  path + ".hostPort");
    }
    return spec.host_port;
  }
  for (std::int32_t tried = first_; tried <= last_; ++tried) {
    const std::int32_t port = next_;
    next_ = next_ >= last_ ? first_ : next_ + 1;
    if (!held_.contains(port) && !inEphemeralRange(port) && can_bind(port)) return port;
  }
  const bool overlaps = first_ <= ephemeral_.last && ephemeral_.first <= last_;
  const std::string kernels = overlaps ? fmt::format(
                                             " (those from {} to {} are the kernel's for outgoing connections, "
                                             "net.ipv4.ip_local_port_range)",
                                             ephemeral_.first, ephemeral_.last)
                                       : "";
  return fail(ErrorKind::kUnavailable,
              fmt::format("no free port is left between {} and {}{}: widen port_range in agent.toml, or run fewer "
                          "instances on this node",
                          first_, last_, kernels),
              path);
}

Result<std::vector<InstancePort>> PortAllocator::allot(const std::vector<PortSpec>& specs, const std::string& path,
                                                       bool (*can_bind)(std::int32_t port)) {
  std::vector<InstancePort> ports;
  for (const PortSpec& spec : specs) {
    auto port = allotOne(spec, fmt::format("{}[{}]", path, ports.size()), can_bind);
    if (!port) {
      release(ports);
      return std::unexpected(port.error());
    }
    held_.insert(*port);
    ports.push_back(InstancePort{spec.name, spec.container_port, *port, spec.protocol});
  }
  return ports;
}

void PortAllocator::claim(const std::vector<InstancePort>& ports) {
  for (const InstancePort& port : ports) held_.insert(port.host_port);
}

void PortAllocator::release(const std::vector<InstancePort>& ports) {
  for (const InstancePort& port : ports) held_.erase(port.host_port);
}

bool canBindTcp(std::int32_t port) {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int family_fd = fd >= 0 ? fd : ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (family_fd < 0) return false;
  int bound = -1;
  // SO_REUSEADDR, as servers set it: connections in TIME_WAIT of the last holder are no obstacle.
  const int one = 1;
  ::setsockopt(family_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd >= 0) {
    const int zero = 0;  // both families
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<std::uint16_t>(port));
    bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    bound = ::bind(family_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  ::close(family_fd);
  return bound == 0;
}

}  // namespace towpath::supervise
