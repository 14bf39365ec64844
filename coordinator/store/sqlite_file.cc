#include "store/sqlite_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace towpath::store {
namespace {

constexpr int kPageBytes = 4096;
constexpr std::int64_t kFreePagesKept = 256;         // 1 MB of free pages stays for reuse
constexpr std::int64_t kPagesVacuumedAtOnce = 1024;  // bounds how long a commit may wait behind a vacuum

bool isCorruption(int code) { return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB; }

bool isFailedSync(int code) {
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC || code == SQLITE_IOERR_TRUNCATE;
}

}  // namespace

Error sqliteError(sqlite3* database, const std::string& doing) {
  const int code = sqlite3_extended_errcode(database);
  const char* file = sqlite3_db_filename(database, "main");
  if ((code & 0xff) == SQLITE_FULL) {
    return {ErrorKind::kIo,
            fmt::format("{}: no space left for {}: free some space on its file system; nothing was changed", doing,
                        file ? file : "the database"),
            {}};
  }
  const ErrorKind kind = isCorruption(code)             ? ErrorKind::kCorrupt
                         : (code & 0xff) == SQLITE_BUSY ? ErrorKind::kUnavailable
                                                        : ErrorKind::kIo;
  const int system = sqlite3_system_errno(database);
  std::string message = fmt::format("{}: {}: {}", doing, file ? file : "database", sqlite3_errmsg(database));
  if (kind == ErrorKind::kIo && system != 0) message += fmt::format(" ({})", std::strerror(system));
  return {kind, std::move(message), {}};
}

Statement::Statement(sqlite3* database, std::string_view sql) : database_(database) {
  const int code = sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement_, nullptr);
  TOWPATH_ASSERT(code == SQLITE_OK, "our own SQL fits our own schema, which was checked when the file was opened");
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bindBlob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = sqliteError(database_, "the database statement failed");
  reset();
  return std::unexpected(std::move(error));
}

