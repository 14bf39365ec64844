#pragma once
// Where towpath/traffic reads the traffic of a version: sums of what the nodes' proxies counted.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "sketch/sketch.h"

namespace towpath::metrics {

// Which traffic: by service or by route, and of one version (a pod template hash).
struct TrafficQuery {
  std::string ns;
  std::string service;            // empty: all
  std::string route;              // empty: all
  std::string pod_template_hash;  // empty: all versions
  WallTime from{};
  WallTime to{};
};

struct TrafficSums {
  std::uint64_t samples = 0;  // windows that were reported; 0: nobody told anything
  std::uint64_t requests = 0;
  std::uint64_t status_2xx = 0, status_3xx = 0, status_4xx = 0, status_5xx = 0;
  std::uint64_t connection_errors = 0;  // no answer from the instance
  sketch::Sketch latency;               // of answers below 500, to their first byte
  // Who answered; empty: unknown. What no instance answered is in none.
  struct Instance {
    std::string name;
    std::uint64_t requests = 0, errors = 0;
    sketch::Sketch latency = {};  // empty: unknown
  };
  std::vector<Instance> instances;

  std::uint64_t errors() const { return std::min(status_5xx + connection_errors, requests); }
};

class TrafficSource {
 public:
  virtual ~TrafficSource() = default;
  virtual TrafficSums sums(const TrafficQuery& query) const = 0;
  // From now on until then the latencies of that version's instances are wanted, too. A source that has them anyway, or
  // never, has nothing to do.
  virtual void followInstances(const std::string& /*ns*/, const std::string& /*pod_template_hash*/,
                               WallTime /*until*/) {}
};

}  // namespace towpath::metrics
