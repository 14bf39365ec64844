#pragma once
// Supervisor: runs the instances that the assignment names, and only those. Level-triggered: setDesired() states the
// whole wish, the supervisor works towards it on its own and reports what is. Instances outlive it: they are found
// again by adopt(), same processes, none started twice (docs/instances.md tells how).

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "loop/task.h"

namespace towpath::loop {
class UvLoop;
}

namespace towpath::supervise {

// An instance that this node is to run, with everything that its template refers to.
struct DesiredPod {
  std::string ns, name, uid;
  Value pod;                                                             // the whole Pod object
  std::map<std::string, Value> config_maps;                              // by name, of the pod's namespace
  std::map<std::string, Value> secrets;                                  // by name
  std::vector<std::pair<std::string, std::string>> service_environment;  // SHOP_SERVICE_HOST=…, computed by the agent
};

// A port of an instance: what the template calls it and where it really listens.
struct InstancePort {
  std::string name;  // may be empty
  std::int32_t container_port = 0;
  std::int32_t host_port = 0;
  std::string protocol = "TCP";
  bool operator==(const InstancePort&) const = default;
};

// What is, for one pod. `status` is the Pod's status as Kubernetes shapes it, with `towpath.ports` in it.
struct PodState {
  std::string ns, name, uid;
  Value status;
  bool ready = false;
  bool gone = false;  // everything stopped and cleaned up: the record can be dropped after the report is acknowledged
  std::vector<InstancePort> ports;
};

struct ImageMapping {
  std::string artifact;  // file:// or https:// URL, optionally with @sha256:…
  std::string runtime;   // "process" if empty
};

struct Options {
  std::string data_dir;  // records, artifacts and logs: survives a reboot
  std::string node_name;
  std::string node_address;  // status.hostIP and podIP; instances are told to listen for it
  std::int32_t port_first = 20000;
  std::int32_t port_last = 29999;
  std::map<std::string, ImageMapping> images;  // [images] of agent.toml; keys may end in * for a prefix
  std::string default_user;  // for templates without runAsUser, when the agent runs as root; empty: the agent's
  std::string cgroup_root;   // "" = find a delegated one, "none" = do without
  std::int64_t log_file_bytes = 10 << 20;  // rotated past that, by copy and truncate
  int log_files = 3;
  Duration restart_backoff_first = std::chrono::seconds(10);  // doubles to the maximum, as in Kubernetes
  Duration restart_backoff_max = std::chrono::minutes(5);
};

// What the supervisor needs from its surroundings.
struct Hooks {
  // A pod's state changed. Called from the loop, never from inside setDesired().
  std::function<void(const PodState&)> changed;
  // Resolves when no traffic reaches the instance any more (or a bound has passed): an instance is sent SIGTERM only
  // then.
  std::function<loop::Task<void>(std::string uid)> drained;
  // For people: becomes an Event of the pod.
  std::function<void(const PodState&, std::string type, std::string reason, std::string message)> event;
};

struct LogQuery {
  std::string ns, pod, container;  // container may be empty if there is just one
  bool previous = false;
  std::int64_t tail_lines = -1;  // -1: all
  std::int64_t limit_bytes = 0;  // 0: no bound
  bool follow = false;
};

// A log being read; next() gives the next bytes, an empty string at its end. With follow it waits for more.
class LogReader {
 public:
  virtual ~LogReader() = default;
  virtual loop::Task<Result<std::string>> next() = 0;
};

class Supervisor {
 public:
  virtual ~Supervisor() = default;

  // Once, before the first setDesired(): reads the records and finds the instances that still run.
  virtual loop::Task<Result<void>> adopt() = 0;
  // The whole wish. Pods that are missing from it, or have a deletionTimestamp, are drained and stopped.
  virtual void setDesired(std::vector<DesiredPod> pods) = 0;
  virtual std::vector<PodState> states() const = 0;
  // The report that this pod is gone was acknowledged: forget it.
  virtual void forget(const std::string& uid) = 0;
  virtual Result<std::unique_ptr<LogReader>> openLog(const LogQuery& query) = 0;
};

// The process driver: `runtimeClassName: process`, or images that [images] maps to it.
std::unique_ptr<Supervisor> makeSupervisor(loop::UvLoop& loop, Options options, Hooks hooks);

}  // namespace towpath::supervise
