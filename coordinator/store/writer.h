#pragma once
// Writer: the thread that makes transactions durable. It takes all that wait, up to a bound, as one SQLite transaction,
// so that they share one sync, and reports to the loop in the order of enqueueing.
//
// After a failure it writes nothing more until the loop has seen the failure and called discardAfterFailure(): what was
// queued meanwhile was staged upon writes that never happened.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"
#include "loop/loop.h"
#include "store/object_table.h"
#include "store/sqlite_file.h"

namespace towpath::store {

struct WriteJob {
  Staged staged;
  Compaction compaction;  // rows may be empty
};

class Writer {
 public:
  // Called on the loop thread: the next `jobs` jobs are durable, or everything enqueued so far has failed.
  using Done = std::function<void(std::size_t jobs, const Result<void>& result)>;

  Writer(loop::Loop& loop, std::unique_ptr<SqliteFile> file, Done done);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // The job is shared by the loop, which applies it when it is durable, and the writer, which only reads it.
  void enqueue(std::shared_ptr<const WriteJob> job);
  void discardAfterFailure();
  // Writes what is queued, ends the thread and delivers the last reports.
  void stop();
  std::int64_t bytesOnDisk() const { return file_->bytesOnDisk(); }

 private:
  using Jobs = std::vector<std::shared_ptr<const WriteJob>>;
  struct Statements;
  struct Report {
    std::size_t jobs = 0;
    Result<void> result;
  };
  // Shared with the calls that are posted to the loop, which may run after the writer is gone.
  struct Mailbox {
    std::mutex mutex;
    std::vector<Report> reports;  // guarded by mutex
    Done done;                    // loop thread only; empty once stopped
    void deliver();
  };

  void runThread();
  // Waits for jobs; an empty answer means stop.
  Jobs take();
  Result<void> write(const Jobs& jobs);
  Result<void> writeRows(const Jobs& jobs);
  Result<void> writeJob(const WriteJob& job);
  void report(std::size_t jobs, Result<void> result);

  loop::Loop& loop_;
  std::unique_ptr<SqliteFile> file_;
  std::unique_ptr<Statements> statements_;
  std::shared_ptr<Mailbox> mailbox_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<const WriteJob>> queue_;  // guarded by mutex_
  bool stopping_ = false;                              // guarded by mutex_
  bool refusing_ = false;                              // guarded by mutex_
  bool unchecked_ = false;                             // writer thread: commits since the last checkpoint
  std::thread thread_;
};

}  // namespace towpath::store
