#include "store/writer.h"

#include <sys/prctl.h>

#include <chrono>

#include "base/log.h"

namespace towpath::store {
namespace {

constexpr std::size_t kJobsTogether = 1000;
constexpr auto kIdle = std::chrono::seconds(2);  // then the WAL is moved into the database

}  // namespace

struct Writer::Statements {
  explicit Statements(SqliteFile& file)
      : insert(file.prepare(
            "INSERT INTO changes (revision, resource, ns, name, deleted, json) VALUES (?, ?, ?, ?, ?, ?)")),
        erase(file.prepare("DELETE FROM changes WHERE revision = ?")),
        set_compacted(file.prepare("UPDATE meta SET value = ? WHERE name = 'compacted'")),
        put_private(file.prepare("INSERT OR REPLACE INTO private (name, sealed) VALUES (?, ?)")),
        erase_private(file.prepare("DELETE FROM private WHERE name = ?")) {}
  Statement insert, erase, set_compacted, put_private, erase_private;
};

void Writer::Mailbox::deliver() {
  std::vector<Report> taken;
  {
    const std::lock_guard lock(mutex);
    taken.swap(reports);
  }
  for (const Report& report : taken) {
    if (done) done(report.jobs, report.result);
  }
}

Writer::Writer(loop::Loop& loop, std::unique_ptr<SqliteFile> file, Done done)
    : loop_(loop),
      file_(std::move(file)),
      statements_(std::make_unique<Statements>(*file_)),
      mailbox_(std::make_shared<Mailbox>()) {
  mailbox_->done = std::move(done);
  thread_ = std::thread([this] { runThread(); });
}

Writer::~Writer() { stop(); }

void Writer::enqueue(std::shared_ptr<const WriteJob> job) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(job));
  wake_.notify_one();
}

void Writer::discardAfterFailure() {
  const std::lock_guard lock(mutex_);
  queue_.clear();
  refusing_ = false;
}

void Writer::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  thread_.join();
  mailbox_->deliver();
  mailbox_->done = nullptr;
}

void Writer::runThread() {
  ::prctl(PR_SET_NAME, "store-writer");
  while (true) {
    const Jobs jobs = take();
    if (jobs.empty()) return;
    Result<void> result = write(jobs);
    if (!result) {
      const std::lock_guard lock(mutex_);
      refusing_ = true;
    }
    const bool written = result.has_value();
    report(jobs.size(), std::move(result));
    if (written) file_->tidy();
  }
}

Writer::Jobs Writer::take() {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return stopping_ || (!refusing_ && !queue_.empty()); };
  while (!ready()) {
    if (!unchecked_) {
      wake_.wait(lock, ready);
    } else if (!wake_.wait_for(lock, kIdle, ready)) {
      lock.unlock();
      file_->checkpoint();
      unchecked_ = false;
      lock.lock();
    }
  }
  Jobs jobs;
  if (refusing_) return jobs;
  while (!queue_.empty() && jobs.size() < kJobsTogether) {
    jobs.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return jobs;
}

Result<void> Writer::write(const Jobs& jobs) {
  if (file_->syncFailed()) {
    return fail(ErrorKind::kIo,
                file_->path().string() +
                    ": an earlier sync to the disk failed, so its state is unknown: look after the disk, then "
                    "restart the coordinator; nothing was changed");
  }
  Result<void> done = file_->begin();
  if (done) done = writeRows(jobs);
  if (done) done = file_->commit();
  if (!done) {
    file_->rollback();
    log::error("a write to the database failed", {{"error", describe(done.error())}});
    return done;
  }
  unchecked_ = true;
  return {};
}

Result<void> Writer::writeRows(const Jobs& jobs) {
  for (const auto& job : jobs) {
    if (auto done = writeJob(*job); !done) return done;
  }
  return {};
}

Result<void> Writer::writeJob(const WriteJob& job) {
  for (const StagedChange& staged : job.staged.changes) {
    const Change& change = staged.change;
    Result<void> done = statements_->insert.bind(1, change.revision)
                            .bind(2, staged.key.resource)
                            .bind(3, staged.key.ns)
                            .bind(4, staged.key.name)
                            .bind(5, std::int64_t{change.type == Change::Type::kDeleted})
                            .bind(6, change.object->json())
                            .run();
    if (!done) return done;
  }
  for (const PrivateChange& change : job.staged.privates) {
    Result<void> done = change.bytes ? statements_->put_private.bind(1, change.name).bindBlob(2, *change.bytes).run()
                                     : statements_->erase_private.bind(1, change.name).run();
    if (!done) return done;
  }
  if (job.compaction.rows.empty()) return {};
  for (const Revision row : job.compaction.rows) {
    if (auto done = statements_->erase.bind(1, row).run(); !done) return done;
  }
  return statements_->set_compacted.bind(1, job.compaction.compacted).run();
}

void Writer::report(std::size_t jobs, Result<void> result) {
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->reports.push_back({jobs, std::move(result)});
  }
  loop_.postFromThread([mailbox = mailbox_] { mailbox->deliver(); });
}

}  // namespace towpath::store
