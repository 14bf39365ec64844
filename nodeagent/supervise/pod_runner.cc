#include "supervise/pod_runner.h"

#include <csignal>

#include "base/log.h"
#include "loop/loop.h"
#include "loop/timeout.h"

namespace towpath::supervise {
namespace {

constexpr Duration kRetryAfterError = std::chrono::seconds(10);

loop::Task<void> sleepFor(loop::Loop& loop, Duration duration) { co_await loop::sleep(loop, duration); }

}  // namespace

PodRunner::PodRunner(Shared& shared, PortAllocator& ports, const Hooks& hooks, DesiredPod desired, PodRecord record)
    : shared_(shared),
      ports_(ports),
      hooks_(hooks),
      desired_(std::move(desired)),
      record_(std::move(record)),
      stop_requested_(shared.loop),
      looked_(shared.loop),
      scope_(shared.loop, "pod " + desired_.name) {
  state_.ns = record_.ns = desired_.ns;
  state_.name = record_.name = desired_.name;
  state_.uid = record_.uid = desired_.uid;
  spec_.ns = desired_.ns;
  spec_.name = desired_.name;
  spec_.uid = desired_.uid;
  if (record_.accepted_at == WallTime{}) record_.accepted_at = shared_.loop.wallNow();
  scope_.spawn(run());
}

void PodRunner::update(DesiredPod desired) {
  desired_ = std::move(desired);
  if (desired_.pod["metadata"]["deletionTimestamp"].isString()) stop();
}

void PodRunner::stop() { stop_requested_.set(); }

void PodRunner::changed() {
  if (publish_pending_) return;
  publish_pending_ = true;
  // Once a turn, and never inside of a caller: many facts change together.
  publish_timer_ = shared_.loop.startTimer(Duration::zero(), [this] { publish(); });
}

void PodRunner::publish() {
  publish_pending_ = false;
  state_.ports = allPorts(record_);
  const PodFacts now = facts();
  const bool ready = !state_.gone && problem_.empty() && isReady(now);
  Value status = buildStatus(now, state_.status, shared_.loop.wallNow());
  if (!problem_.empty()) status["message"] = problem_;
  if (status == state_.status && ready == state_.ready && !state_.gone) return;
  state_.status = std::move(status);
  state_.ready = ready;
  hooks_.changed(state_);
}

void PodRunner::event(std::string type, std::string reason, std::string message) {
  hooks_.event(state_, std::move(type), std::move(reason), std::move(message));
}

PodFacts PodRunner::facts() const {
  PodFacts facts{spec_, {}, {}, allPorts(record_), shared_.options.node_address, record_.accepted_at, stopping_};
  for (const auto& container : init_containers_) facts.init_containers.push_back(container->facts());
  for (const auto& container : containers_) facts.containers.push_back(container->facts());
  if (containers_.empty()) {
    for (const ContainerSpec& container : spec_.containers)
      facts.containers.push_back(
          {.name = container.name, .image = container.image, .waiting_reason = "ContainerCreating"});
  }
  if (!problem_.empty()) {
    for (ContainerFacts& container : facts.containers) {
      container.waiting_reason = "CreateContainerConfigError";
      container.waiting_message = problem_;
    }
  }
  return facts;
}

Result<void> PodRunner::allotPorts() {
  std::size_t index = 0;
  for (const ContainerSpec& container : spec_.containers) {
    const std::string path = fmt::format("spec.containers[{}].ports", index++);
    if (record_.container_ports.contains(container.name)) continue;
    auto allotted = ports_.allot(container.ports, path, canBindTcp);
    if (!allotted) return std::unexpected(allotted.error());
    record_.container_ports[container.name] = *std::move(allotted);
  }
  return save();
}

loop::Task<bool> PodRunner::prepare() {
  while (true) {
    auto spec = readPodSpec(desired_.pod);
    Result<void> ready;
    if (spec) {
      spec_ = *std::move(spec);
      ready = allotPorts();
    } else {
      ready = std::unexpected(spec.error());
    }
    if (ready) {
      problem_.clear();
      co_return !stop_requested_.isSet();
    }
    if (problem_ != describe(ready.error())) event("Warning", "Failed", describe(ready.error()));
    problem_ = describe(ready.error());
    changed();
    if (!co_await loop::unlessSet(shared_.loop, stop_requested_, sleepFor(shared_.loop, kRetryAfterError)))
      co_return false;
  }
}

void PodRunner::looked(ContainerRole role) {
  if (role == ContainerRole::kMain) ++main_looked_;
  if (role == ContainerRole::kInit || main_looked_ == containers_.size()) looked_.set();
}

loop::Task<void> PodRunner::runContainers() {
  PodContext& self = *this;
  for (const ContainerSpec& container : spec_.init_containers) {
    init_containers_.push_back(std::make_unique<ContainerRunner>(shared_, self, container, ContainerRole::kInit));
  }
  for (const ContainerSpec& container : spec_.containers) {
    containers_.push_back(std::make_unique<ContainerRunner>(shared_, self, container, ContainerRole::kMain));
  }
  changed();
  for (const auto& container : init_containers_) {
    co_await container->run();
    const ContainerFacts facts = container->facts();
    const bool succeeded = facts.completed && facts.last_exit && facts.last_exit->exit_code == 0;
    if (!succeeded) {
      looked_.set();
      co_return;
    }
  }
  std::vector<loop::Task<void>> running;
  for (const auto& container : containers_) running.push_back(container->run());
  co_await loop::whenAll(shared_.loop, std::move(running));
}

loop::Task<void> PodRunner::run() {
  const bool prepared = co_await prepare();
  loop::Scope containers(shared_.loop, "containers of " + desired_.name);
  if (prepared || !record_.containers.empty())
    containers.spawn(runContainers());
  else
    looked_.set();
  co_await stop_requested_.wait();
  stopping_ = true;
  changed();
  co_await terminate(containers);
  ports_.release(allPorts(record_));
  shared_.records.remove(record_.uid);
  state_.gone = true;
  changed();
}

// Containers that wait end by themselves once stop is requested; those with a process end with it.
loop::Task<void> PodRunner::terminate(loop::Scope& containers) {
  const auto any_running = [this] {
    const auto runs = [](const auto& container) { return container->running(); };
    return std::any_of(containers_.begin(), containers_.end(), runs) ||
           std::any_of(init_containers_.begin(), init_containers_.end(), runs);
  };
  const auto signal_all = [this](int signal) {
    for (const auto& container : init_containers_) container->signal(signal);
    for (const auto& container : containers_) container->signal(signal);
  };
  co_await looked_.wait();
  if (any_running() && hooks_.drained) co_await hooks_.drained(desired_.uid);
  signal_all(SIGTERM);
  const auto ended = co_await loop::withTimeout(shared_.loop, spec_.grace_period, containers.drained());
  if (ended) co_return;
  event("Warning", "Killing",
        fmt::format("still running {} after SIGTERM: killed", formatGoDuration(spec_.grace_period)));
  while (containers.count() > 0) {
    signal_all(SIGKILL);
    const auto killed = co_await loop::withTimeout(shared_.loop, std::chrono::seconds(1), containers.drained());
    if (!killed)
      log::warning("an instance does not end after SIGKILL", {{"pod", desired_.name}, {"namespace", desired_.ns}});
  }
}

std::set<std::string> PodRunner::artifacts() const {
  std::set<std::string> digests;
  for (const auto& container : init_containers_) digests.insert(container->artifactDigest());
  for (const auto& container : containers_) digests.insert(container->artifactDigest());
  return digests;
}

const ContainerRunner* PodRunner::findContainer(const std::string& name) const {
  for (std::size_t i = 0; i < init_containers_.size(); ++i) {
    if (spec_.init_containers[i].name == name) return init_containers_[i].get();
  }
  for (std::size_t i = 0; i < containers_.size(); ++i) {
    if (spec_.containers[i].name == name) return containers_[i].get();
  }
  return nullptr;
}

void PodRunner::rotateLogs() const {
  for (const auto& container : containers_) {
    if (const auto file = container->logFile(false)) {
      LogFiles::rotate(*file, shared_.options.log_file_bytes, shared_.options.log_files);
    }
  }
}

Result<std::unique_ptr<LogReader>> PodRunner::openLog(const LogQuery& query) const {
  const std::string name =
      query.container.empty() && spec_.containers.size() == 1 ? spec_.containers.front().name : query.container;
  if (name.empty())
    return fail(ErrorKind::kInvalid, fmt::format("a container name must be specified for pod {}", spec_.name),
                "container");
  const ContainerRunner* container = findContainer(name);
  if (!container)
    return fail(ErrorKind::kInvalid, fmt::format("container {} is not valid for pod {}", name, spec_.name),
                "container");
  auto file = container->logFile(query.previous);
  if (!file) return std::unexpected(file.error());
  // The reader may outlive this runner, so it asks the kernel and not us whether the writer has ended.
  const auto recorded = record_.containers.find(name);
  const std::optional<ProcessId> process =
      recorded == record_.containers.end() ? std::nullopt : recorded->second.process;
  const bool previous = query.previous;
  return readLogFile(shared_.loop, *file, query,
                     [process, previous] { return previous || !process || !openProcess(*process); });
}

}  // namespace towpath::supervise
