#pragma once
// Which ports of this node instances hold. Allotted outside the ephemeral range, so that no outgoing connection can
// take one between the allotment and the bind; recorded (record.h) before the instance starts.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "supervise/pod_spec.h"
#include "supervise/supervisor.h"

namespace towpath::supervise {

// [first, last] of net.ipv4.ip_local_port_range, or Linux' default if it can't be read.
struct EphemeralRange {
  std::int32_t first = 32768;
  std::int32_t last = 60999;
};
EphemeralRange readEphemeralRange();

class PortAllocator {
 public:
  PortAllocator(std::int32_t first, std::int32_t last, EphemeralRange ephemeral);

  // A port for each of the specs, or an error that names the field: a hostPort that is taken, or no port left.
  // `probe` tells whether a port can be bound on this node now (a stranger may sit on it).
  Result<std::vector<InstancePort>> allot(const std::vector<PortSpec>& specs, const std::string& path,
                                          bool (*can_bind)(std::int32_t port));
  // Of an adopted instance.
  void claim(const std::vector<InstancePort>& ports);
  void release(const std::vector<InstancePort>& ports);

 private:
  Result<std::int32_t> allotOne(const PortSpec& spec, const std::string& path, bool (*can_bind)(std::int32_t port));
  bool inEphemeralRange(std::int32_t port) const { return port >= ephemeral_.first && port <= ephemeral_.last; }

  std::int32_t first_;
  std::int32_t last_;
  EphemeralRange ephemeral_;
  std::int32_t next_;  // goes round, so that a port just released is not handed out at once
  std::set<std::int32_t> held_;
};

// Binds and closes a TCP socket on all addresses.
bool canBindTcp(std::int32_t port);

}  // namespace towpath::supervise
