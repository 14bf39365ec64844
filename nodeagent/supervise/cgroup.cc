#include "supervise/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/log.h"

namespace towpath::supervise {
namespace {

// Control files take one write each and know no rename.
bool writeControl(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return written;
}

// Our own group: the "0::" line of /proc/self/cgroup below the usual mount of cgroup2.
std::string ownGroup() {
  const std::string text = readFile("/proc/self/cgroup").value_or("");
  const std::size_t at = text.starts_with("0::") ? 0 : text.find("\n0::");
  if (at == std::string::npos) return {};
  const std::size_t start = text.find("0::", at) + 3;
  const std::string path = text.substr(start, text.find('\n', start) - start);
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    const std::string group = mount + path;
    if (::access((group + "/cgroup.procs").c_str(), W_OK) == 0) return group;
  }
  return {};
}

// A group that has processes of its own cannot give controllers to its children ("no internal processes"), so the agent
// moves itself into a leaf first.
bool giveControllers(const std::string& root) {
  const std::string leaf = root + "/agent";
  ::mkdir(leaf.c_str(), 0755);
  writeControl(leaf + "/cgroup.procs", "0\n");
  return writeControl(root + "/cgroup.subtree_control", "+memory +cpu +pids");
}

}  // namespace

Cgroups Cgroups::open(const std::string& configured) {
  Cgroups cgroups;
  if (configured == "none") return cgroups;
  const std::string root = configured.empty() ? ownGroup() : configured;
  if (root.empty()) return cgroups;
  if (!configured.empty()) ::mkdir(root.c_str(), 0755);
  if (!giveControllers(root)) {
    log::info("no delegated cgroup: resource limits of instances are not enforced",
              {{"cgroup", root}, {"error", std::strerror(errno)}});
    return cgroups;
  }
  cgroups.root_ = root;
  return cgroups;
}

Result<std::string> Cgroups::prepare(const std::string& instance, const ResourceLimits& limits) const {
  const std::string directory = root_ + "/" + instance;
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return std::unexpected(lastOsError("cannot make cgroup " + directory));
  const std::string memory = limits.memory_bytes ? std::to_string(*limits.memory_bytes) : "max";
  // A period of 100 ms, as the kubelet: 250m is 25 ms of each.
  const std::string cpu = limits.cpu_milli ? fmt::format("{} 100000", *limits.cpu_milli * 100) : "max 100000";
  if (!writeControl(directory + "/memory.max", memory))
    return std::unexpected(lastOsError("cannot limit memory in " + directory));
  if (!writeControl(directory + "/cpu.max", cpu))
    return std::unexpected(lastOsError("cannot limit cpu in " + directory));
  writeControl(directory + "/memory.oom.group", "1");
  return directory;
}

bool Cgroups::remove(const std::string& instance) const {
  if (!available()) return true;
  const std::string directory = root_ + "/" + instance;
  writeControl(directory + "/cgroup.kill", "1");
  return ::rmdir(directory.c_str()) == 0 || errno == ENOENT;
}

bool Cgroups::outOfMemory(const std::string& instance) const {
  if (!available()) return false;
  const std::string events = readFile(root_ + "/" + instance + "/memory.events").value_or("");
  const std::size_t at = events.find("oom_kill ");
  return at != std::string::npos && events.compare(at + 9, 1, "0") != 0;
}

}  // namespace towpath::supervise
