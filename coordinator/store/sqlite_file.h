#pragma once
// One SQLite database of ours: opened, locked against a second process, checked, brought to the newest schema. Blocking
// calls, of one thread at a time. The only place that knows sqlite3.h besides the files of the queries.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace towpath::store {

enum class Durability {
  kFull,  // a commit is synced before it returns
  kWeak,  // synced at checkpoints only: a power cut may take the last seconds, never the consistency
};

struct SqliteFileOptions {
  std::filesystem::path path;
  Durability durability = Durability::kFull;
  std::span<const std::string_view> schema_steps;
  std::size_t wal_bytes_max = 4u << 20;
};

// A prepared statement, reset after each use.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Parameters count from 1. Texts must live until the statement has run.
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bindBlob(int index, std::string_view bytes);
  // True: there is a row to read; false: done, and reset.
  Result<bool> step();
  // For statements without rows.
  Result<void> run();
  // Columns count from 0; views live until the next step.
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;
  void reset();

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
};

class SqliteFile {
 public:
  // kUnavailable: another process has it; kCorrupt: the check failed, the file is untouched; kUnsupported: a newer
  // schema; kIo.
  static Result<std::unique_ptr<SqliteFile>> open(SqliteFileOptions options);
  SqliteFile(const SqliteFile&) = delete;
  SqliteFile& operator=(const SqliteFile&) = delete;
  ~SqliteFile();

  Statement prepare(std::string_view sql) { return Statement(database_, sql); }
  Result<void> execute(const std::string& sql);

  Result<void> begin() { return execute("BEGIN IMMEDIATE"); }
  Result<void> commit();
  // After any failure since begin().
  void rollback();

  // After a failed sync nothing is known about the disk: the file must not be written any more.
  bool syncFailed() const { return sync_failed_; }

  // Moves the WAL into the database if it has grown over its bound, and gives free pages back to the file system, a
  // bounded number at a time. Failure is not an error: it is tried again later.
  void tidy();
  // The same whatever the WAL's size, and truncates it. For idle moments.
  void checkpoint();
  std::int64_t bytesOnDisk() const;
  // Of the pages that hold something.
  std::int64_t bytesInUse();
  // By the last INSERT, UPDATE or DELETE.
  std::int64_t changedRows() const;
  const std::filesystem::path& path() const { return options_.path; }

 private:
  explicit SqliteFile(SqliteFileOptions options);
  Result<void> lock();
  Result<void> connect();
  Result<void> check();
  Result<void> migrate();
  Result<std::int64_t> readNumber(const char* sql);
  Error corrupt(const std::string& what) const;

  SqliteFileOptions options_;
  int lock_fd_ = -1;
  sqlite3* database_ = nullptr;
  int wal_pages_ = 0;  // as of the last commit
  bool sync_failed_ = false;
};

// The error that the database tells after a failed call.
Error sqliteError(sqlite3* database, const std::string& doing);

}  // namespace towpath::store
