#pragma once
// Runs one pod: ports, init containers in order, containers beside each other, and at its end: not ready → drained →
// SIGTERM → grace period → SIGKILL → clean. Everything that must be known again is in its record before it is acted
// upon.

#include <memory>
#include <string>
#include <vector>

#include "loop/event.h"
#include "loop/scope.h"
#include "supervise/container_runner.h"
#include "supervise/ports.h"

namespace towpath::supervise {

class PodRunner final : private PodContext {
 public:
  // Starts on a later turn of the loop. `adopted` is the record of an earlier agent, or empty.
  PodRunner(Shared& shared, PortAllocator& ports, const Hooks& hooks, DesiredPod desired, PodRecord record);

  // New contents of what the template refers to; used at the next start. A deletionTimestamp in it is a stop.
  void update(DesiredPod desired);
  void stop();
  const PodState& state() const { return state_; }
  std::set<std::string> artifacts() const;
  void rotateLogs() const;
  Result<std::unique_ptr<LogReader>> openLog(const LogQuery& query) const;

 private:
  // PodContext
  const PodSpec& spec() const override { return spec_; }
  const DesiredPod& desired() const override { return desired_; }
  PodRecord& record() override { return record_; }
  Result<void> save() override { return shared_.records.write(record_); }
  void changed() override;
  void event(std::string type, std::string reason, std::string message) override;
  loop::Event& stopRequested() override { return stop_requested_; }
  void looked(ContainerRole role) override;

  loop::Task<void> run();
  loop::Task<bool> prepare();  // false: stop was requested
  Result<void> allotPorts();
  loop::Task<void> runContainers();
  loop::Task<void> terminate(loop::Scope& containers);
  void publish();
  PodFacts facts() const;
  const ContainerRunner* findContainer(const std::string& name) const;

  Shared& shared_;
  PortAllocator& ports_;
  const Hooks& hooks_;
  DesiredPod desired_;
  PodRecord record_;
  PodSpec spec_;
  std::string problem_;  // why nothing can be started, for the status
  bool stopping_ = false;
  bool publish_pending_ = false;
  PodState state_;
  loop::Event stop_requested_;
  loop::Event looked_;  // it is known what runs
  std::size_t main_looked_ = 0;
  std::vector<std::unique_ptr<ContainerRunner>> init_containers_;
  std::vector<std::unique_ptr<ContainerRunner>> containers_;
  loop::Timer publish_timer_;
  loop::Scope scope_;
};

}  // namespace towpath::supervise
