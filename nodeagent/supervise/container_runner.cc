#include "supervise/container_runner.h"

#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "base/log.h"
#include "loop/loop.h"
#include "loop/timeout.h"
#include "loop/watch.h"

namespace towpath::supervise {
namespace {

constexpr Duration kRetryAfterError = std::chrono::seconds(10);
constexpr Duration kBackoffResetAfter = std::chrono::minutes(10);
// How long a process may sit between fork and exec, or strays of a dead instance may take to die, before it is tried
// again.
constexpr Duration kLockPollInterval = std::chrono::milliseconds(20);
constexpr int kLockPolls = 500;

}  // namespace

ContainerRunner::ContainerRunner(Shared& shared, PodContext& pod, const ContainerSpec& spec, ContainerRole role)
    : shared_(shared), pod_(pod), spec_(spec), role_(role) {}

ContainerRecord& ContainerRunner::record() { return pod_.record().containers[spec_.name]; }

std::string ContainerRunner::instanceName() const { return pod_.spec().uid + "-" + spec_.name; }

std::string ContainerRunner::marker(std::int64_t attempt) const {
  return fmt::format("{}:{}/{}/{}", shared_.agent_id, pod_.spec().uid, spec_.name, attempt);
}

void ContainerRunner::waitFor(std::string reason, std::string message) {
  if (waiting_reason_ == reason && waiting_message_ == message) return;
  waiting_reason_ = std::move(reason);
  waiting_message_ = std::move(message);
  pod_.changed();
}

loop::Task<ContainerRunner::Next> ContainerRunner::pause(Duration duration) {
  auto slept = [](loop::Loop& loop, Duration time) -> loop::Task<void> { co_await loop::sleep(loop, time); };
  const auto finished = co_await loop::unlessSet(shared_.loop, pod_.stopRequested(), slept(shared_.loop, duration));
  co_return finished ? Next::kStart : Next::kStop;
}

loop::Task<void> ContainerRunner::run() {
  bool adopted = true;
  auto process = co_await findAlive();
  if (role_ == ContainerRole::kMain) pod_.looked(role_);
  while (true) {
    if (!process) {
      if (record().completed || pod_.stopRequested().isSet()) break;
      if (co_await prepareArtifact() == Next::kStop) break;
      process = co_await start();
      adopted = false;
    }
    if (process) {
      co_await watch(std::move(process), adopted);
      process = nullptr;
      if (pod_.stopRequested().isSet()) break;
      if (!shallRestart()) {
        record().completed = true;
        if (auto saved = pod_.save(); !saved)
          log::warning("an instance's end is not recorded", {{"error", saved.error().message}});
        break;
      }
      ++record().restart_count;
      if (const Duration wait = backoff(); wait > Duration::zero()) {
        waitFor("CrashLoopBackOff", fmt::format("back-off {} restarting failed container={} pod={}",
                                                formatGoDuration(wait), spec_.name, pod_.spec().name));
        if (co_await pause(wait) == Next::kStop) break;
      }
    } else if (pod_.stopRequested().isSet() || co_await pause(kRetryAfterError) == Next::kStop) {
      break;
    }
  }
  ready_ = false;
  pod_.changed();
}

// The instance of an earlier agent, if it lives. The record may be older than the process (a crash between fork and
// record), the process may not have executed yet (a crash between fork and exec), or only children of it may be left.
loop::Task<std::unique_ptr<Process>> ContainerRunner::findAlive() {
  if (record().process) {
    if (auto process = openProcess(*record().process)) co_return std::make_unique<Process>(*std::move(process));
  }
  const std::string lock_file = fmt::format("{}/{}.lock", shared_.locks_dir, instanceName());
  if (::access(lock_file.c_str(), F_OK) != 0) co_return nullptr;
  const std::string prefix = fmt::format("{}:{}/{}/", shared_.agent_id, pod_.spec().uid, spec_.name);
  for (int poll = 0; poll < kLockPolls && probeLock(lock_file).value_or(LockState::kFree) == LockState::kHeld; ++poll) {
    const std::vector<Marked> marked = findMarked(prefix);
    for (const Marked& found : marked) {
      if (!found.leader) continue;
      if (auto process = openProcess(found.id)) {
        record().process = found.id;
        record().attempt = std::atoll(found.marker.substr(found.marker.rfind('/') + 1).c_str());
        if (auto saved = pod_.save(); !saved)
          log::warning("an adopted instance is not recorded", {{"error", saved.error().message}});
        co_return std::make_unique<Process>(*std::move(process));
      }
    }
    for (const Marked& stray : marked) ::kill(stray.id.pid, SIGKILL);
    co_await loop::sleep(shared_.loop, kLockPollInterval);
  }
  co_return nullptr;
}

loop::Task<ContainerRunner::Next> ContainerRunner::prepareArtifact() {
  Duration wait = kRetryAfterError;
  while (true) {
    auto ref = resolveImage(spec_.image, shared_.options.images);
    Error error;
    if (ref) {
      waitFor("ContainerCreating", "");
      auto artifact = co_await loop::unlessSet(shared_.loop, pod_.stopRequested(), shared_.artifacts.ensure(*ref));
      if (!artifact) co_return Next::kStop;
      if (*artifact) {
        artifact_ = **std::move(artifact);
        co_return Next::kStart;
      }
      error = artifact->error();
    } else {
      error = ref.error();
    }
    waitFor(ref ? "ErrImagePull" : "InvalidImageName", error.message);
    pod_.event("Warning", "Failed", fmt::format("container {}: {}", spec_.name, error.message));
    if (co_await pause(wait) == Next::kStop) co_return Next::kStop;
    wait = std::min<Duration>(wait * 2, shared_.options.restart_backoff_max);
  }
}

Result<void> ContainerRunner::checkUser() const {
  const bool may_change = ::geteuid() == 0;
  if (spec_.run_as_user && !may_change && *spec_.run_as_user != ::geteuid()) {
    return fail(
        ErrorKind::kForbidden,
        fmt::format(
            "the agent runs as user {} and cannot start an instance as user {}: run the agent as root, or leave it out",
            ::geteuid(), *spec_.run_as_user),
        "securityContext.runAsUser");
  }
  const bool as_root =
      spec_.run_as_user ? *spec_.run_as_user == 0 : (may_change && shared_.options.default_user.empty());
  if (spec_.run_as_non_root && as_root) {
    return fail(ErrorKind::kForbidden, "it would run as root: set runAsUser, or default_user in agent.toml",
                "securityContext.runAsNonRoot");
  }
  return {};
}

Result<SpawnRequest> ContainerRunner::buildSpawn(std::int64_t attempt) const {
  if (auto user = checkUser(); !user) return std::unexpected(user.error());
  PodRecord& pod_record = pod_.record();
  const DesiredPod& desired = pod_.desired();
  auto environment = buildEnvironment({pod_.spec(), spec_, desired.config_maps, desired.secrets,
                                       desired.service_environment, pod_record.container_ports[spec_.name],
                                       shared_.options.node_name, shared_.options.node_address});
  if (!environment) return std::unexpected(environment.error());
  SpawnRequest request;
  for (const std::string& word : spec_.command) request.argv.push_back(expand(word, *environment));
  if (request.argv.empty()) {
    if (artifact_.program.empty())
      return fail(ErrorKind::kInvalid, "an archive has no program to start by default: set command", "command");
    request.argv.push_back(artifact_.program);
  }
  for (const std::string& word : spec_.args) request.argv.push_back(expand(word, *environment));
  request.program = request.argv.front();
  // A path with a slash that is not absolute starts at the artifact's root, whatever the working directory.
  if (request.program.find('/') != std::string::npos && request.program.front() != '/')
    request.program = artifact_.root + "/" + request.program;
  request.search_path = {artifact_.root, artifact_.root + "/bin", "/usr/local/bin", "/usr/bin",
                         "/bin",         "/usr/local/sbin",       "/usr/sbin",      "/sbin"};
  request.environment = *std::move(environment);
  request.marker = marker(attempt);
  request.working_dir =
      spec_.working_dir.starts_with('/') ? spec_.working_dir : artifact_.root + "/" + spec_.working_dir;
  request.lock_file = fmt::format("{}/{}.lock", shared_.locks_dir, instanceName());
  request.no_new_privileges = spec_.no_new_privileges;
  if (spec_.run_as_user) request.uid = static_cast<std::uint32_t>(*spec_.run_as_user);
  if (spec_.run_as_group)
    request.gid = static_cast<std::uint32_t>(*spec_.run_as_group);
  else if (spec_.run_as_user)
    request.gid = static_cast<std::uint32_t>(*spec_.run_as_user);
  if (!request.uid && ::geteuid() == 0 && !shared_.options.default_user.empty()) {
    const passwd* user = ::getpwnam(shared_.options.default_user.c_str());
    if (!user)
      return fail(ErrorKind::kInvalid, fmt::format("default_user \"{}\" of agent.toml does not exist on this node",
                                                   shared_.options.default_user));
    request.uid = user->pw_uid;
    request.gid = user->pw_gid;
  }
  // An agent that is not root needs no change to its own user.
  if (::geteuid() != 0) request.uid = request.gid = std::nullopt;
  auto log_file = shared_.logs.fileFor(pod_.spec().ns, pod_.spec().name, pod_.spec().uid, spec_.name, attempt);
  if (!log_file) return std::unexpected(log_file.error());
  request.log_file = *log_file;
  return request;
}

loop::Task<std::unique_ptr<Process>> ContainerRunner::start() {
  const std::int64_t attempt = record().attempt + 1;
  auto request = buildSpawn(attempt);
  Result<Process> process = fail(ErrorKind::kInternal, "not started");
  if (request && shared_.cgroups.available()) {
    auto cgroup = shared_.cgroups.prepare(instanceName(), spec_.limits);
    if (cgroup)
      request->cgroup_dir = *cgroup;
    else
      request = std::unexpected(cgroup.error());
  }
  if (request) {
    record().attempt = attempt;
    record().process.reset();
    record().started_at = shared_.loop.wallNow();
    auto saved = pod_.save();
    process = saved ? spawn(*request) : Result<Process>(std::unexpected(saved.error()));
    if (!process && process.error().kind == ErrorKind::kAlreadyExists) {
      if (auto alive = co_await findAlive()) co_return alive;
      process = spawn(*request);  // what was left of the last start has died meanwhile
    }
  } else {
    process = std::unexpected(request.error());
  }
  if (!process) {
    waitFor(process.error().kind == ErrorKind::kIo ? "RunContainerError" : "CreateContainerConfigError",
            describe(process.error()));
    pod_.event("Warning", "Failed", fmt::format("container {}: {}", spec_.name, describe(process.error())));
    co_return nullptr;
  }
  record().process = process->id();
  // Not fatal: the lock and the marker find the process again.
  if (auto saved = pod_.save(); !saved)
    log::warning("a start is not recorded", {{"pod", pod_.spec().name}, {"error", saved.error().message}});
  pod_.event("Normal", "Started", fmt::format("Started container {} (pid {})", spec_.name, process->id().pid));
  co_return std::make_unique<Process>(*std::move(process));
}

loop::Task<void> ContainerRunner::watch(std::unique_ptr<Process> process, bool adopted) {
  process_ = std::move(process);
  if (role_ == ContainerRole::kInit) pod_.looked(role_);
  killed_by_probe_ = false;
  started_ = adopted || spec_.startup_probe.isNull();
  ready_ = adopted ? record().ready : started_ && spec_.readiness_probe.isNull();
  if (ready_ != record().ready) setReady(ready_);
  pod_.changed();
  const MonoTime since = shared_.loop.now();
  {
    loop::Scope probes(shared_.loop, "probes of " + spec_.name);
    if (role_ == ContainerRole::kMain) probes.spawn(runProbes(adopted));
    co_await loop::readable(shared_.loop, process_->pidfd());
  }
  const std::optional<int> status = process_->reap();
  if (shared_.loop.now() - since >= kBackoffResetAfter) failures_in_a_row_ = 0;
  // Children that the main process left behind hold the instance's lock and port.
  process_->signalGroup(SIGKILL);
  recordExit(status);
  process_ = nullptr;
  started_ = ready_ = false;
  record().ready = false;
  ++failures_in_a_row_;
  if (auto saved = pod_.save(); !saved)
    log::warning("an instance's end is not recorded", {{"error", saved.error().message}});
  shared_.logs.dropOldStarts(pod_.spec().ns, pod_.spec().name, pod_.spec().uid, spec_.name, record().attempt);
  waitFor("ContainerCreating", "");
  pod_.changed();
}

void ContainerRunner::recordExit(std::optional<int> wait_status) {
  ExitRecord exit;
  exit.started_at = record().started_at;
  exit.finished_at = shared_.loop.wallNow();
  if (wait_status) exit.exit_code = exitCodeOf(*wait_status);
  exit.reason = !exit.exit_code ? "Unknown" : *exit.exit_code == 0 ? "Completed" : "Error";
  if (!exit.exit_code) exit.message = "it was started by an earlier run of the agent, so its exit code is not known";
  if (killed_by_probe_) exit.message = "killed because its liveness or startup probe failed";
  if (shared_.cgroups.outOfMemory(instanceName())) exit.reason = "OOMKilled";
  record().last_exit = std::move(exit);
  record().process.reset();
}

bool ContainerRunner::shallRestart() const {
  const auto& last = pod_.record().containers.at(spec_.name).last_exit;
  const bool succeeded = last && last->exit_code == 0;
  if (role_ == ContainerRole::kInit) return !succeeded && pod_.spec().restart_policy != RestartPolicy::kNever;
  switch (pod_.spec().restart_policy) {
    case RestartPolicy::kAlways:
      return true;
    case RestartPolicy::kOnFailure:
      return !succeeded;
    case RestartPolicy::kNever:
      return false;
  }
  return true;
}

// The first restart is at once, then 10 s, 20 s, … as the kubelet's.
Duration ContainerRunner::backoff() const {
  if (failures_in_a_row_ <= 1) return Duration::zero();
  Duration wait = shared_.options.restart_backoff_first;
  for (int i = 2; i < failures_in_a_row_ && wait < shared_.options.restart_backoff_max; ++i) wait *= 2;
  return std::min(wait, shared_.options.restart_backoff_max);
}

Result<std::optional<probe::ProbeSpec>> ContainerRunner::probeSpec(const Value& probe, const char* field) const {
  if (!probe.isObject()) return std::optional<probe::ProbeSpec>();
  const std::vector<InstancePort>& ports = pod_.record().container_ports[spec_.name];
  const probe::PortLookup lookup = [&ports](const Value& port) -> std::optional<std::int32_t> {
    for (const InstancePort& instance_port : ports) {
      if (port.isInt() ? port.asInt() == instance_port.container_port : port.asStringView() == instance_port.name)
        return instance_port.host_port;
    }
    // A number that is not among the ports is taken as it is: the program may listen there without saying so.
    if (port.isInt()) return static_cast<std::int32_t>(port.asInt());
    return std::nullopt;
  };
  auto spec = probe::parseProbe(probe, lookup, field);
  if (!spec) return std::unexpected(spec.error());
  return std::optional(*std::move(spec));
}

void ContainerRunner::setReady(bool ready) {
  ready_ = ready;
  record().ready = ready;
  if (auto saved = pod_.save(); !saved) log::warning("readiness is not recorded", {{"error", saved.error().message}});
  pod_.changed();
}

loop::Task<void> ContainerRunner::runProbes(bool adopted) {
  auto startup = probeSpec(spec_.startup_probe, "startupProbe");
  auto readiness = probeSpec(spec_.readiness_probe, "readinessProbe");
  auto liveness = probeSpec(spec_.liveness_probe, "livenessProbe");
  for (const auto* spec : {&startup, &readiness, &liveness}) {
    if (*spec) continue;
    pod_.event("Warning", "Unhealthy", fmt::format("container {}: {}", spec_.name, describe(spec->error())));
    setReady(false);
    co_return;
  }
  probe::Prober prober(shared_.loop, shared_.client);
  const std::string address = shared_.options.node_address;
  const probe::ExecRunner exec = [this](std::vector<std::string> command) { return execProbe(std::move(command)); };
  auto kill = [this](const char* which) {
    killed_by_probe_ = true;
    pod_.event("Warning", "Unhealthy",
               fmt::format("container {}: {} probe failed, it will be restarted", spec_.name, which));
    signal(SIGTERM);
  };
  if (*startup && !adopted) {
    probe::ProbeTracker tracker(**startup);
    loop::Event decided(shared_.loop);
    loop::Scope scope(shared_.loop, "startup probe");
    scope.spawn(prober.repeat(**startup, address, exec, tracker, [&] { decided.set(); }));
    co_await decided.wait();
    if (tracker.state() == probe::ProbeTracker::State::kFailing) {
      kill("startup");
      co_await loop::sleep(shared_.loop, pod_.spec().grace_period);
      signal(SIGKILL);
      co_return;
    }
  }
  started_ = true;
  if (!*readiness && !ready_) setReady(true);
  pod_.changed();

  probe::ProbeTracker ready_tracker(*readiness ? **readiness : probe::ProbeSpec{});
  probe::ProbeTracker live_tracker(*liveness ? **liveness : probe::ProbeSpec{});
  loop::Event dead(shared_.loop);
  loop::Scope scope(shared_.loop, "probes");
  if (*readiness) {
    scope.spawn(prober.repeat(**readiness, address, exec, ready_tracker, [&] {
      const bool ready = ready_tracker.state() == probe::ProbeTracker::State::kPassing;
      if (ready == ready_) return;
      if (!ready) pod_.event("Warning", "Unhealthy", fmt::format("container {}: readiness probe failed", spec_.name));
      setReady(ready);
    }));
  }
  if (*liveness) {
    scope.spawn(prober.repeat(**liveness, address, exec, live_tracker, [&] {
      if (live_tracker.state() == probe::ProbeTracker::State::kFailing) dead.set();
    }));
  }
  co_await dead.wait();
  if (ready_) setReady(false);
  kill("liveness");
  co_await loop::sleep(shared_.loop, pod_.spec().grace_period);
  signal(SIGKILL);
}

namespace {
// Kills the command of a probe that took too long: its task is destroyed then.
struct KillOnExit {
  Process& process;
  bool ended = false;
  ~KillOnExit() {
    if (ended) return;
    process.signalGroup(SIGKILL);
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(process.pidfd()), &info, WEXITED);
  }
};
}  // namespace

