#include "store/samples.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "store/sample_file.h"
#include "store/sample_rollup.h"

namespace towpath::store {
namespace {

constexpr Duration kPruneInterval = 1min;
constexpr Duration kLoaded = 2h;            // of recent samples, at start
constexpr std::int64_t kAheadMs = 600'000;  // a sample from further in the future has a wrong clock
constexpr std::size_t kBatchesWaiting = 1000;

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

class FileSampleStore final : public SampleStore {
 public:
  FileSampleStore(loop::Loop& loop, SampleOptions options, std::shared_ptr<SampleFile> file)
      : loop_(loop), options_(std::move(options)), file_(std::move(file)), scope_(loop, "samples") {
    scope_.spawn(pruneForever());
  }

  Result<void> load() {
    return file_->read(nowMs() - milliseconds(std::min(kLoaded, options_.age_max)),
                       [this](const wire::TrafficSample& sample) { rollup_.add(sample); });
  }

  loop::Task<Result<void>> append(std::string node, std::vector<wire::TrafficSample> samples) override;
  void followInstances(const std::string& ns, const std::string& pod_template_hash, WallTime until) override {
    rollup_.followInstances(ns, pod_template_hash, milliseconds(until.time_since_epoch()));
  }
  SampleSums sums(const SampleFilter& filter) const override { return rollup_.sums(filter); }
  std::vector<SampleSeries> series() const override { return rollup_.series(nowMs() - milliseconds(1min)); }
  loop::Task<Result<std::vector<SampleGroup>>> query(SampleFilter filter, std::vector<SampleLabel> group_by) override {
    co_return co_await loop::offload(loop_, [file = file_, filter = std::move(filter), group_by = std::move(group_by)] {
      return file->query(filter, group_by);
    });
  }

 private:
  std::int64_t nowMs() const { return milliseconds(loop_.wallNow().time_since_epoch()); }
  // Nodes date their samples by the wall; a jump of ours makes none of them old.
  std::int64_t oldestMs() const {
    const WallTime now = std::min(loop_.wallNow(), loop_.steadyNow());
    return milliseconds((now - options_.age_max).time_since_epoch());
  }

  loop::Task<void> pruneForever() {
    while (true) {
      co_await loop::sleep(loop_, kPruneInterval);
      rollup_.compact(nowMs(), oldestMs());
      const Result<void> pruned =
          co_await loop::offload(loop_, [file = file_, oldest = oldestMs()] { return file->prune(oldest); });
      if (!pruned) log::error("old traffic samples cannot be erased", {{"error", describe(pruned.error())}});
    }
  }

  loop::Loop& loop_;
  SampleOptions options_;
  std::shared_ptr<SampleFile> file_;  // shared with work on the pool's threads
  SampleRollup rollup_;
  std::size_t waiting_ = 0;
  loop::Scope scope_;
};

// Counts a batch while it waits, whatever becomes of it.
class Waiting {
 public:
  explicit Waiting(std::size_t& count) : count_(count) { ++count_; }
  ~Waiting() { --count_; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::size_t& count_;
};

loop::Task<Result<void>> FileSampleStore::append(std::string node, std::vector<wire::TrafficSample> samples) {
  if (waiting_ >= kBatchesWaiting) {
    co_return fail(ErrorKind::kTooManyRequests, "too many traffic samples wait to be written; report again later");
  }
  const Waiting waiting(waiting_);
  const std::int64_t oldest = oldestMs(), newest = nowMs() + kAheadMs;
  std::erase_if(samples, [&](const wire::TrafficSample& sample) {
    return sample.window_start_unix_ms < oldest || sample.window_start_unix_ms > newest;
  });
  // Shared with the pool's thread; read-only from here on.
  const auto batch = std::make_shared<const std::vector<wire::TrafficSample>>(std::move(samples));
  const auto fresh = co_await loop::offload(
      loop_, [file = file_, node = std::move(node), batch] { return file->append(node, *batch); });
  if (!fresh) co_return std::unexpected(fresh.error());
  for (const std::size_t index : *fresh) rollup_.add((*batch)[index]);
  co_return {};
}

}  // namespace

Result<std::unique_ptr<SampleStore>> openSampleStore(loop::Loop& loop, SampleOptions options) {
  if (auto made = makeDirectories(options.directory.string(), 0700); !made) return std::unexpected(made.error());
  Result<std::shared_ptr<SampleFile>> file = SampleFile::open(options);
  if (!file) return std::unexpected(file.error());
  auto store = std::make_unique<FileSampleStore>(loop, std::move(options), std::move(*file));
  if (auto loaded = store->load(); !loaded) return std::unexpected(loaded.error());
  return store;
}

}  // namespace towpath::store
