#include "store/shelf.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "json/parse.h"
#include "store/schema.h"

namespace towpath::store {
namespace {

constexpr std::size_t kRowsErasedTogether = 2000;
constexpr Duration kSweepInterval = 30s;  // how late an old change may be forgotten when nobody writes

}  // namespace

Shelf::Shelf(loop::Loop& loop, Revision& counter, HistoryLimits limits) : loop_(loop), table_(counter, limits) {}

Shelf::~Shelf() {
  if (!writer_) return;  // loading failed
  writer_->stop();
  if (!waiting_.empty()) failed({ErrorKind::kCancelled, "the store is closing", {}});
}

Result<std::unique_ptr<Shelf>> Shelf::open(loop::Loop& loop, Revision& counter, HistoryLimits limits,
                                           SqliteFileOptions options) {
  options.schema_steps = objectSchemaSteps();
  Result<std::unique_ptr<SqliteFile>> file = SqliteFile::open(std::move(options));
  if (!file) return std::unexpected(file.error());
  std::unique_ptr<Shelf> shelf(new Shelf(loop, counter, limits));
  if (auto loaded = shelf->load(**file, counter); !loaded) return std::unexpected(loaded.error());
  shelf->writer_ = std::make_unique<Writer>(
      loop, std::move(*file),
      [self = shelf.get()](std::size_t jobs, const Result<void>& result) { self->finished(jobs, result); });
  shelf->sweep();
  return shelf;
}

Result<void> Shelf::load(SqliteFile& file, Revision& counter) {
  Statement compacted = file.prepare("SELECT value FROM meta WHERE name = 'compacted'");
  const Result<bool> row = compacted.step();
  if (!row) return std::unexpected(row.error());
  garbage_.compacted = compacted.integer(0);
  table_.setCompacted(garbage_.compacted);
  Revision newest = garbage_.compacted;
  if (auto done = loadChanges(file, newest); !done) return done;
  table_.finishLoading(newest);
  counter = std::max(counter, newest);
  return loadPrivates(file);
}

Result<void> Shelf::loadChanges(SqliteFile& file, Revision& newest) {
  Statement rows = file.prepare("SELECT revision, resource, ns, name, deleted, json FROM changes ORDER BY revision");
  while (true) {
    const Result<bool> row = rows.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    newest = rows.integer(0);
    std::string text(rows.text(5));
    const Result<Value> object = json::parse(text);
    if (!object) {
      return fail(ErrorKind::kCorrupt,
                  fmt::format("{}: the object of revision {} cannot be read ({}); restore the file from "
                              "a backup",
                              file.path().string(), newest, object.error().message));
    }
    table_.load({std::string(rows.text(1)), std::string(rows.text(2)), std::string(rows.text(3))}, newest,
                rows.integer(4) != 0 ? LoadedRow::kDeletion : LoadedRow::kPut,
                std::make_shared<const cluster::StoredObject>(cluster::readMeta(*object), std::move(text)),
                garbage_.rows, loop_.now());
  }
}

Result<void> Shelf::loadPrivates(SqliteFile& file) {
  Statement rows = file.prepare("SELECT name, sealed FROM private");
  while (true) {
    const Result<bool> row = rows.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    table_.loadPrivate(std::string(rows.text(0)), std::string(rows.text(1)));
  }
}

Result<void> Shelf::checkRoom() const {
  if (waiting_.size() < limits::kStoreQueue) return {};
  return fail(ErrorKind::kTooManyRequests,
              fmt::format("{} writes wait for the disk already; try again later", waiting_.size()));
}

std::shared_ptr<Completion> Shelf::submit(Staged staged) {
  collectGarbage();
  // Shared: see Waiting and Completion.
  Compaction compaction{std::exchange(garbage_.rows, {}), garbage_.compacted};
  auto job = std::make_shared<const WriteJob>(WriteJob{std::move(staged), std::move(compaction)});
  auto completion = std::make_shared<Completion>(loop_);
  waiting_.push_back({job, completion});
  writer_->enqueue(std::move(job));
  return completion;
}

void Shelf::finished(std::size_t jobs, const Result<void>& result) {
  if (result) {
    succeeded(jobs);
  } else {
    failed(result.error());
    writer_->discardAfterFailure();
  }
}

void Shelf::succeeded(std::size_t jobs) {
  std::vector<Waiting> done(std::make_move_iterator(waiting_.begin()),
                            std::make_move_iterator(waiting_.begin() + static_cast<std::ptrdiff_t>(jobs)));
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(jobs));
  const MonoTime now = loop_.now();
  for (const Waiting& each : done) table_.apply(each.job->staged, now);
  table_.notify();
  for (const Waiting& each : done) each.completion->done.set();
}

void Shelf::failed(const Error& error) {
  table_.dropStaged();
  for (Waiting& each : std::exchange(waiting_, {})) {
    garbage_.rows.insert(garbage_.rows.end(), each.job->compaction.rows.begin(), each.job->compaction.rows.end());
    each.completion->result = std::unexpected(error);
    each.completion->done.set();
  }
}

void Shelf::collectGarbage() {
  if (garbage_.rows.size() >= kRowsErasedTogether) return;
  Compaction more = table_.compact(loop_.now(), kRowsErasedTogether - garbage_.rows.size());
  garbage_.rows.insert(garbage_.rows.end(), more.rows.begin(), more.rows.end());
  garbage_.compacted = more.compacted;
}

void Shelf::sweep() {
  collectGarbage();
  if (!garbage_.rows.empty()) submit({});
  sweep_timer_ = loop_.startTimer(kSweepInterval, [this] { sweep(); });
}

void Shelf::addStats(StoreStats& stats) const {
  table_.addStats(stats);
  stats.queued += waiting_.size();
  stats.disk_bytes += writer_->bytesOnDisk();
}

}  // namespace towpath::store
