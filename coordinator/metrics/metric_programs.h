#pragma once
// Metric plugins that are programs, as coordinator.toml names them (docs/analysis-providers.md): for each call the
// program is run once, with the request as JSON on stdin, and answers with JSON on stdout.

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "loop/event.h"
#include "loop/loop.h"

namespace towpath::metrics {

struct MetricProgram {
  std::vector<std::string> command;
  Duration timeout = 30s;
  bool disabled = false;
};

class MetricPrograms {
 public:
  static constexpr std::size_t kRunningMost = 2;     // at once: they take threads that others need too
  static constexpr std::size_t kOutputMost = 65536;  // bytes: it becomes a part of the run's status

  MetricPrograms(loop::Loop& loop, std::map<std::string, MetricProgram, std::less<>> programs);

  bool knows(std::string_view name) const { return programs_.contains(name); }
  // What it wrote, an object. One call of a program at a time, so that one that hangs leaves room for the others.
  loop::Task<Result<Value>> call(std::string name, Value request);

 private:
  struct Known {
    MetricProgram program;
    std::unique_ptr<loop::Semaphore> turn;
  };
  loop::Loop& loop_;
  std::map<std::string, Known, std::less<>> programs_;
  loop::Semaphore running_;
};

}  // namespace towpath::metrics
