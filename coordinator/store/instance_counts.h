#pragma once
// InstanceCounts: which instance of a version answered, by seconds, for the five minutes in which a judge looks, and
// where he compares latencies how fast. Only in memory: after a restart who answered is unknown for the time before.
// Names are kept once; a second of ten instances costs some 150 bytes, some 1,500 with latencies.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sketch/sketch.h"
#include "wire/messages.h"

namespace towpath::store {

inline constexpr std::int64_t kInstancesKeptMs = 5 * 60'000;

struct InstanceSums {
  std::uint64_t requests = 0, errors = 0;
  sketch::Sketch latency;  // empty: not kept
};

class InstanceCounts {
 public:
  // `start_ms`: of the window, a whole second. Past wire::kInstancesMax names in one second, new ones are left out.
  void add(std::int64_t start_ms, const wire::TrafficSample& sample, bool with_latency);
  void forgetBefore(std::int64_t start_ms);
  // Of the seconds that begin in [from, to), by name.
  void sumInto(std::map<std::string, InstanceSums>& sums, std::int64_t from_ms, std::int64_t to_ms) const;

 private:
  struct Count {
    std::uint32_t name = 0;  // index in names_
    std::uint32_t requests = 0, errors = 0;
    std::string latency = {};  // encoded; empty: none
  };
  std::uint32_t nameOf(const std::string& instance);

  std::vector<std::string> names_;
  std::map<std::int64_t, std::vector<Count>> seconds_;
};

}  // namespace towpath::store
