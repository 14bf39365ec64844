#include "loop/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>

extern char** environ;  // NOLINT: as POSIX has it

namespace towpath::loop {
namespace {

constexpr std::size_t kErrorOutputMax = 4096;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Fd() { close(); }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

struct Pair {
  Fd ours, theirs;
};

// A socket, so that writing to a program that reads nothing is an error and not a signal.
std::optional<Pair> makePair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) return std::nullopt;
  return Pair{Fd(fds[0]), Fd(fds[1])};
}

Error osError(const std::string& what, int code) {
  return Error{.kind = code == ENOENT || code == EACCES ? ErrorKind::kNotFound : ErrorKind::kIo,
               .message = fmt::format("{}: {}", what, std::strerror(code))};
}

std::vector<std::string> environmentOf(const CommandRequest& request) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    const bool replaced = std::ranges::any_of(
        request.environment, [text](const auto& variable) { return text.starts_with(variable.first + "="); });
    if (!replaced) variables.emplace_back(text);
  }
  for (const auto& [name, value] : request.environment) variables.push_back(name + "=" + value);
  return variables;
}

std::vector<char*> pointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// A group of its own, with default signals: what it starts is killed with it.
Result<pid_t> spawn(const CommandRequest& request, int in, int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> words = request.argv;
  std::vector<std::string> variables = environmentOf(request);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, words.front().c_str(), &actions, &attributes, pointersTo(words).data(),
                                   pointersTo(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return std::unexpected(osError(request.argv.front(), error));
  return pid;
}

// The running program and what is exchanged with it. Killed and reaped when this goes.
class Running {
 public:
  Running(const CommandRequest& request, pid_t pid, Fd in, Fd out, Fd err)
      : request_(request),
        pid_(pid),
        ended_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
        in_(std::move(in)),
        out_(std::move(out)),
        err_(std::move(err)) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (pid_ > 0) reap(SIGKILL);
  }

  Result<CommandOutput> exchange() {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point end = Clock::now() + request_.timeout;
    while (true) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
      if (left <= 0) return failed(ErrorKind::kTimeout, "did not end within its time limit");
      std::array<pollfd, 4> polled{
          {{in_.get(), POLLOUT, 0}, {out_.get(), POLLIN, 0}, {err_.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}}};
      if (::poll(polled.data(), polled.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000))) < 0) {
        if (errno == EINTR) continue;
        return std::unexpected(osError("poll", errno));
      }
      if (polled[0].revents != 0) write();
      if (polled[1].revents != 0 && !read(out_, output_.out, request_.output_max))
        return failed(ErrorKind::kTooLarge, "writes more than may be read");
      // Its complaints beyond the bound are read and dropped.
      if (polled[2].revents != 0 && !read(err_, output_.err, kErrorOutputMax)) output_.err.resize(kErrorOutputMax);
      if (polled[3].revents != 0) return finish();
    }
  }

 private:
  Result<CommandOutput> failed(ErrorKind kind, std::string_view what) {
    return fail(kind, fmt::format("{} {}", request_.argv.front(), what));
  }

  void write() {
    const ssize_t sent = ::send(in_.get(), request_.input.data() + written_, request_.input.size() - written_,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) written_ += static_cast<std::size_t>(sent);
    const bool over = sent < 0 && errno != EAGAIN && errno != EINTR;
    if (over || written_ == request_.input.size()) in_.close();
  }

  // False: it is more than `most`.
  static bool read(Fd& from, std::string& into, std::size_t most) {
    std::array<char, 16384> buffer{};
    const ssize_t count = ::recv(from.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count <= 0) {
      from.close();
      return true;
    }
    into.append(buffer.data(), static_cast<std::size_t>(count));
    return into.size() <= most;
  }

  // What it wrote before it ended is still in the sockets; a child of its own may hold them open.
  Result<CommandOutput> finish() {
    for (std::size_t before = 1; out_.open() && before != output_.out.size();) {
      before = output_.out.size();
      if (!read(out_, output_.out, request_.output_max))
        return failed(ErrorKind::kTooLarge, "writes more than may be read");
    }
    if (err_.open() && !read(err_, output_.err, kErrorOutputMax)) output_.err.resize(kErrorOutputMax);
    output_.status = reap(0);
    return std::move(output_);
  }

  int reap(int signal) {
    if (signal != 0) ::kill(-pid_, signal);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  const CommandRequest& request_;
  pid_t pid_;
  Fd ended_, in_, out_, err_;
  std::size_t written_ = 0;
  CommandOutput output_;
};

}  // namespace

Result<CommandOutput> runCommand(const CommandRequest& request) {
  if (request.argv.empty() || request.argv.front().empty()) return fail(ErrorKind::kInvalid, "the command is empty");
  std::optional<Pair> in = makePair(), out = makePair(), err = makePair();
  if (!in || !out || !err) return std::unexpected(osError("socketpair", errno));
  const Result<pid_t> pid = spawn(request, in->theirs.get(), out->theirs.get(), err->theirs.get());
  if (!pid) return std::unexpected(pid.error());
  for (Fd* theirs : {&in->theirs, &out->theirs, &err->theirs}) theirs->close();
  Running running(request, *pid, std::move(in->ours), std::move(out->ours), std::move(err->ours));
  return running.exchange();
}

Task<Result<CommandOutput>> runCommand(Loop& loop, CommandRequest request) {
  co_return co_await offload(loop, [request = std::move(request)] { return runCommand(request); });
}

}  // namespace towpath::loop
