// What only a disk can do to a store: restarts, damage, old versions, a full disk, a second process.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <fstream>

#include "support.h"

using namespace towpath;
using namespace towpath::store;

namespace {

Result<std::unique_ptr<Store>> openIn(loop::Loop& loop, const TemporaryDirectory& directory,
                                      HistoryLimits history = {}) {
  return openSqliteStore(loop, {.directory = directory.path(), .history = history});
}

Result<CommitResult> commit(loop::Loop& loop, Store& store, Transaction transaction) {
  return loop::blockOn(loop, store.commit(std::move(transaction)));
}

void executeSql(const std::filesystem::path& path, const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  char* message = nullptr;
  sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message);
  REQUIRE_MESSAGE(message == nullptr, message);
  sqlite3_close(database);
}

std::string fileText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int modeOf(const std::filesystem::path& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

}  // namespace

TEST_CASE("a restart keeps objects, revisions, private records and the watch history") {
  TemporaryDirectory directory;
  loop::UvLoop loop;
  Revision before = 0, last = 0;
  {
    auto store = openIn(loop, directory).value();
    before = commit(loop, *store, putting(podKey("a"), "one")).value().revision;
    CHECK(commit(loop, *store, putting(podKey("a"), "two")).has_value());
    CHECK(commit(loop, *store, putting(podKey("b"), "b")).has_value());
    last = commit(loop, *store, erasing(podKey("b"))).value().revision;
    CHECK(commit(loop, *store, putting({"events", "default", "e"}, "event")).has_value());
    CHECK(loop::blockOn(loop, store->putPrivate("ca", "key material")).has_value());
  }
  auto store = openIn(loop, directory).value();
  CHECK(contentOf(store->find(podKey("a"))) == "two");
  CHECK(store->find(podKey("b")) == nullptr);
  CHECK(contentOf(store->find({"events", "default", "e"})) == "event");
  CHECK(store->getPrivate("ca").value() == "key material");
  CHECK(store->committedRevision("pods") == last);

  std::vector<Change> seen;
  auto watch = store->watch("pods", before, [&](std::span<const Change> changes) {
    seen.insert(seen.end(), changes.begin(), changes.end());
  });
  REQUIRE(watch.has_value());
  REQUIRE(seen.size() == 3);
  CHECK(seen[0].type == Change::Type::kModified);
  CHECK(contentOf(seen[0].previous) == "one");
  CHECK(seen[2].type == Change::Type::kDeleted);
  CHECK(contentOf(seen[2].object) == "b");
  CHECK(seen[2].revision == last);
  CHECK(commit(loop, *store, putting(podKey("c"), "c")).value().revision > last);
  CHECK(seen.back().type == Change::Type::kAdded);
  watch->reset();
}

TEST_CASE("what the history forgets leaves the disk, and a restart knows how far it reaches") {
  TemporaryDirectory directory;
  loop::UvLoop loop;
  const HistoryLimits limits{.changes = 20};
  Revision first = 0, last = 0;
  {
    auto store = openIn(loop, directory, limits).value();
    first = commit(loop, *store, putting(podKey("kept"), "kept")).value().revision;
    for (int i = 0; i < 200; ++i) {
      last = commit(loop, *store, putting(podKey("a"), std::string(10000, 'x'))).value().revision;
    }
    CHECK(commit(loop, *store, putting(podKey("b"), "b")).has_value());
    last = commit(loop, *store, erasing(podKey("b"))).value().revision;
  }
  // 2 MB were written; some twenty texts of 10 kB and the pages kept for reuse remain.
  executeSql(directory.path() / "objects.db", "VACUUM");
  CHECK(std::filesystem::file_size(directory.path() / "objects.db") < 400000);
  auto store = openIn(loop, directory, limits).value();
  CHECK(contentOf(store->find(podKey("kept"))) == "kept");
  const Sink ignore = [](std::span<const Change>) {};
  CHECK(store->watch("pods", first, ignore).error().kind == ErrorKind::kGone);
  CHECK(store->watch("pods", last - 10, ignore).has_value());
}

TEST_CASE("changes are forgotten by bytes as well") {
  TemporaryDirectory directory;
  loop::UvLoop loop;
  auto store = openIn(loop, directory, {.bytes = 50000}).value();
  for (int i = 0; i < 20; ++i) CHECK(commit(loop, *store, putting(podKey("a"), std::string(10000, 'x'))).has_value());
  CHECK(store->stats().history_bytes <= 70000);
  CHECK(store->stats().objects == 1);
  CHECK(store->stats().live_bytes < 11000);
}

TEST_CASE("the history is no larger than what is live, but 1 MB in any case") {
  TemporaryDirectory directory;
  loop::UvLoop loop;
  auto store = openIn(loop, directory).value();
  const std::string text(10000, 'x');
  for (int i = 0; i < 300; ++i) CHECK(commit(loop, *store, putting(podKey("a"), text)).has_value());
  CHECK(store->stats().history_bytes > 1'000'000);
  CHECK(store->stats().history_bytes < 1'100'000);
  for (int i = 0; i < 300; ++i) CHECK(commit(loop, *store, putting(podKey(std::to_string(i)), text)).has_value());
  for (int i = 0; i < 350; ++i) CHECK(commit(loop, *store, putting(podKey("a"), text)).has_value());
  CHECK(store->stats().history_bytes > 2'900'000);
  CHECK(store->stats().history_bytes < 3'200'000);
}

TEST_CASE("files are for their owner alone, and for one process") {
  TemporaryDirectory directory;
  loop::UvLoop loop;
  auto store = openIn(loop, directory).value();
  CHECK(commit(loop, *store, putting(podKey("a"), "one")).has_value());
  CHECK(modeOf(directory.path()) == 0700);
  for (const char* name : {"objects.db", "objects.db-wal", "events.db", "private.key"}) {
    CHECK_MESSAGE(modeOf(directory.path() / name) == 0600, name);
  }
  const auto second = openIn(loop, directory);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().kind == ErrorKind::kUnavailable);
  CHECK(second.error().message.find("in use") != std::string::npos);
}

