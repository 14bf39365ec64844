#pragma once
// Collector: reads the proxy's counters at an interval and hands on what happened, as samples for upload. It keeps what
// nobody has taken yet, within a bound: past it the older half is merged into wider windows, so that a node that is cut
// off for a day loses resolution and no count.

#include <functional>
#include <string>
#include <vector>

#include "loop/event.h"
#include "loop/scope.h"
#include "loop/uv_loop.h"
#include "proxy/proxy.h"
#include "telemetry/deltas.h"

namespace towpath::telemetry {

struct CollectorOptions {
  Duration interval = 5s;
  std::string snapshot_file;   // in the proxy's run directory; empty: none is kept
  std::size_t pending = 5000;  // samples kept for upload
};

class Collector {
 public:
  // `proxy` must outlive it. `ready`, if set, is called from the loop when there are samples to take.
  Collector(loop::UvLoop& loop, proxy::Proxy& proxy, CollectorOptions options, std::function<void()> ready = {});

  // Takes up the snapshot, reads once and goes on at the interval until destroyed. After the proxy's start().
  loop::Task<void> start();
  // Reads now. For the end of an analysis interval, and for tests. kUnavailable while the proxy is away: the next
  // reading has it all.
  loop::Task<Result<void>> collect();

  // The oldest samples, at most `limit`; they are the caller's now.
  std::vector<wire::TrafficSample> takeSamples(std::size_t limit);
  std::size_t pending() const { return pending_.size(); }

 private:
  loop::Task<void> run();
  loop::Task<void> saveSnapshot();
  void keep(std::vector<wire::TrafficSample> samples);

  loop::UvLoop& loop_;
  proxy::Proxy& proxy_;
  CollectorOptions options_;
  std::function<void()> ready_;
  Deltas deltas_;
  loop::Semaphore turn_;
  std::string saved_;  // the snapshot on the disk, if we wrote it
  WallTime last_wall_{};
  MonoTime last_{};
  std::vector<wire::TrafficSample> pending_;  // oldest first
  loop::Scope scope_;                         // last
};

}  // namespace towpath::telemetry
