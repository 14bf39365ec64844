#include "kubernetes/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "base/file.h"

extern char** environ;

namespace towpath::kubernetes {
namespace {

// A pipe whose reading end is ours.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) ends_ = {-1, -1};
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    closeReading();
    closeWriting();
  }
  bool valid() const { return ends_[0] >= 0; }
  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void closeReading() { closeEnd(ends_[0]); }
  void closeWriting() { closeEnd(ends_[1]); }

 private:
  static void closeEnd(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  std::array<int, 2> ends_{-1, -1};
};

std::vector<std::string> environmentOf(const Program& program) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    bool replaced = false;
    for (const auto& [name, value] : program.environment) replaced = replaced || text.starts_with(name + "=");
    if (!replaced) variables.emplace_back(text);
  }
  for (const auto& [name, value] : program.environment) variables.push_back(name + "=" + value);
  return variables;
}

std::vector<char*> pointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

Result<pid_t> spawn(const Program& program, const Pipe& output, const Pipe& errors) {
  std::vector<std::string> words{program.command};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  std::vector<std::string> variables = environmentOf(program);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output.writing(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, errors.writing(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own, so that what it starts ends with it; and no signal of ours ignored in it.
  sigset_t ours;
  sigemptyset(&ours);
  sigaddset(&ours, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &ours);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, program.command.c_str(), &files, &attributes, pointersTo(words).data(),
                                  pointersTo(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (code == ENOENT) return fail(ErrorKind::kNotFound, program.command + ": there is no such program");
  if (code != 0) return fail(ErrorKind::kIo, program.command + ": " + std::strerror(code));
  return pid;
}

Duration monotonicNow() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Both pipes to their ends.
Result<void> readBoth(Pipe& output, Pipe& errors, ProgramEnd& end, Duration limit) {
  const Duration deadline = monotonicNow() + limit;
  std::array<char, 16384> buffer;
  while (output.valid() || errors.valid()) {
    const Duration left = deadline - monotonicNow();
    if (left <= Duration::zero()) return fail(ErrorKind::kTimeout, "did not end within " + formatGoDuration(limit));
    std::array<pollfd, 2> wanted{{{output.reading(), POLLIN, 0}, {errors.reading(), POLLIN, 0}}};
    const int wait_ms = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
    if (::poll(wanted.data(), wanted.size(), wait_ms) < 0 && errno != EINTR) {
      return std::unexpected(lastOsError("poll"));
    }
    for (auto [pipe, into, events] :
         {std::tuple(&output, &end.output, wanted[0].revents), std::tuple(&errors, &end.errors, wanted[1].revents)}) {
      if (events == 0 || !pipe->valid()) continue;
      const ssize_t count = ::read(pipe->reading(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        pipe->closeReading();
        continue;
      }
      into->append(buffer.data(), static_cast<std::size_t>(count));
      if (into->size() > kMostOutput) {
        return fail(ErrorKind::kTooLarge, "prints more than " + std::to_string(kMostOutput) + " bytes");
      }
    }
  }
  return {};
}

}  // namespace

Result<ProgramEnd> runProgram(const Program& program) {
  Pipe output, errors;
  if (!output.valid() || !errors.valid()) return std::unexpected(lastOsError("pipe"));
  const Result<pid_t> pid = spawn(program, output, errors);
  if (!pid) return std::unexpected(pid.error());
  output.closeWriting();
  errors.closeWriting();
  ProgramEnd end;
  const Result<void> read = readBoth(output, errors, end, program.limit);
  // It may have closed its output and go on for ever, and so may what it started.
  if (!read) ::kill(-*pid, SIGKILL);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!read) return std::unexpected(withContext(read.error(), program.command));
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

}  // namespace towpath::kubernetes
