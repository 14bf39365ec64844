#pragma once
// Resource limits by cgroup v2, where this agent has been given a subtree that it may write (systemd: Delegate=yes).
// Where there is none, limits are not enforced, and the pod's status says so in an event: never silently.

#include <optional>
#include <string>

#include "base/error.h"
#include "supervise/pod_spec.h"

namespace towpath::supervise {

class Cgroups {
 public:
  // `configured`: a directory below the cgroup2 mount, "" to look for our own delegated one, "none" to do without.
  static Cgroups open(const std::string& configured);

  bool available() const { return !root_.empty(); }
  // The directory for an instance, made with these limits.
  Result<std::string> prepare(const std::string& instance, const ResourceLimits& limits) const;
  // Kills what is left in it and removes it. Returns false while something is still in it: try again later.
  bool remove(const std::string& instance) const;
  // Whether the kernel has killed in it for want of memory.
  bool outOfMemory(const std::string& instance) const;

 private:
  std::string root_;
};

}  // namespace towpath::supervise