TEST_CASE("private records are sealed on the disk, and bound to their key file and name") {
  TemporaryDirectory directory;
  loop::UvLoop loop;
  {
    auto store = openIn(loop, directory).value();
    CHECK(loop::blockOn(loop, store->putPrivate("a", "very secret text")).has_value());
    CHECK(loop::blockOn(loop, store->putPrivate("b", "another text")).has_value());
  }
  CHECK(fileText(directory.path() / "objects.db").find("very secret") == std::string::npos);
  executeSql(directory.path() / "objects.db",
             "UPDATE private SET sealed = (SELECT sealed FROM private WHERE name = 'a') WHERE name = 'b'");
  {
    auto store = openIn(loop, directory).value();
    CHECK(store->getPrivate("a").value() == "very secret text");
    CHECK(store->getPrivate("b").error().kind == ErrorKind::kCorrupt);
  }
  std::filesystem::remove(directory.path() / "private.key");
  const auto without = openIn(loop, directory);
  REQUIRE_FALSE(without.has_value());
  CHECK(without.error().kind == ErrorKind::kCorrupt);
}

TEST_CASE("a damaged file is refused with advice and left as it is") {
  TemporaryDirectory directory;
  loop::UvLoop loop;
  {
    auto store = openIn(loop, directory).value();
    for (int i = 0; i < 100; ++i) {
      CHECK(commit(loop, *store, putting(podKey(std::to_string(i)), std::string(2000, 'x'))).has_value());
    }
  }
  const std::filesystem::path path = directory.path() / "objects.db";
  SUBCASE("pages overwritten") {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    file << std::string(4096 * 6, '\x5a');
  }
  SUBCASE("the header overwritten") {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file << "this is no database";
  }
  SUBCASE("the schema overwritten") {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1024);
    file << std::string(4096 - 1024, '\xff');
  }
  SUBCASE("cut off") { std::filesystem::resize_file(path, 4096 * 5); }
  const std::string before = fileText(path);
  const auto store = openIn(loop, directory);
  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().kind == ErrorKind::kCorrupt);
  CHECK(store.error().message.find("backup") != std::string::npos);
  CHECK(fileText(path) == before);
}

TEST_CASE("a file of schema version 1 is brought up to date, one of the future refused") {
  TemporaryDirectory directory;
  loop::UvLoop loop;
  const std::filesystem::path path = directory.path() / "objects.db";
  executeSql(path, R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('compacted', 4);
CREATE TABLE changes (revision INTEGER PRIMARY KEY, resource TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL,
  deleted INTEGER NOT NULL, json TEXT NOT NULL);
INSERT INTO changes VALUES (3, 'pods', 'default', 'a', 0,
  '{"metadata":{"namespace":"default","name":"a","resourceVersion":"3"},"spec":{"content":"old"}}');
INSERT INTO changes VALUES (7, 'pods', 'default', 'a', 0,
  '{"metadata":{"namespace":"default","name":"a","resourceVersion":"7"},"spec":{"content":"new"}}');
PRAGMA user_version = 1;)sql");
  {
    auto store = openIn(loop, directory).value();
    CHECK(contentOf(store->find(podKey("a"))) == "new");
    CHECK(store->list("pods", {.revision = 4}).value().items.size() == 1);
    CHECK(contentOf(store->list("pods", {.revision = 5}).value().items[0]) == "old");
    CHECK(loop::blockOn(loop, store->putPrivate("x", "y")).has_value());
  }
  executeSql(path, "PRAGMA user_version = 99");
  const auto store = openIn(loop, directory);
  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().kind == ErrorKind::kUnsupported);
}

namespace {

// In a child process, since the limit holds for all of a process's files. Exits with the number of the check that
// failed.
int fillTheDisk(const TemporaryDirectory& directory) {
  ::signal(SIGXFSZ, SIG_IGN);
  loop::UvLoop loop;
  auto store = openSqliteStore(loop, {.directory = directory.path(), .weak_resources = {}}).value();
  if (!commit(loop, *store, putting(podKey("a"), "before"))) return 1;
  struct rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = 200000;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  int watched = 0;
  auto watch = store->watch("pods", store->committedRevision("pods"),
                            [&](std::span<const Change> changes) { watched += static_cast<int>(changes.size()); });
  auto too_big = store->commit(putting(podKey("a"), std::string(500000, 'x')));
  auto behind = store->commit(putting(podKey("b"), "depends on nothing, yet is behind"));
  const auto refused = loop::blockOn(loop, std::move(too_big));
  if (refused || refused.error().kind != ErrorKind::kIo) return 2;
  if (loop::blockOn(loop, std::move(behind))) return 3;
  if (contentOf(store->find(podKey("a"))) != "before" || contentOf(store->findLatest(podKey("a"))) != "before")
    return 4;
  if (store->findLatest(podKey("b"))) return 5;
  if (watched != 0) return 6;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  if (!commit(loop, *store, putting(podKey("b"), "after"))) return 7;
  if (watched != 1) return 8;
  watch->reset();
  store.reset();
  auto again = openSqliteStore(loop, {.directory = directory.path(), .weak_resources = {}}).value();
  if (contentOf(again->find(podKey("a"))) != "before" || contentOf(again->find(podKey("b"))) != "after") return 9;
  return 0;
}

}  // namespace

TEST_CASE("a full disk fails the writes that wait, nothing else, and is overcome when there is room again") {
  TemporaryDirectory directory;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(fillTheDisk(directory));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
