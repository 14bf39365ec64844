#pragma once
// Deltas: from counters that each worker of the proxy counts up for itself to what happened in a window, by version.
// Pure.
//
// A worker's counters begin at 0 with its life, and a reload makes a new worker while the old one finishes its
// connections; so all are followed by the worker's id, and nothing is counted twice or lost when they change. What was
// seen last is kept in a file beside the proxy (not on disk: the counters do not survive a reboot either), so that a
// new agent goes on where the former stopped.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "proxy/proxy.h"
#include "sketch/sketch.h"
#include "wire/messages.h"

namespace towpath::telemetry {

struct Window {
  WallTime start;
  Duration length{};
};

class Deltas {
 public:
  // What happened since the last call, one sample for each version and route that had traffic. The first call after a
  // start without a snapshot only takes the counters as they are: we cannot know since when they count.
  std::vector<wire::TrafficSample> take(const std::vector<proxy::WorkerCounters>& workers, const Window& window);

  std::string snapshot() const;
  // kCorrupt: not what snapshot() of this version writes; nothing is changed.
  Result<void> restore(std::string_view snapshot);

  // A sample that is being added up.
  struct Answered {
    wire::InstanceTraffic counts;  // without its sketch
    sketch::Sketch latency;
  };
  struct Sum {
    wire::TrafficSample sample;
    sketch::Sketch latency;
    std::map<std::string, Answered> instances;  // by name
  };

 private:
  struct Seen {
    std::map<std::string, std::uint64_t> counts;  // by the text of what is counted
    int absences = 0;
  };
  void forgetAbsent(const std::vector<proxy::WorkerCounters>& workers);

  std::map<std::string, Seen> workers_;
  bool primed_ = false;
};

// One sample for all of `a` and `b` with the same version and route: counts add, windows join. Order: by time, then
// name.
std::vector<wire::TrafficSample> merge(std::vector<wire::TrafficSample> samples);

}  // namespace towpath::telemetry
