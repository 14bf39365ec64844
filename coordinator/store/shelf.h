#pragma once
// Shelf: objects in memory over one file, with the queue of writes between them. SqliteStore has one for each
// durability.

#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "store/object_table.h"
#include "store/sqlite_file.h"
#include "store/writer.h"

namespace towpath::store {

// The outcome of one write, awaited by whoever asked for it. Shared by the waiting coroutine, which may be destroyed
// meanwhile, and the shelf.
struct Completion {
  explicit Completion(loop::Loop& loop) : done(loop) {}
  loop::Event done;
  Result<void> result;
};

class Shelf {
 public:
  // Opens and loads the file. `counter` is raised to the newest revision found.
  static Result<std::unique_ptr<Shelf>> open(loop::Loop& loop, Revision& counter, HistoryLimits limits,
                                             SqliteFileOptions options);
  ~Shelf();

  ObjectTable& table() { return table_; }
  const ObjectTable& table() const { return table_; }
  Result<void> checkRoom() const;
  std::shared_ptr<Completion> submit(Staged staged);
  void addStats(StoreStats& stats) const;

 private:
  struct Waiting {
    std::shared_ptr<const WriteJob> job;  // shared with the writer
    std::shared_ptr<Completion> completion;
  };

  Shelf(loop::Loop& loop, Revision& counter, HistoryLimits limits);
  Result<void> load(SqliteFile& file, Revision& counter);
  Result<void> loadChanges(SqliteFile& file, Revision& newest);
  Result<void> loadPrivates(SqliteFile& file);
  void finished(std::size_t jobs, const Result<void>& result);
  void succeeded(std::size_t jobs);
  void failed(const Error& error);
  void collectGarbage();
  void sweep();

  loop::Loop& loop_;
  ObjectTable table_;
  std::deque<Waiting> waiting_;
  Compaction garbage_;  // rows that a later write will erase
  std::unique_ptr<Writer> writer_;
  loop::Timer sweep_timer_;
};

}  // namespace towpath::store
