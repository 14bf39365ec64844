// Real processes: what must hold after a crash of the agent at any instruction.
#include "supervise/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "support/temp_dir.h"

using namespace towpath;
using namespace towpath::supervise;
using towpath::testing::TempDir;

namespace {

SpawnRequest shell(const TempDir& dir, const std::string& script, const std::string& marker) {
  SpawnRequest request;
  request.program = "/bin/sh";
  request.argv = {"/bin/sh", "-c", script};
  request.environment = {{"PATH", "/usr/bin:/bin"}, {"GREETING", "hello"}};
  request.marker = marker;
  request.working_dir = dir.path();
  request.log_file = dir.path() + "/log";
  request.lock_file = dir.path() + "/lock";
  return request;
}

int waitForEnd(Process& process) {
  pollfd poll_fd{process.pidfd(), POLLIN, 0};
  REQUIRE(::poll(&poll_fd, 1, 60000) == 1);
  const std::optional<int> status = process.reap();
  REQUIRE(status);
  return exitCodeOf(*status);
}

std::string uniqueMarker() { return "test" + std::to_string(::getpid()) + ":u1/shop/1"; }

}  // namespace

TEST_CASE("a process gets its environment, directory and log, and nothing of ours") {
  const TempDir dir;
  ::setenv("TOWPATH_TEST_LEAK", "secret", 1);
  auto process = spawn(shell(
      dir, "echo \"$GREETING $PWD ${TOWPATH_TEST_LEAK:-none}\"; ls /proc/self/fd | wc -l >&2; exit 7", uniqueMarker()));
  REQUIRE(process);
  CHECK(waitForEnd(*process) == 7);
  const std::string log = *readFile(dir.path() + "/log");
  CHECK(log.starts_with("hello " + dir.path() + " none\n"));
}

TEST_CASE("a program that cannot be executed is an error at once, and holds no lock") {
  const TempDir dir;
  SpawnRequest request = shell(dir, "", uniqueMarker());
  request.program = dir.file("not-executable", "#!/bin/sh\n", 0644);
  const auto process = spawn(request);
  REQUIRE_FALSE(process);
  CHECK(process.error().kind == ErrorKind::kInvalid);
  CHECK(process.error().message.find("Permission denied") != std::string::npos);
  CHECK(probeLock(request.lock_file) == LockState::kFree);
}

TEST_CASE("while an instance lives, a second one of the same lock is refused") {
  const TempDir dir;
  auto process = spawn(shell(dir, "exec sleep 60", uniqueMarker()));
  REQUIRE(process);
  const auto second = spawn(shell(dir, "exec sleep 60", uniqueMarker()));
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::kAlreadyExists);
  process->signalGroup(SIGKILL);
  CHECK(waitForEnd(*process) == 128 + SIGKILL);
  CHECK(probeLock(dir.path() + "/lock") == LockState::kFree);
}

TEST_CASE("a recorded process is found again, and a stranger with its pid is not") {
  const TempDir dir;
  auto process = spawn(shell(dir, "exec sleep 60", uniqueMarker()));
  REQUIRE(process);
  CHECK(openProcess(process->id()));
  ProcessId earlier = process->id();
  earlier.start_ticks -= 1;
  CHECK_FALSE(openProcess(earlier));
  ProcessId other_boot = process->id();
  other_boot.boot_id = "another";
  CHECK_FALSE(openProcess(other_boot));
  process->signalGroup(SIGKILL);
  waitForEnd(*process);
  CHECK_FALSE(openProcess(process->id()));
}

TEST_CASE("an unrecorded process is found by its marker, and its children are told apart") {
  const TempDir dir;
  const std::string marker = uniqueMarker();
  auto process = spawn(shell(dir, "sleep 60 & echo started; wait", marker));
  REQUIRE(process);
  std::vector<Marked> found;
  for (int i = 0; i < 6000 && found.size() < 2; ++i) {
    found = findMarked(marker.substr(0, marker.rfind('/') + 1));
    ::poll(nullptr, 0, 10);
  }
  REQUIRE(found.size() == 2);
  int leaders = 0;
  for (const Marked& one : found) {
    CHECK(one.marker == marker);
    leaders += one.leader ? 1 : 0;
    if (one.leader) CHECK(one.id == process->id());
  }
  CHECK(leaders == 1);
  process->signalGroup(SIGKILL);
  waitForEnd(*process);
}

TEST_CASE("the lock is held from the fork on, before the program runs") {
  const TempDir dir;
  const std::string lock_file = dir.path() + "/lock";
  int hold[2];
  REQUIRE(::pipe2(hold, O_CLOEXEC) == 0);
  int locked[2];
  REQUIRE(::pipe2(locked, O_CLOEXEC) == 0);
  // An agent that was killed between fork and exec: its child holds the lock and bears no marker yet.
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(lock_file.c_str(), O_RDWR | O_CREAT, 0600);
    ::flock(fd, LOCK_EX);
    [[maybe_unused]] auto told = ::write(locked[1], "x", 1);
    char byte = 0;
    [[maybe_unused]] auto waited = ::read(hold[0], &byte, 1);
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(locked[0], &byte, 1) == 1);
  const auto second = spawn(shell(dir, "true", uniqueMarker()));
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::kAlreadyExists);
  REQUIRE(::write(hold[1], "x", 1) == 1);
  ::waitpid(child, nullptr, 0);
  auto third = spawn(shell(dir, "true", uniqueMarker()));
  REQUIRE(third);
  CHECK(waitForEnd(*third) == 0);
  for (const int fd : {hold[0], hold[1], locked[0], locked[1]}) ::close(fd);
}
