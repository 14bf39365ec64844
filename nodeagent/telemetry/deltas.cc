#include "telemetry/deltas.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <ranges>
#include <set>
#include <tuple>

namespace towpath::telemetry {
namespace {

constexpr std::size_t kBuckets = std::size(wire::kLatencyBoundsMs) + 1;
// A worker that was not read for so many windows is gone; a reading may fail now and then.
constexpr int kAbsences = 20;

std::string keyOf(const proxy::TrafficCount& count) {
  const proxy::ServicePort& service = count.version.service;
  std::string key =
      fmt::format("{}|{}|{}|{}|{}|{}|{}", count.rule, service.ns, service.service, service.port, count.version.hash,
                  count.latency_us ? "us" : "status", count.latency_us.value_or(count.status));
  // The place and not who has it: the proxy counts on when it goes from one to the next.
  if (!count.server.empty()) key += "|" + count.server;
  return key;
}

// What a sample is about; ports of a Service and rules of a route are summed.
using About = std::tuple<std::string, std::string, std::string, std::string>;

About aboutOf(const proxy::TrafficCount& count) {
  const proxy::ServicePort& service = count.version.service;
  return {service.ns, service.service, count.version.hash, count.ref.kind == "HTTPRoute" ? count.ref.name : ""};
}

std::size_t bucketOf(std::uint64_t microseconds) {
  const auto bound = std::ranges::lower_bound(wire::kLatencyBoundsMs, (microseconds + 999) / 1000);
  return static_cast<std::size_t>(bound - std::begin(wire::kLatencyBoundsMs));
}

void addTo(Deltas::Sum& sum, const proxy::TrafficCount& count, std::uint64_t number) {
  wire::TrafficSample& sample = sum.sample;
  Deltas::Answered* const instance = count.instance.empty() ? nullptr : &sum.instances[count.instance];
  if (count.latency_us) {
    sum.latency.add(*count.latency_us, number);
    if (instance != nullptr) instance->latency.add(*count.latency_us, number);
    sample.latency_buckets[bucketOf(*count.latency_us)] += number;
    return;
  }
  sample.requests += number;
  if (instance != nullptr) {
    instance->counts.requests += number;
    if (count.status >= 500) instance->counts.errors += number;
  }
  if (count.status < 100) {
    sample.connection_errors += number;
    return;
  }
  if (count.status >= 500)
    sample.status_5xx += number;
  else if (count.status >= 400)
    sample.status_4xx += number;
  else if (count.status >= 300)
    sample.status_3xx += number;
  else
    sample.status_2xx += number;
}

// Those with most errors first, within the bound. The sketch of one that answered alone is the sample's own.
void putInstances(std::map<std::string, Deltas::Answered> instances, wire::TrafficSample& sample) {
  std::vector<wire::InstanceTraffic> list;
  for (auto& [name, answered] : instances) {
    wire::InstanceTraffic& instance = list.emplace_back(std::move(answered.counts));
    instance.instance = name;
    instance.latency_sketch = answered.latency.encode();
  }
  std::ranges::sort(list, std::greater(),
                    [](const wire::InstanceTraffic& one) { return std::tie(one.errors, one.requests, one.instance); });
  if (list.size() > wire::kInstancesMax) list.resize(wire::kInstancesMax);
  if (list.size() == 1 && list[0].requests == sample.requests && list[0].latency_sketch == sample.latency_sketch) {
    list[0].latency_sketch.clear();
  }
  sample.instances = std::move(list);
}

void addInstances(const wire::TrafficSample& sample, std::map<std::string, Deltas::Answered>& sums) {
  for (const wire::InstanceTraffic& instance : sample.instances) {
    Deltas::Answered& sum = sums[instance.instance];
    sum.counts.requests += instance.requests;
    sum.counts.errors += instance.errors;
    if (const auto latency = sketch::Sketch::decode(wire::latencyOf(sample, instance))) sum.latency.merge(*latency);
  }
}

std::int64_t milliseconds(auto duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

void join(wire::TrafficSample& into, const wire::TrafficSample& other) {
  std::map<std::string, Deltas::Answered> instances;
  addInstances(into, instances);
  addInstances(other, instances);
  const std::int64_t start = std::min(into.window_start_unix_ms, other.window_start_unix_ms);
  const std::int64_t end =
      std::max(into.window_start_unix_ms + into.window_ms, other.window_start_unix_ms + other.window_ms);
  into.window_start_unix_ms = start;
  into.window_ms = static_cast<std::int32_t>(std::min<std::int64_t>(end - start, INT32_MAX));
  into.requests += other.requests;
  into.status_2xx += other.status_2xx;
  into.status_3xx += other.status_3xx;
  into.status_4xx += other.status_4xx;
  into.status_5xx += other.status_5xx;
  into.connection_errors += other.connection_errors;
  into.latency_buckets.resize(std::max(into.latency_buckets.size(), other.latency_buckets.size()));
  for (std::size_t i = 0; i < other.latency_buckets.size(); ++i) into.latency_buckets[i] += other.latency_buckets[i];
  into.latency_sketch = sketch::mergedText(into.latency_sketch, other.latency_sketch);
  putInstances(std::move(instances), into);
}

}  // namespace

std::vector<wire::TrafficSample> Deltas::take(const std::vector<proxy::WorkerCounters>& workers, const Window& window) {
  std::map<About, Sum> sums;
  for (const proxy::WorkerCounters& worker : workers) {
    Seen& seen = workers_[worker.worker];
    seen.absences = 0;
    for (const proxy::TrafficCount& count : worker.counts) {
      std::uint64_t& last = seen.counts[keyOf(count)];
      // A reading of several tables is not one moment: what is derived from two of them may step back for a while.
      if (count.count <= last) continue;
      const std::uint64_t more = count.count - std::exchange(last, count.count);
      if (!primed_) continue;
      const About about = aboutOf(count);
      Sum& sum = sums[about];
      std::tie(sum.sample.ns, sum.sample.service, sum.sample.pod_template_hash, sum.sample.route) = about;
      sum.sample.latency_buckets.resize(kBuckets);
      addTo(sum, count, more);
    }
  }
  primed_ = true;
  forgetAbsent(workers);
  std::vector<wire::TrafficSample> result;
  for (auto& [about, sum] : sums) {
    wire::TrafficSample& sample = sum.sample;
    sample.latency_sketch = sum.latency.encode();
    putInstances(std::move(sum.instances), sample);
    sample.window_start_unix_ms = milliseconds(window.start.time_since_epoch());
    sample.window_ms = static_cast<std::int32_t>(milliseconds(window.length));
    result.push_back(std::move(sample));
  }
  return result;
}

void Deltas::forgetAbsent(const std::vector<proxy::WorkerCounters>& workers) {
  std::set<std::string_view> present;
  for (const proxy::WorkerCounters& worker : workers) present.insert(worker.worker);
  for (auto worker = workers_.begin(); worker != workers_.end();) {
    const bool gone = !present.contains(worker->first) && ++worker->second.absences > kAbsences;
    worker = gone ? workers_.erase(worker) : std::next(worker);
  }
}

std::string Deltas::snapshot() const {
  std::string text = "towpath-counters 2\n";
  for (const auto& [worker, seen] : workers_) {
    text += fmt::format("worker {}\n", worker);
    for (const auto& [key, count] : seen.counts) text += fmt::format("{} {}\n", count, key);
  }
  return text;
}

Result<void> Deltas::restore(std::string_view snapshot) {
  std::map<std::string, Seen> workers;
  Seen* seen = nullptr;
  int number = 0;
  for (const auto part : snapshot | std::views::split('\n')) {
    const std::string_view line(part.begin(), part.end());
    ++number;
    const std::size_t space = std::min(line.find(' '), line.size());
    std::uint64_t count = 0;
    const bool counted = std::from_chars(line.data(), line.data() + space, count).ptr == line.data() + space;
    if (number == 1 && line == "towpath-counters 2") continue;
    if (number > 1 && line.empty()) continue;
    if (number > 1 && line.starts_with("worker "))
      seen = &workers[std::string(line.substr(space + 1))];
    else if (number > 1 && seen && counted && space < line.size())
      seen->counts[std::string(line.substr(space + 1))] = count;
    else
      return fail(ErrorKind::kCorrupt, fmt::format("line {} of the snapshot of counters is not readable", number));
  }
  workers_ = std::move(workers);
  primed_ = true;
  return {};
}

std::vector<wire::TrafficSample> merge(std::vector<wire::TrafficSample> samples) {
  std::map<About, wire::TrafficSample> merged;
  for (wire::TrafficSample& sample : samples) {
    const About about{sample.ns, sample.service, sample.pod_template_hash, sample.route};
    const auto [at, fresh] = merged.try_emplace(about, sample);
    if (!fresh) join(at->second, sample);
  }
  std::vector<wire::TrafficSample> result;
  for (auto& [about, sample] : merged) result.push_back(std::move(sample));
  std::ranges::sort(result, {}, [](const wire::TrafficSample& s) {
    return std::tuple(s.window_start_unix_ms, s.ns, s.service, s.pod_template_hash, s.route);
  });
  return result;
}

}  // namespace towpath::telemetry
