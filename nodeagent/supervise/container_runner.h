#pragma once
// Runs one container of a pod: artifact, environment, process, probes, restarts. States, as `facts()` tells them:
//
//   waiting (artifact, back-off, error) ──start──▶ running ──end──▶ waiting (restart) or completed
//        ▲ adopt: an instance found alive goes straight to running
//
// Ended by stop(): a waiting container ends at once, a running one when its process has gone (the pod runner sends the
// signals).

#include <memory>
#include <string>

#include "http/client.h"
#include "loop/event.h"
#include "loop/scope.h"
#include "loop/task.h"
#include "probe/prober.h"
#include "supervise/artifacts.h"
#include "supervise/cgroup.h"
#include "supervise/logs.h"
#include "supervise/pod_status.h"
#include "supervise/record.h"

namespace towpath::supervise {

// What all runners of a node share. Owned by the supervisor, outlives them.
struct Shared {
  loop::UvLoop& loop;
  const Options& options;
  http::Client& client;
  ArtifactStore& artifacts;
  const LogFiles& logs;
  const Cgroups& cgroups;
  const RecordStore& records;
  std::string agent_id;  // first part of markers: several agents may live on one machine
  std::string locks_dir;
};

enum class ContainerRole { kInit, kMain };

// What the pod runner lends to its containers.
class PodContext {
 public:
  virtual ~PodContext() = default;
  virtual const PodSpec& spec() const = 0;
  virtual const DesiredPod& desired() const = 0;
  virtual PodRecord& record() = 0;
  // Writes the record; an error is for the caller to wait and try again.
  virtual Result<void> save() = 0;
  virtual void changed() = 0;  // facts have changed
  virtual void event(std::string type, std::string reason, std::string message) = 0;
  virtual loop::Event& stopRequested() = 0;
  // A container knows whether an instance of it runs: it has looked for the one of an earlier agent, or started one.
  // Once for each run() of a main container, and for each instance of an init container.
  virtual void looked(ContainerRole role) = 0;
};

class ContainerRunner {
 public:
  ContainerRunner(Shared& shared, PodContext& pod, const ContainerSpec& spec, ContainerRole role);

  // Until it has completed, or has ended after a stop was requested.
  loop::Task<void> run();
  ContainerFacts facts() const;
  // To the running process, if there is one.
  void signal(int signal);
  bool running() const { return process_ != nullptr; }
  const std::string& artifactDigest() const { return artifact_.sha256; }
  // The log of the present (or last) start, or of the one before it.
  Result<std::string> logFile(bool previous) const;

 private:
  enum class Next { kStart, kStop };

  ContainerRecord& record();
  std::string instanceName() const;                // "<pod uid>-<container>", for cgroups and locks
  std::string marker(std::int64_t attempt) const;  // "<agent>:<pod uid>/<container>/<attempt>"
  loop::Task<Next> pause(Duration duration);       // false-y when a stop came meanwhile
  void waitFor(std::string reason, std::string message);

  loop::Task<std::unique_ptr<Process>> findAlive();
  loop::Task<Next> prepareArtifact();
  loop::Task<std::unique_ptr<Process>> start();
  Result<SpawnRequest> buildSpawn(std::int64_t attempt) const;
  Result<void> checkUser() const;
  loop::Task<void> watch(std::unique_ptr<Process> process, bool adopted);
  void recordExit(std::optional<int> wait_status);
  bool shallRestart() const;
  Duration backoff() const;

  loop::Task<void> runProbes(bool adopted);
  loop::Task<bool> execProbe(std::vector<std::string> command);
  Result<std::optional<probe::ProbeSpec>> probeSpec(const Value& probe, const char* field) const;
  void setReady(bool ready);

  Shared& shared_;
  PodContext& pod_;
  const ContainerSpec& spec_;
  ContainerRole role_;
  Artifact artifact_;
  std::unique_ptr<Process> process_;
  bool started_ = false;
  bool ready_ = false;
  bool killed_by_probe_ = false;
  int failures_in_a_row_ = 0;
  std::string waiting_reason_ = "ContainerCreating";
  std::string waiting_message_;
};

}  // namespace towpath::supervise
