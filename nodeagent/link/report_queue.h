#pragma once
// ReportQueue: what the coordinator has not acknowledged yet. Of pods, routes and gateways only the newest state
// counts; samples and events are rings that forget the oldest. A report that was taken stays as it is until it is
// acknowledged.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wire/messages.h"

namespace towpath::link {

class ReportQueue {
 public:
  explicit ReportQueue(std::string session_nonce) : nonce_(std::move(session_nonce)) {}

  void pod(wire::PodReport report);
  // `ns`/`name` of a route: its newest state.
  void route(wire::RouteReport report);
  void gateway(wire::GatewayReport report);  // the same
  void sample(wire::TrafficSample sample);
  void event(wire::NodeEvent event);
  // Goes into each report, also those that carry nothing else.
  void condition(wire::NodeCondition condition) { condition_ = std::move(condition); }
  void applied(std::uint64_t revision) { applied_revision_ = revision; }

  // Something waits that should go up soon (a condition alone waits for the heartbeat).
  bool urgent() const {
    return in_flight_.has_value() || !pods_.empty() || !routes_.empty() || !gateways_.empty() || !events_.empty() ||
           !samples_.empty();
  }

  // The report to send: the one in flight again, or a new one of all that waits, up to its bounds.
  const wire::Report& take();
  // The one in flight has been kept. Its pods, so that those that are gone can be forgotten.
  std::vector<wire::PodReport> acknowledge();
  // The coordinator will never take the one in flight: it is dropped, so that it does not stand before all others.
  void drop();

  std::uint64_t samplesLost() const { return samples_lost_; }
  std::uint64_t eventsLost() const { return events_lost_; }

 private:
  std::string nonce_;
  std::uint64_t sequence_ = 0;
  std::uint64_t applied_revision_ = 0;
  std::map<std::string, wire::PodReport> pods_;  // by UID
  std::map<std::pair<std::string, std::string>, wire::RouteReport> routes_;
  std::map<std::pair<std::string, std::string>, wire::GatewayReport> gateways_;
  std::deque<wire::TrafficSample> samples_;
  std::deque<wire::NodeEvent> events_;
  std::optional<wire::NodeCondition> condition_;
  std::optional<wire::Report> in_flight_;
  std::uint64_t samples_lost_ = 0;
  std::uint64_t events_lost_ = 0;
};

}  // namespace towpath::link
