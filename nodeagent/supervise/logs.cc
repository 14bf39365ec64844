#include "supervise/logs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/file.h"
#include "base/log.h"
#include "loop/loop.h"
#include "loop/uv_loop.h"

namespace towpath::supervise {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunkBytes = 64u << 10;
constexpr Duration kFollowInterval = std::chrono::milliseconds(250);

// Offset of the first of the last `lines` lines.
std::int64_t tailOffset(int fd, std::int64_t size, std::int64_t lines) {
  if (lines < 0) return 0;
  std::int64_t offset = size;
  std::int64_t seen = 0;
  char buffer[8192];
  while (offset > 0) {
    const std::int64_t start = std::max<std::int64_t>(0, offset - static_cast<std::int64_t>(sizeof buffer));
    const ssize_t count = ::pread(fd, buffer, static_cast<std::size_t>(offset - start), start);
    if (count <= 0) return 0;
    for (std::int64_t at = count - 1; at >= 0; --at) {
      // The newline that ends the file ends its last line; it does not start another.
      const bool last_byte = start + at == size - 1;
      if (buffer[at] == '\n' && !last_byte && ++seen == lines) return start + at + 1;
    }
    offset = start;
  }
  return lines == 0 ? size : 0;
}

class FileReader final : public LogReader {
 public:
  FileReader(loop::UvLoop& loop, std::string file, const LogQuery& query, std::function<bool()> ended)
      : loop_(loop), file_(std::move(file)), query_(query), ended_(std::move(ended)) {}
  ~FileReader() override {
    if (fd_ >= 0) ::close(fd_);
  }

  loop::Task<Result<std::string>> next() override {
    while (true) {
      // Asked before the read: what the writer wrote before its end is then still read.
      const bool writer_ended = ended_();
      auto chunk = readChunk();
      if (!chunk || !chunk->empty() || !query_.follow || writer_ended || atLimit()) co_return chunk;
      co_await loop::sleep(loop_, kFollowInterval);
    }
  }

 private:
  bool atLimit() const { return query_.limit_bytes > 0 && sent_ >= query_.limit_bytes; }

  Result<std::string> readChunk() {
    if (atLimit()) return std::string();
    if (fd_ < 0) {
      fd_ = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd_ < 0) return std::unexpected(lastOsError("cannot open the log"));
    }
    struct stat info{};
    if (::fstat(fd_, &info) != 0) return std::unexpected(lastOsError("cannot read the log"));
    if (offset_ < 0) offset_ = tailOffset(fd_, info.st_size, query_.tail_lines);
    if (info.st_size < offset_) offset_ = 0;  // truncated by a rotation
    std::string chunk(kChunkBytes, '\0');
    if (query_.limit_bytes > 0)
      chunk.resize(std::min<std::size_t>(chunk.size(), static_cast<std::size_t>(query_.limit_bytes - sent_)));
    const ssize_t count = ::pread(fd_, chunk.data(), chunk.size(), offset_);
    if (count < 0) return std::unexpected(lastOsError("cannot read the log"));
    chunk.resize(static_cast<std::size_t>(count));
    offset_ += count;
    sent_ += count;
    return chunk;
  }

  loop::UvLoop& loop_;
  std::string file_;
  LogQuery query_;
  std::function<bool()> ended_;
  int fd_ = -1;
  std::int64_t offset_ = -1;
  std::int64_t sent_ = 0;
};

}  // namespace

std::string LogFiles::podDirectory(const std::string& ns, const std::string& pod, const std::string& uid) const {
  return fmt::format("{}/{}_{}_{}", directory_, ns, pod, uid);
}

Result<std::string> LogFiles::fileFor(const std::string& ns, const std::string& pod, const std::string& uid,
                                      const std::string& container, std::int64_t attempt) const {
  const std::string directory = podDirectory(ns, pod, uid) + "/" + container;
  if (auto made = makeDirectories(directory, 0750); !made) return std::unexpected(made.error());
  return fmt::format("{}/{}.log", directory, attempt);
}

void LogFiles::rotate(const std::string& file, std::int64_t bytes, int files) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0 || info.st_size <= bytes) return;
  for (int older = files - 1; older >= 1; --older) {
    std::rename(fmt::format("{}.{}", file, older).c_str(), fmt::format("{}.{}", file, older + 1).c_str());
  }
  std::error_code error;
  fs::copy_file(file, file + ".1", fs::copy_options::overwrite_existing, error);
  if (error)
    log::warning("a log could not be copied before it was truncated", {{"file", file}, {"error", error.message()}});
  if (::truncate(file.c_str(), 0) != 0) log::warning("a log could not be truncated", {{"file", file}});
  fs::remove(fmt::format("{}.{}", file, files), error);
}

void LogFiles::dropOldStarts(const std::string& ns, const std::string& pod, const std::string& uid,
                             const std::string& container, std::int64_t newest) const {
  std::error_code error;
  const std::string directory = podDirectory(ns, pod, uid) + "/" + container;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (std::atoll(entry.path().filename().c_str()) < newest - 1) fs::remove(entry.path(), error);
  }
}

void LogFiles::removePod(const std::string& ns, const std::string& pod, const std::string& uid) const {
  std::error_code error;
  fs::remove_all(podDirectory(ns, pod, uid), error);
}

std::unique_ptr<LogReader> readLogFile(loop::UvLoop& loop, std::string file, const LogQuery& query,
                                       std::function<bool()> ended) {
  return std::make_unique<FileReader>(loop, std::move(file), query, std::move(ended));
}

}  // namespace towpath::supervise
