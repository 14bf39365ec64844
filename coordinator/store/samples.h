#pragma once
// SampleStore: the traffic that the nodes' proxies counted, in a file of its own with weak durability (samples.db), so
// that it never waits on, or slows, the objects. Sums of recent traffic are answered from memory, at once; anything
// finer by a query of the file. One sample is one window of one version on one node; a repeat counts once.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "loop/task.h"
#include "sketch/sketch.h"
#include "store/instance_counts.h"
#include "wire/messages.h"

namespace towpath::loop {
class Loop;
}

namespace towpath::store {

struct SampleOptions {
  std::filesystem::path directory;
  Duration age_max = 24h;
  std::int64_t bytes_max = std::int64_t{256} << 20;  // the oldest go when the file outgrows it
};

inline constexpr std::size_t kLatencyBuckets = std::size(wire::kLatencyBoundsMs) + 1;

struct SampleSums {
  std::uint64_t samples = 0;  // windows that were reported; 0: nobody told anything
  std::uint64_t requests = 0;
  std::uint64_t status_2xx = 0, status_3xx = 0, status_4xx = 0, status_5xx = 0;
  std::uint64_t connection_errors = 0;
  std::array<std::uint64_t, kLatencyBuckets> latency{};  // counts, by wire::kLatencyBoundsMs
  // The same to 1 %; fewer answers than in `latency` where a part is from an agent that knows no sketches, or older
  // than SampleRollup keeps them.
  sketch::Sketch latency_sketch;
  // Who answered, by name of the pod; only from memory, for five minutes, and empty where an agent did not tell.
  std::vector<std::pair<std::string, InstanceSums>> instances;
};

// Windows that begin in [from, to). Empty texts: all.
struct SampleFilter {
  std::string ns, service, pod_template_hash, route, node;
  WallTime from{}, to{};
};

// All that was counted of one version of a service on a route since this process started or the series came up.
struct SampleSeries {
  std::string ns, service, pod_template_hash, route;
  SampleSums totals;  // without a sketch
  SampleSums recent;  // of the last minute
};

enum class SampleLabel { kNamespace, kService, kPodTemplateHash, kRoute, kNode };

struct SampleGroup {
  std::vector<std::string> labels;  // in the order asked for
  SampleSums sums;
};

class SampleStore {
 public:
  virtual ~SampleStore() = default;
  // Ready when it is written. kTooManyRequests when too many batches wait.
  virtual loop::Task<Result<void>> append(std::string node, std::vector<wire::TrafficSample> samples) = 0;
  // Of that version it is also kept how fast each instance answers, of what comes until then.
  virtual void followInstances(const std::string& ns, const std::string& pod_template_hash, WallTime until) = 0;
  // From memory: full resolution for the last 15 minutes, whole minutes for 2 hours, ten minutes up to age_max; a
  // window is counted by its beginning. `filter.node` is not looked at.
  virtual SampleSums sums(const SampleFilter& filter) const = 0;
  // Every series with traffic within age_max, ordered by name.
  virtual std::vector<SampleSeries> series() const = 0;
  // From the file, exact; ordered by labels.
  virtual loop::Task<Result<std::vector<SampleGroup>>> query(SampleFilter filter,
                                                             std::vector<SampleLabel> group_by) = 0;
};

// Errors as openSqliteStore(), save that a damaged file is put aside (samples.db.damaged) and begun anew: samples are
// not worth a coordinator that does not start.
Result<std::unique_ptr<SampleStore>> openSampleStore(loop::Loop& loop, SampleOptions options);

}  // namespace towpath::store
