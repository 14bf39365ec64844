#pragma once
// SampleFile: samples.db. Blocking; its calls may come from any thread and take turns.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/samples.h"
#include "store/sqlite_file.h"

namespace towpath::store {

class SampleFile {
 public:
  // Shared with work on the pool's threads, which may outlive the store.
  static Result<std::shared_ptr<SampleFile>> open(const SampleOptions& options);
  ~SampleFile();

  // Which of them were new, by index.
  Result<std::vector<std::size_t>> append(const std::string& node, const std::vector<wire::TrafficSample>& samples);
  Result<std::vector<SampleGroup>> query(const SampleFilter& filter, const std::vector<SampleLabel>& group_by);
  // Those that begin at or after it, in order.
  Result<void> read(std::int64_t from_ms, const std::function<void(const wire::TrafficSample&)>& each);
  // Erases what is older, and the oldest tenth if the file is over its size.
  Result<void> prune(std::int64_t oldest_ms);

 private:
  SampleFile(std::unique_ptr<SqliteFile> file, std::int64_t bytes_max);
  Result<std::int64_t> labelId(const std::string& node, const wire::TrafficSample& sample);
  Result<bool> insert(std::int64_t label, const wire::TrafficSample& sample);
  Result<void> pruneLocked(std::int64_t oldest_ms);

  std::mutex mutex_;
  std::unique_ptr<SqliteFile> file_;
  std::int64_t bytes_max_;
  std::map<std::string, std::int64_t> label_ids_;
};

}  // namespace towpath::store
