#include "store/instance_counts.h"

#include <algorithm>
#include <utility>

namespace towpath::store {

void InstanceCounts::add(std::int64_t start_ms, const wire::TrafficSample& sample, bool with_latency) {
  if (sample.instances.empty()) return;
  std::vector<Count>& counts = seconds_[start_ms];
  for (const wire::InstanceTraffic& instance : sample.instances) {
    const std::uint32_t name = nameOf(instance.instance);
    auto at = std::ranges::find(counts, name, &Count::name);
    if (at == counts.end()) {
      if (counts.size() >= wire::kInstancesMax) continue;
      at = counts.insert(at, {.name = name});
    }
    at->requests += static_cast<std::uint32_t>(instance.requests);
    at->errors += static_cast<std::uint32_t>(instance.errors);
    if (with_latency) at->latency = sketch::mergedText(at->latency, wire::latencyOf(sample, instance));
  }
}

void InstanceCounts::forgetBefore(std::int64_t start_ms) {
  seconds_.erase(seconds_.begin(), seconds_.lower_bound(start_ms));
  // Of what is left.
  const std::vector<std::string> former = std::exchange(names_, {});
  for (auto& [second, counts] : seconds_) {
    for (Count& count : counts) count.name = nameOf(former[count.name]);
  }
}

void InstanceCounts::sumInto(std::map<std::string, InstanceSums>& sums, std::int64_t from_ms,
                             std::int64_t to_ms) const {
  for (auto at = seconds_.lower_bound(from_ms); at != seconds_.end() && at->first < to_ms; ++at) {
    for (const Count& count : at->second) {
      InstanceSums& sum = sums[names_[count.name]];
      sum.requests += count.requests;
      sum.errors += count.errors;
      if (const auto latency = sketch::Sketch::decode(count.latency)) sum.latency.merge(*latency);
    }
  }
}

std::uint32_t InstanceCounts::nameOf(const std::string& instance) {
  auto at = std::ranges::find(names_, instance);
  if (at == names_.end()) at = names_.insert(at, instance);
  return static_cast<std::uint32_t>(at - names_.begin());
}

}  // namespace towpath::store
