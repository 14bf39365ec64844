#pragma once
// Reports: what agents say becomes object status, metric samples and events. A report is applied once: a repeat of the
// same sequence number is acknowledged and changes nothing, and every part is idempotent in itself, so that a report
// that was half applied before a crash can be applied again.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agents/route_status.h"
#include "base/error.h"
#include "base/time.h"
#include "cluster/object_api.h"
#include "loop/event.h"
#include "loop/task.h"
#include "wire/messages.h"

namespace towpath::loop {
class Loop;
}
namespace towpath::store {
class Store;
}

namespace towpath::agents {

// Keeps samples of a node; keyed by (node, window, version), so that a repeat counts once.
using SampleSink = std::function<loop::Task<Result<void>>(std::string node, std::vector<wire::TrafficSample> samples)>;

// What a node says of a Gateway.
using GatewaySink = std::function<void(const std::string& node, wire::GatewayReport report)>;

struct ReportStats {
  std::uint64_t accepted = 0;
  std::uint64_t repeated = 0;
  std::uint64_t refused = 0;        // over a limit
  std::uint64_t foreign_parts = 0;  // about a pod of another node, or of nobody
  std::uint64_t bad_parts = 0;      // unreadable
};

class Reports {
 public:
  struct Parts {
    loop::Loop& loop;
    store::Store& store;
    cluster::ObjectApi& api;
    SampleSink samples;
    GatewaySink gateways = {};
  };
  // What it refers to outlives it.
  explicit Reports(Parts parts);
  ~Reports();

  // Applies a report of a node that has been authenticated. kTooManyRequests (too often), kTooLarge (too much), or what
  // the store said: then the agent sends it again.
  loop::Task<Result<void>> take(std::string node, wire::Report report);
  // The node is gone: what is remembered of it may go.
  void forget(const std::string& node);

  // The Node object changed: what its silence means for others is written.
  void nodeChanged(const std::string& node) { routes_.nodeChanged(node); }

  const ReportStats& stats() const { return stats_; }

 private:
  struct NodeState;
  NodeState& stateOf(const std::string& node);
  bool admit(NodeState& state);
  loop::Task<Result<void>> apply(const std::string& node, wire::Report& report);
  loop::Task<Result<void>> applyPod(std::string node, wire::PodReport pod);
  loop::Task<Result<void>> applyCondition(const std::string& node, const wire::Report& report);
  loop::Task<void> applyEvents(const std::string& node, const wire::Report& report);
  bool mayTellOf(const std::string& node, const wire::NodeEvent& event) const;

  Parts parts_;
  std::map<std::string, std::unique_ptr<NodeState>> nodes_;
  ReportStats stats_;
  RouteStatus routes_;
};

}  // namespace towpath::agents