loop::Task<bool> ContainerRunner::execProbe(std::vector<std::string> command) {
  auto request = buildSpawn(record().attempt);
  if (!request) co_return false;
  request->program = command.front();
  request->argv = std::move(command);
  request->lock_file.clear();
  request->log_file = "/dev/null";
  request->marker = marker(record().attempt) + "/probe";
  auto process = spawn(*request);
  if (!process) co_return false;
  KillOnExit guard{*process};
  co_await loop::readable(shared_.loop, process->pidfd());
  guard.ended = true;
  const std::optional<int> status = process->reap();
  co_return status&& exitCodeOf(*status) == 0;
}

void ContainerRunner::signal(int signal) {
  if (process_) process_->signalGroup(signal);
}

ContainerFacts ContainerRunner::facts() const {
  ContainerFacts facts;
  facts.name = spec_.name;
  facts.image = spec_.image;
  facts.image_id = artifact_.sha256.empty() ? "" : "sha256:" + artifact_.sha256;
  const auto found = pod_.record().containers.find(spec_.name);
  if (found != pod_.record().containers.end()) {
    facts.completed = found->second.completed;
    facts.started_at = found->second.started_at;
    facts.restart_count = found->second.restart_count;
    facts.last_exit = found->second.last_exit;
    facts.process = found->second.process;
  }
  facts.running = running();
  facts.started = running() && started_;
  facts.ready = running() && ready_;
  facts.waiting_reason = waiting_reason_;
  facts.waiting_message = waiting_message_;
  return facts;
}

Result<std::string> ContainerRunner::logFile(bool previous) const {
  const auto found = pod_.record().containers.find(spec_.name);
  const std::int64_t attempt =
      (found == pod_.record().containers.end() ? 0 : found->second.attempt) - (previous ? 1 : 0);
  if (attempt < 1) {
    return fail(ErrorKind::kInvalid, previous
                                         ? fmt::format("previous terminated container \"{}\" in pod \"{}\" not found",
                                                       spec_.name, pod_.spec().name)
                                         : fmt::format("container \"{}\" in pod \"{}\" is waiting to start: {}",
                                                       spec_.name, pod_.spec().name, waiting_reason_));
  }
  return shared_.logs.fileFor(pod_.spec().ns, pod_.spec().name, pod_.spec().uid, spec_.name, attempt);
}

}  // namespace towpath::supervise
