#pragma once
// Log files of instances: <data>/logs/<namespace>_<pod>_<uid>/<container>/<attempt>.log. The instance writes them
// itself (O_APPEND), so that it needs no agent; the agent rotates by copy and truncate.

#include <memory>
#include <string>

#include "base/error.h"
#include "loop/task.h"
#include "supervise/supervisor.h"

namespace towpath::supervise {

class LogFiles {
 public:
  explicit LogFiles(std::string directory) : directory_(std::move(directory)) {}

  std::string podDirectory(const std::string& ns, const std::string& pod, const std::string& uid) const;
  // The file of one start; its directory is made.
  Result<std::string> fileFor(const std::string& ns, const std::string& pod, const std::string& uid,
                              const std::string& container, std::int64_t attempt) const;
  // Copies a file over `bytes` to <file>.1 (older ones move on, at most `files` are kept) and truncates it.
  // What is written between the copy and the truncation is lost: a few lines at worst, as with logrotate's
  // copytruncate.
  static void rotate(const std::string& file, std::int64_t bytes, int files);
  // Starts older than the last two are of no use to `logs --previous`.
  void dropOldStarts(const std::string& ns, const std::string& pod, const std::string& uid,
                     const std::string& container, std::int64_t newest) const;
  void removePod(const std::string& ns, const std::string& pod, const std::string& uid) const;

 private:
  std::string directory_;
};

// Reads the file (and what rotation has put beside it) as the query asks. `ended` tells whether the writer is gone, so
// that a follower may stop at the end of the file.
std::unique_ptr<LogReader> readLogFile(loop::UvLoop& loop, std::string file, const LogQuery& query,
                                       std::function<bool()> ended);

}  // namespace towpath::supervise
