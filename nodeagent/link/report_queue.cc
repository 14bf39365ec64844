#include "link/report_queue.h"

#include <algorithm>
#include <iterator>

namespace towpath::link {

namespace {

// A day of samples of a small node, or some minutes of a busy one: what an outage may cost is bounded, and so is
// memory.
constexpr std::size_t kSamplesKept = 10000;
constexpr std::size_t kEventsKept = 500;
// Of one report, below what the coordinator refuses (docs/protocol.md).
constexpr std::size_t kPodsOfReport = 300;
constexpr std::size_t kSamplesOfReport = 1000;
constexpr std::size_t kSampleBytesOfReport = 384u << 10;
constexpr std::size_t kEventsOfReport = 100;
constexpr std::size_t kStatusBytesOfReport = 512u << 10;

// How fast each instance was is asked for at once or never: older samples do without.
constexpr std::size_t kSamplesWithInstanceLatency = 200;

std::size_t sizeOf(const wire::TrafficSample& sample) {
  std::size_t bytes = 256 + sample.latency_sketch.size();  // names and counts
  for (const wire::InstanceTraffic& instance : sample.instances) bytes += 64 + instance.latency_sketch.size();
  return bytes;
}

template <class T>
std::vector<T> takeFirst(std::deque<T>& from, std::size_t count) {
  auto end = from.begin() + static_cast<std::ptrdiff_t>(std::min(count, from.size()));
  std::vector<T> taken(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
  from.erase(from.begin(), end);
  return taken;
}

}  // namespace

void ReportQueue::pod(wire::PodReport report) {
  std::string uid = report.uid;
  pods_[std::move(uid)] = std::move(report);
}

void ReportQueue::route(wire::RouteReport report) {
  std::pair<std::string, std::string> name{report.ns, report.name};
  routes_[std::move(name)] = std::move(report);
}

void ReportQueue::gateway(wire::GatewayReport report) {
  std::pair<std::string, std::string> name{report.ns, report.name};
  gateways_[std::move(name)] = std::move(report);
}

void ReportQueue::sample(wire::TrafficSample sample) {
  if (samples_.size() >= kSamplesKept) {
    samples_.pop_front();
    ++samples_lost_;
  }
  samples_.push_back(std::move(sample));
  if (samples_.size() <= kSamplesWithInstanceLatency) return;
  for (wire::InstanceTraffic& instance : samples_[samples_.size() - 1 - kSamplesWithInstanceLatency].instances) {
    instance.latency_sketch = {};
  }
}

void ReportQueue::event(wire::NodeEvent event) {
  if (events_.size() >= kEventsKept) {
    events_.pop_front();
    ++events_lost_;
  }
  events_.push_back(std::move(event));
}

const wire::Report& ReportQueue::take() {
  if (in_flight_) return *in_flight_;
  wire::Report report{.session_nonce = nonce_, .sequence = ++sequence_, .applied_revision = applied_revision_};
  std::size_t bytes = 0;
  while (!pods_.empty() && report.pods.size() < kPodsOfReport && bytes < kStatusBytesOfReport) {
    bytes += pods_.begin()->second.status_json.size();
    report.pods.push_back(std::move(pods_.begin()->second));
    pods_.erase(pods_.begin());
  }
  for (auto& [name, route] : routes_) report.routes.push_back(std::move(route));
  routes_.clear();
  for (auto& [name, gateway] : gateways_) report.gateways.push_back(std::move(gateway));
  gateways_.clear();
  std::size_t samples = 0;
  for (bytes = 0; samples < std::min(samples_.size(), kSamplesOfReport) && bytes < kSampleBytesOfReport; ++samples) {
    bytes += sizeOf(samples_[samples]);
  }
  report.samples = takeFirst(samples_, samples);
  report.events = takeFirst(events_, kEventsOfReport);
  report.condition = condition_;
  return in_flight_.emplace(std::move(report));
}

std::vector<wire::PodReport> ReportQueue::acknowledge() {
  if (!in_flight_) return {};
  std::vector<wire::PodReport> pods = std::move(in_flight_->pods);
  in_flight_.reset();
  return pods;
}

void ReportQueue::drop() { in_flight_.reset(); }

}  // namespace towpath::link
