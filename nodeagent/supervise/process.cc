#include "supervise/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

#include "base/file.h"

namespace towpath::supervise {
namespace {

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

int pidfdOpen(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

std::string readProc(const std::string& path) { return readFile(path).value_or(std::string()); }

struct Stat {
  pid_t session = 0;
  std::uint64_t start_ticks = 0;
  char state = '?';
};

// /proc/<pid>/stat: the name in parentheses may hold anything, so fields count from its last ')'.
std::optional<Stat> readStat(pid_t pid) {
  const std::string text = readProc(fmt::format("/proc/{}/stat", pid));
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos || close + 2 >= text.size()) return std::nullopt;
  Stat stat;
  stat.state = text[close + 2];
  std::size_t at = close + 2;
  for (int field = 3; field <= 22 && at < text.size(); ++field) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    std::uint64_t number = 0;
    std::from_chars(text.data() + at, text.data() + end, number);
    if (field == 6) stat.session = static_cast<pid_t>(number);
    if (field == 22) stat.start_ticks = number;
    at = end + 1;
  }
  return stat;
}

// What the child needs, laid out before fork: between fork and exec only async-signal-safe calls are allowed.
struct ChildPlan {
  std::vector<const char*> argv;
  std::vector<std::string> environment_text;
  std::vector<const char*> envp;
  std::string program;
  int log_fd = -1;
  int lock_fd = -1;
  int null_fd = -1;
  int cgroup_fd = -1;
  int error_fd = -1;
};

enum Stage : int { kCgroup = 1, kUser, kDirectory, kExec };

const char* stageText(int stage) {
  switch (stage) {
    case kCgroup:
      return "cannot enter its cgroup";
    case kUser:
      return "cannot change to the user it is to run as";
    case kDirectory:
      return "cannot enter its working directory";
    default:
      return "cannot execute";
  }
}

[[noreturn]] void failChild(int error_fd, int stage) {
  const int message[2] = {stage, errno};
  [[maybe_unused]] const auto written = ::write(error_fd, message, sizeof message);
  ::_exit(127);
}

[[noreturn]] void runChild(const ChildPlan& plan, const SpawnRequest& request) {
  ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Ignored signals stay ignored across exec; a program expects the defaults.
  for (const int signal : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGUSR2}) ::signal(signal, SIG_DFL);
  if (plan.cgroup_fd >= 0 && ::write(plan.cgroup_fd, "0\n", 2) != 2) failChild(plan.error_fd, kCgroup);
  ::dup2(plan.null_fd, 0);
  ::dup2(plan.log_fd, 1);
  ::dup2(plan.log_fd, 2);
  if (request.gid) {
    const gid_t group = *request.gid;
    if (::setgroups(1, &group) != 0 || ::setgid(group) != 0) failChild(plan.error_fd, kUser);
  }
  if (request.uid && ::setuid(*request.uid) != 0) failChild(plan.error_fd, kUser);
  if (request.no_new_privileges) ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::umask(022);
  if (::chdir(request.working_dir.c_str()) != 0) failChild(plan.error_fd, kDirectory);
  ::syscall(SYS_close_range, 3U, ~0U, static_cast<unsigned>(CLOSE_RANGE_CLOEXEC));
  // The lock lives as long as somebody has this descriptor open: so it must pass through exec.
  if (plan.lock_fd >= 0) ::fcntl(plan.lock_fd, F_SETFD, 0);
  ::execve(plan.program.c_str(), const_cast<char* const*>(plan.argv.data()),
           const_cast<char* const*>(plan.envp.data()));
  failChild(plan.error_fd, kExec);
}

Result<std::string> findProgram(const SpawnRequest& request) {
  if (request.program.find('/') != std::string::npos) return request.program;
  for (const std::string& directory : request.search_path) {
    const std::string candidate = directory + "/" + request.program;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(ErrorKind::kInvalid,
              fmt::format("program \"{}\" is neither in the artifact nor in the node's path", request.program));
}

Result<Fd> takeLock(const std::string& lock_file) {
  Fd lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return std::unexpected(lastOsError("cannot open " + lock_file));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(ErrorKind::kAlreadyExists, "an earlier process of this instance is alive");
    return std::unexpected(lastOsError("cannot lock " + lock_file));
  }
  return lock;
}

ChildPlan layOut(const SpawnRequest& request, std::string program) {
  ChildPlan plan;
  plan.program = std::move(program);
  for (const std::string& word : request.argv) plan.argv.push_back(word.c_str());
  plan.argv.push_back(nullptr);
  for (const auto& [name, value] : request.environment) plan.environment_text.push_back(name + "=" + value);
  plan.environment_text.push_back(fmt::format("{}={}", kMarkerVariable, request.marker));
  for (const std::string& variable : plan.environment_text) plan.envp.push_back(variable.c_str());
  plan.envp.push_back(nullptr);
  return plan;
}

// Waits for the pipe to close (exec succeeded) or to bring an error.
std::optional<Error> readChildError(int fd, const std::string& program) {
  int message[2] = {0, 0};
  ssize_t count = 0;
  do {
    count = ::read(fd, message, sizeof message);
  } while (count < 0 && errno == EINTR);
  if (count != sizeof message) return std::nullopt;
  return Error{
      ErrorKind::kInvalid, fmt::format("{} \"{}\": {}", stageText(message[0]), program, std::strerror(message[1])), {}};
}

}  // namespace

