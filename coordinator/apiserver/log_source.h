#pragma once
// Where `pods/log` comes from: the node that runs the pod. coordinator/agents implements it over the agents' links.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "cluster/object.h"
#include "loop/task.h"

namespace towpath::apiserver {

struct LogOptions {
  std::string container;  // never empty: the server fills in the only (or default) one
  bool follow = false;
  bool previous = false;
  bool timestamps = false;
  std::optional<std::int64_t> tail_lines;
  std::optional<std::int64_t> since_unix_ms;
  std::optional<std::int64_t> limit_bytes;
};

// Destroying it ends the transfer on the node as well.
class LogStream {
 public:
  virtual ~LogStream() = default;
  // The next bytes; nullopt at the end.
  virtual loop::Task<Result<std::optional<std::string>>> next() = 0;
};

class LogSource {
 public:
  virtual ~LogSource() = default;
  // kUnavailable if the pod's node is not connected; kNotFound if it has no log of that container.
  virtual loop::Task<Result<std::unique_ptr<LogStream>>> open(cluster::ObjectRef pod, LogOptions options) = 0;
};

}  // namespace towpath::apiserver
