#include "store/sample_rollup.h"

#include <algorithm>
#include <limits>

namespace towpath::store {
namespace {

struct Resolution {
  std::int64_t until_age_ms;
  std::int64_t window_ms;
};
constexpr Resolution kResolutions[] = {{5 * 60'000, 1000},
                                       {30 * 60'000, 10'000},
                                       {240 * 60'000, 60'000},
                                       {std::numeric_limits<std::int64_t>::max(), 600'000}};

constexpr std::int64_t kSketchWindowMs = 10'000;

std::int64_t windowAtAge(std::int64_t age_ms) {
  for (const Resolution& resolution : kResolutions) {
    if (age_ms < resolution.until_age_ms) return resolution.window_ms;
  }
  return kResolutions[std::size(kResolutions) - 1].window_ms;
}

std::int64_t alignedTo(std::int64_t start_ms, std::int64_t window_ms) { return start_ms - start_ms % window_ms; }

std::uint32_t narrowed(std::uint64_t count) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, std::numeric_limits<std::uint32_t>::max()));
}

void increase(std::uint32_t& sum, std::uint32_t by) { sum = narrowed(std::uint64_t{sum} + by); }

bool matches(const std::string& wanted, const std::string& value) { return wanted.empty() || wanted == value; }

std::int64_t milliseconds(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

}  // namespace

void SampleRollup::Window::add(const Window& other) {
  increase(samples, other.samples);
  increase(requests, other.requests);
  increase(status_2xx, other.status_2xx);
  increase(status_3xx, other.status_3xx);
  increase(status_4xx, other.status_4xx);
  increase(status_5xx, other.status_5xx);
  increase(connection_errors, other.connection_errors);
  for (std::size_t i = 0; i < kLatencyBuckets; ++i) increase(latency[i], other.latency[i]);
  sketch = sketch::mergedText(sketch, other.sketch);
}

void SampleRollup::add(const wire::TrafficSample& sample) {
  Window window{.start_ms = alignedTo(sample.window_start_unix_ms, kResolutions[0].window_ms),
                .samples = 1,
                .requests = narrowed(sample.requests),
                .status_2xx = narrowed(sample.status_2xx),
                .status_3xx = narrowed(sample.status_3xx),
                .status_4xx = narrowed(sample.status_4xx),
                .status_5xx = narrowed(sample.status_5xx),
                .connection_errors = narrowed(sample.connection_errors),
                .sketch = sample.latency_sketch};
  for (std::size_t i = 0; i < std::min(kLatencyBuckets, sample.latency_buckets.size()); ++i) {
    window.latency[i] = narrowed(sample.latency_buckets[i]);
  }
  Kept& kept = series_[{sample.ns, sample.service, sample.pod_template_hash, sample.route}];
  std::vector<Window>& windows = kept.windows;
  addCounts(kept.totals, window);
  kept.instances.add(window.start_ms, sample, followed_.contains({sample.ns, sample.pod_template_hash}));
  const auto at = std::ranges::lower_bound(windows, window.start_ms, {}, &Window::start_ms);
  if (at != windows.end() && at->start_ms == window.start_ms) {
    at->add(window);
  } else {
    windows.insert(at, window);
  }
}

void SampleRollup::followInstances(const std::string& ns, const std::string& pod_template_hash, std::int64_t until_ms) {
  followed_[{ns, pod_template_hash}] = until_ms;
}

void SampleRollup::compact(std::int64_t now_ms, std::int64_t oldest_ms) {
  std::erase_if(followed_, [&](const auto& one) { return one.second < now_ms; });
  for (auto& [series, all] : series_) {
    std::vector<Window> kept;
    for (Window& window : all.windows) {
      if (window.start_ms < oldest_ms) continue;
      // The width follows from the aligned beginning's age, so that all that belongs together is widened together.
      const std::int64_t width_ms = windowAtAge(now_ms - window.start_ms);
      window.start_ms = alignedTo(window.start_ms, width_ms);
      if (width_ms > kSketchWindowMs) window.sketch = {};
      if (!kept.empty() && kept.back().start_ms >= window.start_ms) {
        kept.back().add(window);
      } else {
        kept.push_back(std::move(window));
      }
    }
    all.windows = std::move(kept);
    all.instances.forgetBefore(now_ms - kInstancesKeptMs);
  }
  std::erase_if(series_, [](const auto& one) { return one.second.windows.empty(); });
}

void SampleRollup::addTo(SampleSums& sums, const Window& window) {
  addCounts(sums, window);
  if (const auto sketch = sketch::Sketch::decode(window.sketch)) sums.latency_sketch.merge(*sketch);
}

void SampleRollup::addCounts(SampleSums& sums, const Window& window) {
  sums.samples += window.samples;
  sums.requests += window.requests;
  sums.status_2xx += window.status_2xx;
  sums.status_3xx += window.status_3xx;
  sums.status_4xx += window.status_4xx;
  sums.status_5xx += window.status_5xx;
  sums.connection_errors += window.connection_errors;
  for (std::size_t i = 0; i < kLatencyBuckets; ++i) sums.latency[i] += window.latency[i];
}

SampleSums SampleRollup::sums(const SampleFilter& filter) const {
  SampleSums sums;
  std::map<std::string, InstanceSums> instances;
  const std::int64_t from = milliseconds(filter.from), to = milliseconds(filter.to);
  const auto first = filter.ns.empty() ? series_.begin() : series_.lower_bound({filter.ns, filter.service, "", ""});
  for (auto at = first; at != series_.end(); ++at) {
    const auto& [series, kept] = *at;
    if (!filter.ns.empty() && series.ns != filter.ns) break;
    if (!matches(filter.service, series.service) || !matches(filter.pod_template_hash, series.pod_template_hash) ||
        !matches(filter.route, series.route)) {
      continue;
    }
    for (auto window = std::ranges::lower_bound(kept.windows, from, {}, &Window::start_ms);
         window != kept.windows.end() && window->start_ms < to; ++window) {
      addTo(sums, *window);
    }
    kept.instances.sumInto(instances, from, to);
  }
  for (auto& [name, instance] : instances) sums.instances.emplace_back(name, std::move(instance));
  return sums;
}

std::vector<SampleSeries> SampleRollup::series(std::int64_t recent_from_ms) const {
  std::vector<SampleSeries> all;
  for (const auto& [series, kept] : series_) {
    SampleSeries& one = all.emplace_back();
    one.ns = series.ns;
    one.service = series.service;
    one.pod_template_hash = series.pod_template_hash;
    one.route = series.route;
    one.totals = kept.totals;
    for (auto window = std::ranges::lower_bound(kept.windows, recent_from_ms, {}, &Window::start_ms);
         window != kept.windows.end(); ++window) {
      addTo(one.recent, *window);
    }
  }
  return all;
}

}  // namespace towpath::store
