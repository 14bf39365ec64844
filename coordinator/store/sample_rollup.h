#pragma once
// SampleRollup: sums of recent traffic in memory, over all nodes, in windows that widen with age: seconds for 5
// minutes, ten seconds for half an hour, minutes for 4 hours, ten minutes beyond. Sketches of latency are kept for the
// half hour. A series (one version of a service on a route) costs at most some 200 KB.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/instance_counts.h"
#include "store/samples.h"

namespace towpath::store {

class SampleRollup {
 public:
  void add(const wire::TrafficSample& sample);
  // Keeps the latencies of that version's instances, too, of what comes until then.
  void followInstances(const std::string& ns, const std::string& pod_template_hash, std::int64_t until_ms);
  // Widens windows by their age and forgets those before `oldest_ms`.
  void compact(std::int64_t now_ms, std::int64_t oldest_ms);
  SampleSums sums(const SampleFilter& filter) const;
  std::vector<SampleSeries> series(std::int64_t recent_from_ms) const;

 private:
  struct Series {
    std::string ns, service, pod_template_hash, route;
    auto operator<=>(const Series&) const = default;
  };
  // 32 bits: no second of ours counts more.
  struct Window {
    std::int64_t start_ms = 0;
    std::uint32_t samples = 0, requests = 0;
    std::uint32_t status_2xx = 0, status_3xx = 0, status_4xx = 0, status_5xx = 0, connection_errors = 0;
    std::array<std::uint32_t, kLatencyBuckets> latency{};
    std::string sketch;  // encoded: a fifth of the memory
    void add(const Window& other);
  };
  struct Kept {
    std::vector<Window> windows;  // ascending
    SampleSums totals;
    InstanceCounts instances;
  };
  static void addTo(SampleSums& sums, const Window& window);
  static void addCounts(SampleSums& sums, const Window& window);  // without the sketch

  std::map<Series, Kept> series_;
  std::map<std::pair<std::string, std::string>, std::int64_t> followed_;  // namespace, hash: until
};

}  // namespace towpath::store
