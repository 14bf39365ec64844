#include "telemetry/collector.h"

#include <algorithm>
#include <iterator>

#include "base/file.h"
#include "base/log.h"

namespace towpath::telemetry {

Collector::Collector(loop::UvLoop& loop, proxy::Proxy& proxy, CollectorOptions options, std::function<void()> ready)
    : loop_(loop),
      proxy_(proxy),
      options_(std::move(options)),
      ready_(std::move(ready)),
      turn_(loop, 1),
      scope_(loop, "telemetry") {}

loop::Task<void> Collector::start() {
  if (!options_.snapshot_file.empty()) {
    const Result<std::string> text = readFile(options_.snapshot_file);
    const Result<void> restored = text ? deltas_.restore(*text) : Result<void>();
    if (!restored) log::warning("counters begin anew", {{"error", restored.error().message}});
  }
  last_wall_ = loop_.wallNow();
  last_ = loop_.now();
  co_await collect();
  scope_.spawn(run());
}

loop::Task<void> Collector::run() {
  while (true) {
    co_await loop::sleep(loop_, options_.interval);
    const Result<void> collected = co_await collect();
    if (!collected) log::debug("the proxy's counters were not read", {{"error", collected.error().message}});
  }
}

loop::Task<Result<void>> Collector::collect() {
  const auto turn = co_await turn_.acquire();
  const Result<std::vector<proxy::WorkerCounters>> workers = co_await proxy_.counters();
  if (!workers) co_return std::unexpected(workers.error());
  // The window's length is measured on the clock that never jumps.
  const MonoTime now = loop_.now();
  std::vector<wire::TrafficSample> samples = deltas_.take(*workers, {last_wall_, now - last_});
  last_wall_ = loop_.wallNow();
  last_ = now;
  // First what was seen, then the samples: a crash between the two loses one window and never counts one twice.
  co_await saveSnapshot();
  keep(std::move(samples));
  co_return Result<void>();
}

// Where no request came nothing is written: each write is a sync of the disk.
loop::Task<void> Collector::saveSnapshot() {
  if (options_.snapshot_file.empty()) co_return;
  std::string text = deltas_.snapshot();
  if (text == saved_) co_return;
  const Result<void> written =
      co_await loop::offload(loop_, [file = options_.snapshot_file, text] { return writeFileAtomically(file, text); });
  if (written)
    saved_ = std::move(text);
  else
    log::warning("the snapshot of counters was not written", {{"error", written.error().message}});
}

void Collector::keep(std::vector<wire::TrafficSample> samples) {
  if (samples.empty()) return;
  pending_.insert(pending_.end(), std::make_move_iterator(samples.begin()), std::make_move_iterator(samples.end()));
  if (pending_.size() > options_.pending) {
    const auto half = pending_.begin() + static_cast<std::ptrdiff_t>(pending_.size() / 2);
    std::vector<wire::TrafficSample> merged = merge({pending_.begin(), half});
    merged.insert(merged.end(), half, pending_.end());
    pending_ = std::move(merged);
  }
  // More versions than the bound has room for: the oldest go.
  if (pending_.size() > options_.pending) {
    pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(options_.pending));
  }
  if (ready_) ready_();
}

std::vector<wire::TrafficSample> Collector::takeSamples(std::size_t limit) {
  const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(std::min(limit, pending_.size()));
  std::vector<wire::TrafficSample> taken(std::make_move_iterator(pending_.begin()), std::make_move_iterator(end));
  pending_.erase(pending_.begin(), end);
  return taken;
}

}  // namespace towpath::telemetry
