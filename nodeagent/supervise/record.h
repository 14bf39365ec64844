#pragma once
// What the agent knows of an instance and must know again after a crash or a reboot: its ports, how often each
// container was started, and which process it is. One JSON file a pod under <data>/instances, replaced atomically and
// synced; written before a start (the attempt) and after it (the process).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "supervise/process.h"
#include "supervise/supervisor.h"

namespace towpath::supervise {

struct ExitRecord {
  std::optional<int> exit_code;  // unknown if the agent was away when it ended
  std::string reason;            // "Completed", "Error", "OOMKilled", "Unknown"
  std::string message;
  WallTime started_at{};
  WallTime finished_at{};
};

struct ContainerRecord {
  std::int64_t attempt = 0;  // number of the last start; its log file carries it
  std::optional<ProcessId> process;
  WallTime started_at{};
  std::int64_t restart_count = 0;
  bool ready = false;      // as last seen, so that an agent's restart takes no instance out of traffic
  bool completed = false;  // an init container that has succeeded, or a container that is not to run again
  std::optional<ExitRecord> last_exit;
};

struct PodRecord {
  std::string ns, name, uid;
  std::map<std::string, std::vector<InstancePort>> container_ports;  // by container
  std::map<std::string, ContainerRecord> containers;
  WallTime accepted_at{};
};

std::vector<InstancePort> allPorts(const PodRecord& record);
Value toValue(const PodRecord& record);
Result<PodRecord> readRecord(const Value& value);

// Directory of records.
class RecordStore {
 public:
  explicit RecordStore(std::string directory) : directory_(std::move(directory)) {}

  Result<void> write(const PodRecord& record) const;
  void remove(const std::string& uid) const;
  // All that can be read; a file that can't is set aside as <uid>.json.bad and logged.
  Result<std::vector<PodRecord>> readAll() const;

 private:
  std::string directory_;
};

}  // namespace towpath::supervise
