#include "proxy/haproxy_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "base/file.h"

extern char** environ;

namespace towpath::proxy {
namespace {

Error osError(const std::string& what, int number) {
  return {ErrorKind::kIo, fmt::format("{}: {}", what, std::strerror(number)), {}};
}

// Settings of one posix_spawn: all signals as a fresh process has them, a session of its own.
class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

Result<int> spawn(SpawnSettings& settings, std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &settings.actions, &settings.attributes, argv.data(), environ);
  if (error != 0) return std::unexpected(osError("starting " + arguments[0], error));
  return pid;
}

// "[ALERT]    (123) : config : text" → "text", so that a message reads like one of ours.
std::string alertsOf(std::istream& lines) {
  std::string alerts;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("[ALERT]")) continue;
    const std::size_t colon = line.find(" : ");
    std::string text = colon == std::string::npos ? line : line.substr(colon + 3);
    if (text.starts_with("config : ")) text.erase(0, 9);
    if (text.starts_with("Error(s) found") || text.starts_with("Fatal errors found")) continue;
    if (alerts.size() > 2000) return alerts + "; …";
    alerts += (alerts.empty() ? "" : "; ") + text;
  }
  return alerts;
}

}  // namespace

OwnedFd::OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

Result<OwnedFd> takeLock(const std::string& lock_file) {
  OwnedFd lock(open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return std::unexpected(lastOsError(lock_file));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return OwnedFd();
  return std::unexpected(lastOsError(lock_file));
}

Result<int> launch(const HaproxyLaunch& launch, const OwnedFd& lock) {
  SpawnSettings settings;
  constexpr int kInheritedLock = 3;  // the duplicate has no close-on-exec, and shares the lock
  posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&settings.actions, 1, launch.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&settings.actions, 1, 2);
  posix_spawn_file_actions_adddup2(&settings.actions, lock.get(), kInheritedLock);
  return spawn(settings,
               {launch.binary, "-W", "-S", launch.master_socket + ",mode,600,level,admin", "-f", launch.config});
}

Result<OwnedFd> watchProcess(int pid) {
  OwnedFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (fd) return fd;
  if (errno == ESRCH) return fail(ErrorKind::kNotFound, fmt::format("there is no process {}", pid));
  return std::unexpected(lastOsError("pidfd_open"));
}

bool reap(int pid) { return waitpid(pid, nullptr, WNOHANG) > 0; }

std::optional<std::string> processKey(int pid) {
  const Result<std::string> stat = readFile(fmt::format("/proc/{}/stat", pid));
  const Result<std::string> boot = readFile("/proc/sys/kernel/random/boot_id");
  if (!stat || !boot) return std::nullopt;
  // Field 22; the second field is a name in parentheses, which may hold anything.
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat->substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) continue;
  return fmt::format("{}/{}/{}", boot->substr(0, boot->find('\n')), pid, field);
}

Result<void> checkConfig(const std::string& binary, const std::string& config) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(lastOsError("pipe"));
  OwnedFd reading(ends[0]);
  OwnedFd writing(ends[1]);
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&settings.actions, writing.get(), 1);
  posix_spawn_file_actions_adddup2(&settings.actions, 1, 2);
  const Result<int> pid = spawn(settings, {binary, "-c", "-f", config});
  if (!pid) return std::unexpected(pid.error());
  writing = OwnedFd();
  std::string said;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = read(reading.get(), buffer.data(), buffer.size())) > 0;)
    said.append(buffer.data(), static_cast<std::size_t>(got));
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::istringstream lines(said);
  const std::string alerts = alertsOf(lines);
  return fail(ErrorKind::kInvalid, "HAProxy refuses the configuration: " + (alerts.empty() ? said : alerts));
}

Result<void> checkListen(const std::string& address, std::uint16_t port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  v4.sin_port = v6.sin6_port = htons(port);
  const bool is_v6 = inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1;
  if (!is_v6 && inet_pton(AF_INET, address.c_str(), &v4.sin_addr) != 1) {
    return fail(ErrorKind::kInvalid, fmt::format("a listener's address is no IP address: \"{}\"", address));
  }
  const OwnedFd fd(socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(lastOsError("socket"));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (is_v6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const auto* name = is_v6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  if (bind(fd.get(), name, is_v6 ? sizeof v6 : sizeof v4) == 0 && listen(fd.get(), 1) == 0) return {};
  return fail(ErrorKind::kInvalid,
              fmt::format("the proxy cannot listen on {} port {}: {}", address, port, std::strerror(errno)));
}

Result<void> replaceFiles(const std::vector<File>& files, Durability durability) {
  const auto temporary = [](const File& file) { return file.path + ".new"; };
  for (const File& file : files) {
    const OwnedFd fd(open(temporary(file).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) return std::unexpected(lastOsError(file.path));
    for (std::string_view rest = file.text; !rest.empty();) {
      const ssize_t wrote = write(fd.get(), rest.data(), rest.size());
      if (wrote < 0) return std::unexpected(lastOsError(file.path));
      rest.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (durability == Durability::kSynced && fdatasync(fd.get()) != 0) return std::unexpected(lastOsError(file.path));
  }
  std::set<std::string> directories;
  for (const File& file : files) {
    if (rename(temporary(file).c_str(), file.path.c_str()) != 0) return std::unexpected(lastOsError(file.path));
    directories.insert(file.path.substr(0, file.path.rfind('/')));
  }
  if (durability == Durability::kRenamed) return {};
  for (const std::string& directory : directories) {
    const OwnedFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || fsync(fd.get()) != 0) return std::unexpected(lastOsError(directory));
  }
  return {};
}

std::string alertsSince(const std::string& log_file, std::int64_t offset) {
  std::ifstream file(log_file);
  file.seekg(offset);
  return alertsOf(file);
}

std::int64_t fileSize(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

}  // namespace towpath::proxy