Result<void> Statement::run() {
  const Result<bool> row = step();
  if (!row) return std::unexpected(row.error());
  return {};
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

SqliteFile::SqliteFile(SqliteFileOptions options) : options_(std::move(options)) {}

SqliteFile::~SqliteFile() {
  if (database_) sqlite3_close_v2(database_);
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<std::unique_ptr<SqliteFile>> SqliteFile::open(SqliteFileOptions options) {
  std::unique_ptr<SqliteFile> file(new SqliteFile(std::move(options)));
  for (auto step : {&SqliteFile::lock, &SqliteFile::connect, &SqliteFile::check, &SqliteFile::migrate}) {
    if (Result<void> done = (file.get()->*step)(); !done) return std::unexpected(done.error());
  }
  return file;
}

// An flock beside SQLite's own lock: that one is a POSIX lock, which any close() of the file in this process would
// drop.
Result<void> SqliteFile::lock() {
  const std::string path = options_.path.string() + ".lock";
  lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_fd_ < 0) return fail(ErrorKind::kIo, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  if (::flock(lock_fd_, LOCK_EX | LOCK_NB) == 0) return {};
  return fail(ErrorKind::kUnavailable, fmt::format("{} is in use by another process: is a coordinator running already?",
                                                   options_.path.string()));
}

// Made by hand with its mode, which SQLite then gives to the WAL too.
Result<void> SqliteFile::connect() {
  const int fd = ::open(options_.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ::fchmod(fd, 0600) != 0) {
    const int code = errno;
    if (fd >= 0) ::close(fd);
    return fail(ErrorKind::kIo, fmt::format("cannot open {}: {}", options_.path.string(), std::strerror(code)));
  }
  ::close(fd);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(options_.path.c_str(), &database_, flags, nullptr) != SQLITE_OK) {
    return std::unexpected(sqliteError(database_, "cannot open the database"));
  }
  sqlite3_extended_result_codes(database_, 1);
  // Until the check has passed, closing must not move the WAL into a file that may be damaged.
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_busy_timeout(database_, 2000);
  return {};
}

Error SqliteFile::corrupt(const std::string& what) const {
  return {ErrorKind::kCorrupt,
          fmt::format(
              "{0} is damaged ({1}). It was not changed. Restore it from a backup, or salvage what can be read with "
              "`sqlite3 {0} .recover | sqlite3 salvaged.db`, check the result and put it in its place",
              options_.path.string(), what),
          {}};
}

Result<std::int64_t> SqliteFile::readNumber(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  std::int64_t number = 0;
  int code = sqlite3_prepare_v2(database_, sql, -1, &raw, nullptr);
  if (code == SQLITE_OK) code = sqlite3_step(raw);
  if (code == SQLITE_ROW) number = sqlite3_column_int64(raw, 0);
  Error error = sqliteError(database_, sql);
  sqlite3_finalize(raw);
  if (code == SQLITE_ROW || code == SQLITE_DONE) return number;
  return std::unexpected(std::move(error));
}

Result<void> SqliteFile::check() {
  const Result<std::int64_t> version = readNumber("PRAGMA user_version");
  // The second reads the schema: where that is damaged, the check below could not even be prepared.
  for (const auto& read : {version, readNumber("SELECT count(*) FROM sqlite_schema")}) {
    if (read) continue;
    return std::unexpected(read.error().kind == ErrorKind::kCorrupt ? corrupt(read.error().message) : read.error());
  }
  const auto newest = static_cast<std::int64_t>(options_.schema_steps.size());
  if (*version > newest) {
    return fail(
        ErrorKind::kUnsupported,
        fmt::format("{} was written by a newer version (schema {}; this one knows up to {}): install that version",
                    options_.path.string(), *version, newest));
  }
  Statement quick_check(database_, "PRAGMA quick_check(1)");
  const Result<bool> row = quick_check.step();
  if (!row)
    return std::unexpected(row.error().kind == ErrorKind::kCorrupt ? corrupt(row.error().message) : row.error());
  if (*row && quick_check.text(0) != "ok") return std::unexpected(corrupt(std::string(quick_check.text(0))));
  return {};
}

// auto_vacuum must be chosen before the first table; the rest is set for each connection.
Result<void> SqliteFile::migrate() {
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  const std::string pragmas = fmt::format(
      "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous={}; "
      "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit={}; PRAGMA cache_size=-256; PRAGMA temp_store=MEMORY;",
      options_.durability == Durability::kFull ? "FULL" : "NORMAL", options_.wal_bytes_max);
  if (auto set = execute(pragmas); !set) return set;
  // Counts the WAL's pages for tidy(); it replaces SQLite's own checkpoint, which would run within a commit.
  sqlite3_wal_hook(
      database_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteFile*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  const Result<std::int64_t> version = readNumber("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  for (auto step = static_cast<std::size_t>(*version); step < options_.schema_steps.size(); ++step) {
    const std::string sql =
        fmt::format("BEGIN IMMEDIATE; {} PRAGMA user_version={}; COMMIT;", options_.schema_steps[step], step + 1);
    if (auto done = execute(sql); !done) {
      rollback();
      return std::unexpected(
          withContext(done.error(), fmt::format("cannot bring {} to schema {}", options_.path.string(), step + 1)));
    }
  }
  return {};
}

Result<void> SqliteFile::execute(const std::string& sql) {
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return std::unexpected(sqliteError(database_, "the database refused"));
}

Result<void> SqliteFile::commit() { return execute("COMMIT"); }

void SqliteFile::rollback() {
  if (isFailedSync(sqlite3_extended_errcode(database_))) sync_failed_ = true;
  // Some errors end the transaction by themselves.
  if (sqlite3_get_autocommit(database_) == 0) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void SqliteFile::tidy() {
  if (static_cast<std::size_t>(wal_pages_) * kPageBytes < options_.wal_bytes_max) return;
  // Without a reader this moves everything; the next commit starts the WAL from its beginning, cut to
  // journal_size_limit.
  if (sqlite3_wal_checkpoint_v2(database_, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr) == SQLITE_OK)
    wal_pages_ = 0;
}

void SqliteFile::checkpoint() {
  const Result<std::int64_t> free_pages = readNumber("PRAGMA freelist_count");
  if (free_pages && *free_pages > kFreePagesKept) {
    const std::int64_t give_back = std::min(*free_pages - kFreePagesKept, kPagesVacuumedAtOnce);
    (void)execute(fmt::format("PRAGMA incremental_vacuum({})", give_back));
  }
  if (sqlite3_wal_checkpoint_v2(database_, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) == SQLITE_OK) {
    wal_pages_ = 0;
  }
}

std::int64_t SqliteFile::bytesOnDisk() const {
  std::int64_t bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    struct stat status{};
    if (::stat((options_.path.string() + suffix).c_str(), &status) == 0) bytes += status.st_size;
  }
  return bytes;
}

std::int64_t SqliteFile::bytesInUse() {
  const Result<std::int64_t> pages = readNumber("PRAGMA page_count"), free_pages = readNumber("PRAGMA freelist_count");
  return (pages.value_or(0) - free_pages.value_or(0)) * kPageBytes;
}

std::int64_t SqliteFile::changedRows() const { return sqlite3_changes64(database_); }

}  // namespace towpath::store
