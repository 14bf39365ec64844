#pragma once
// SqliteStore: the Store in two SQLite files. The first (objects.db: WAL, synchronous=FULL) holds what must never be
// lost; the second (events.db, no sync at a commit) the resources named in `weak_resources`, which may lose their last
// seconds in a power cut and never wait on, or slow, the first. One counter gives both their revisions.
// docs/database.md has the schema.
//
// A writer thread for each file puts all transactions that wait into one SQLite transaction, so that many writers share
// one sync. When a write fails (disk full, I/O error) everything queued fails, and memory stays as the disk is. After a
// failed sync nothing can be known about the disk, so every later write is refused until a restart.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/object_table.h"
#include "store/store.h"

namespace towpath::loop {
class Loop;
}

namespace towpath::store {

struct SqliteOptions {
  std::filesystem::path directory;  // made with mode 0700 if absent; files have 0600
  HistoryLimits history;
  std::vector<std::string> weak_resources = {"events"};
  std::size_t wal_bytes_max = 4u << 20;  // a checkpoint truncates the WAL past this
};

// Opens or makes the files, checks and loads them. Errors: kUnavailable if another process has them open; kCorrupt if a
// check fails (the file is left untouched and the message says what to do); kUnsupported if a newer version wrote them;
// kIo. Destroying the store waits for the writes in progress.
Result<std::unique_ptr<Store>> openSqliteStore(loop::Loop& loop, SqliteOptions options);

}  // namespace towpath::store
