// A process that is killed at any moment has lost no write that it acknowledged, and has no half of one.
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <chrono>
#include <random>
#include <thread>

#include "loop/scope.h"
#include "support.h"

using namespace towpath;
using namespace towpath::store;

namespace {

constexpr int kWriters = 8;

struct Acknowledged {
  int writer;
  int round;
  Revision revision;
};

// Two objects that must always say the same, in one transaction.
Transaction pairOf(int writer, int round) {
  const std::string content = std::to_string(round);
  Transaction transaction;
  for (const char* half : {"left-", "right-"}) {
    const Key key = podKey(half + std::to_string(writer));
    transaction.put(key, objectOf(key, content));
  }
  return transaction;
}

loop::Task<void> writeForever(Store& store, int writer, int first_round, int pipe) {
  for (int round = first_round;; ++round) {
    const Result<CommitResult> result = co_await store.commit(pairOf(writer, round));
    if (!result) ::_exit(1);
    const Acknowledged acknowledged{writer, round, result->revision};
    if (::write(pipe, &acknowledged, sizeof acknowledged) != sizeof acknowledged) ::_exit(2);
  }
}

[[noreturn]] void runChild(const TemporaryDirectory& directory, int first_round, int pipe) {
  loop::UvLoop loop;
  auto store =
      openSqliteStore(loop, {.directory = directory.path(), .history = {.changes = 100}, .wal_bytes_max = 1u << 18});
  if (!store) ::_exit(3);
  loop::Scope scope(loop, "writers");
  for (int writer = 0; writer < kWriters; ++writer) scope.spawn(writeForever(**store, writer, first_round, pipe));
  loop.run();
  ::_exit(4);
}

}  // namespace

TEST_CASE("killed at random, it keeps every acknowledged write whole") {
  TemporaryDirectory directory;
  std::mt19937 random(20261123);
  std::vector<int> newest(kWriters, -1);
  Revision newest_revision = 0;
  for (int life = 0; life < 12; ++life) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const int first_round = *std::ranges::max_element(newest) + 1;
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      runChild(directory, first_round, ends[1]);
    }
    ::close(ends[1]);
    // The moment of death is counted in acknowledgements, so that a slow machine dies in the middle of its work too.
    int left = std::uniform_int_distribution(1, 400)(random);
    Acknowledged acknowledged;
    while (::read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
      newest[static_cast<std::size_t>(acknowledged.writer)] = acknowledged.round;
      newest_revision = std::max(newest_revision, acknowledged.revision);
      if (--left == 0) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));

    loop::UvLoop loop;
    auto store = openSqliteStore(loop, {.directory = directory.path(), .history = {.changes = 100}}).value();
    CHECK(store->committedRevision("pods") >= newest_revision);
    for (int writer = 0; writer < kWriters; ++writer) {
      const std::string left_half = contentOf(store->find(podKey("left-" + std::to_string(writer))));
      CHECK(left_half == contentOf(store->find(podKey("right-" + std::to_string(writer)))));
      if (newest[static_cast<std::size_t>(writer)] >= 0)
        CHECK(std::stoi(left_half) >= newest[static_cast<std::size_t>(writer)]);
    }
  }
}
