#pragma once
// Processes that outlive the agent. A process is marked before it exists (a lock file that it inherits, a variable in
// its environment), so that after a crash of the agent at any instruction, also between fork and exec, a new agent
// finds it and never starts a second one. It is known by pid, start time and boot id, never by the pid alone.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "supervise/environment.h"

namespace towpath::supervise {

struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/<pid>/stat
  std::string boot_id;            // /proc/sys/kernel/random/boot_id

  bool operator==(const ProcessId&) const = default;
};

struct SpawnRequest {
  std::string program;  // a path, or a name to be looked up in search_path
  std::vector<std::string> search_path;
  std::vector<std::string> argv;
  Environment environment;
  std::string marker;       // value of kMarkerVariable
  std::string working_dir;  // absolute
  std::string log_file;     // appended to; both stdout and stderr
  std::string lock_file;    // held by the process (and its children) for as long as it lives; empty: none
  std::string cgroup_dir;   // empty: none
  std::optional<std::uint32_t> uid, gid;
  bool no_new_privileges = false;
};

inline constexpr const char* kMarkerVariable = "TOWPATH_INSTANCE";

// A running process whose end can be awaited. Owns its pidfd.
class Process {
 public:
  Process(ProcessId id, int pidfd, bool is_child) : id_(std::move(id)), pidfd_(pidfd), is_child_(is_child) {}
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  const ProcessId& id() const { return id_; }
  // Readable when it has ended.
  int pidfd() const { return pidfd_; }
  // To the whole process group; to the cgroup as well where the kernel can.
  void signalGroup(int signal) const;
  // After its end: the wait status if it was our child (and reaps it), else nothing: an adopted process tells its code
  // to nobody.
  std::optional<int> reap();

 private:
  ProcessId id_;
  int pidfd_ = -1;
  bool is_child_ = false;
};

// Blocks until the program runs or could not be executed (well under a millisecond). kAlreadyExists: the lock is held,
// so an earlier process of this marker is alive; kInvalid: the program can't be executed (the message says why).
Result<Process> spawn(const SpawnRequest& request);

// The process if it still is the one that was recorded.
std::optional<Process> openProcess(const ProcessId& id);

struct Marked {
  ProcessId id;
  std::string marker;
  bool leader = false;  // of its session: the instance itself, not a child of it
};
// All processes of this boot whose marker starts with the prefix. Reads /proc once.
std::vector<Marked> findMarked(const std::string& prefix);

enum class LockState { kFree, kHeld };
Result<LockState> probeLock(const std::string& lock_file);

std::string bootId();
// Removes the signal state and descriptors that a daemon has; for wait statuses: exit code, or 128 + signal.
int exitCodeOf(int wait_status);

}  // namespace towpath::supervise