Process::Process(Process&& other) noexcept
    : id_(std::move(other.id_)), pidfd_(std::exchange(other.pidfd_, -1)), is_child_(other.is_child_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(is_child_, other.is_child_);
  return *this;
}

Process::~Process() {
  if (pidfd_ >= 0) ::close(pidfd_);
}

void Process::signalGroup(int signal) const {
  // The pidfd proves that the leader, and so the group's number, is still ours; a dead leader's group may live on.
  if (::syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0) == 0 || errno == ESRCH) ::kill(-id_.pid, signal);
}

std::optional<int> Process::reap() {
  if (!is_child_) return std::nullopt;
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = ::waitpid(id_.pid, &status, WNOHANG);
  } while (reaped < 0 && errno == EINTR);
  if (reaped != id_.pid) return std::nullopt;
  is_child_ = false;
  return status;
}

Result<Process> spawn(const SpawnRequest& request) {
  auto program = findProgram(request);
  if (!program) return std::unexpected(program.error());
  Fd lock;
  if (!request.lock_file.empty()) {
    auto taken = takeLock(request.lock_file);
    if (!taken) return std::unexpected(taken.error());
    lock = *std::move(taken);
  }
  const Fd log(::open(request.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (log.get() < 0) return std::unexpected(lastOsError("cannot open " + request.log_file));
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Fd cgroup;
  if (!request.cgroup_dir.empty()) {
    cgroup = Fd(::open((request.cgroup_dir + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (cgroup.get() < 0) return std::unexpected(lastOsError("cannot open cgroup " + request.cgroup_dir));
  }
  int pipe_fds[2];
  if (::pipe2(pipe_fds, O_CLOEXEC) != 0) return std::unexpected(lastOsError("cannot make a pipe"));
  const Fd error_read(pipe_fds[0]);
  Fd error_write(pipe_fds[1]);

  ChildPlan plan = layOut(request, *program);
  plan.log_fd = log.get();
  plan.lock_fd = lock.get();
  plan.null_fd = null.get();
  plan.cgroup_fd = cgroup.get();
  plan.error_fd = error_write.get();
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(lastOsError("cannot fork"));
  if (pid == 0) runChild(plan, request);

  error_write = Fd();
  Fd pidfd(pidfdOpen(pid));
  const std::optional<Error> error = readChildError(error_read.get(), *program);
  if (error || pidfd.get() < 0) {
    const Error pidfd_error = lastOsError("cannot watch the process");
    if (!error) ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(error ? *error : pidfd_error);
  }
  const std::optional<Stat> stat = readStat(pid);
  return Process(ProcessId{pid, stat ? stat->start_ticks : 0, bootId()}, pidfd.release(), true);
}

std::optional<Process> openProcess(const ProcessId& id) {
  if (id.pid <= 0 || id.boot_id != bootId()) return std::nullopt;
  Fd pidfd(pidfdOpen(id.pid));
  if (pidfd.get() < 0) return std::nullopt;
  // After the open: if the pid was reused before it, the start time differs; after it, the pidfd holds the right one.
  const std::optional<Stat> stat = readStat(id.pid);
  if (!stat || stat->start_ticks != id.start_ticks || stat->state == 'Z') return std::nullopt;
  return Process(id, pidfd.release(), false);
}

std::vector<Marked> findMarked(const std::string& prefix) {
  std::vector<Marked> found;
  DIR* proc = ::opendir("/proc");
  if (!proc) return found;
  const std::string wanted = fmt::format("{}={}", kMarkerVariable, prefix);
  while (const dirent* entry = ::readdir(proc)) {
    pid_t pid = 0;
    const std::string_view name = entry->d_name;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    const std::string environment = readProc(fmt::format("/proc/{}/environ", pid));
    std::size_t at = environment.starts_with(wanted) ? 0 : environment.find('\0' + wanted);
    if (at == std::string::npos) continue;
    at += environment[at] == '\0' ? 1 : 0;
    const std::optional<Stat> stat = readStat(pid);
    if (!stat || stat->state == 'Z') continue;
    const std::size_t value = at + std::strlen(kMarkerVariable) + 1;
    found.push_back({ProcessId{pid, stat->start_ticks, bootId()},
                     environment.substr(value, environment.find('\0', value) - value), stat->session == pid});
  }
  ::closedir(proc);
  return found;
}

Result<LockState> probeLock(const std::string& lock_file) {
  auto taken = takeLock(lock_file);
  if (taken) return LockState::kFree;
  if (taken.error().kind == ErrorKind::kAlreadyExists) return LockState::kHeld;
  return std::unexpected(taken.error());
}

std::string bootId() {
  static const std::string id = [] {
    std::string text = readProc("/proc/sys/kernel/random/boot_id");
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }();
  return id;
}

int exitCodeOf(int wait_status) {
  if (WIFSIGNALED(wait_status)) return 128 + WTERMSIG(wait_status);
  return WEXITSTATUS(wait_status);
}

}  // namespace towpath::supervise
