// bench-store: durable commits per second with one writer and with 64, what one change costs with 1,000 watchers, a
// start with 2,000 objects and a full history. Prints one JSON object. The directory is TMPDIR's: put it on the disk to
// be measured.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "json/serialize.h"
#include "loop/event.h"
#include "loop/scope.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "store/sqlite_store.h"

using namespace towpath;
using namespace towpath::store;

namespace {

constexpr std::size_t kObjectBytes = 4000;  // a Rollout with its status
constexpr Duration kRun = 3s;

class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "towpath-bench-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

Value objectNamed(const std::string& name) {
  Value object = Object{{"apiVersion", "argoproj.io/v1alpha1"}, {"kind", "Rollout"}};
  object["metadata"]["namespace"] = "default";
  object["metadata"]["name"] = name;
  object["spec"]["padding"] = std::string(kObjectBytes, 'x');
  return object;
}

Transaction putting(const std::string& name) {
  Transaction transaction;
  transaction.put({"rollouts.argoproj.io", "default", name}, objectNamed(name));
  return transaction;
}

double secondsSince(loop::Loop& loop, MonoTime begin) {
  return std::chrono::duration<double>(loop.now() - begin).count();
}

loop::Task<void> writeUntil(loop::Loop& loop, Store& store, std::string name, MonoTime end, std::size_t& count) {
  while (loop.now() < end) {
    const auto done = co_await store.commit(putting(name));
    if (!done) {
      std::fprintf(stderr, "%s\n", describe(done.error()).c_str());
      std::exit(1);
    }
    ++count;
  }
}

loop::Task<double> commitsPerSecond(loop::Loop& loop, Store& store, int writers) {
  std::size_t count = 0;
  const MonoTime begin = loop.now();
  {
    loop::Scope scope(loop, "writers");
    for (int i = 0; i < writers; ++i)
      scope.spawn(writeUntil(loop, store, "object-" + std::to_string(i), begin + kRun, count));
    co_await scope.drained();
  }
  co_return static_cast<double>(count) / secondsSince(loop, begin);
}

// Microseconds of one durable commit with the call of every watcher, less those of a commit without watchers.
loop::Task<double> fanOutMicroseconds(loop::Loop& loop, Store& store, std::size_t watchers) {
  std::size_t seen = 0;
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  const auto measure = [&]() -> loop::Task<double> {
    std::size_t count = 0;
    const MonoTime begin = loop.now();
    co_await writeUntil(loop, store, "watched", begin + kRun, count);
    co_return secondsSince(loop, begin) * 1e6 / static_cast<double>(count);
  };
  const double without = co_await measure();
  for (std::size_t i = 0; i < watchers; ++i) {
    auto watch =
        store.watch("rollouts.argoproj.io", store.committedRevision("rollouts.argoproj.io"),
                    [&seen, kept = std::vector<cluster::ObjectRef>(1)](std::span<const Change> changes) mutable {
                      kept[0] = changes.back().object;
                      seen += changes.size();
                    });
    if (watch) subscriptions.push_back(std::move(*watch));
  }
  co_return co_await measure() - without;
}

loop::Task<void> fill(Store& store, int objects) {
  for (int i = 0; i < objects; ++i) (void)co_await store.commit(putting("filled-" + std::to_string(i)));
}

Result<std::unique_ptr<Store>> openIn(loop::Loop& loop, const Directory& directory) {
  return openSqliteStore(loop, {.directory = directory.path});
}

}  // namespace

int main() {
  const Directory directory;
  loop::UvLoop loop;
  Value figures;
  {
    auto store = openIn(loop, directory).value();
    figures["object_bytes"] = static_cast<std::int64_t>(kObjectBytes);
    figures["commits_per_second_1_writer"] = loop::blockOn(loop, commitsPerSecond(loop, *store, 1));
    figures["commits_per_second_64_writers"] = loop::blockOn(loop, commitsPerSecond(loop, *store, 64));
    figures["fan_out_1000_watchers_us"] = loop::blockOn(loop, fanOutMicroseconds(loop, *store, 1000));
    loop::blockOn(loop, fill(*store, 2000));
    figures["history_changes"] = static_cast<std::int64_t>(store->stats().history_changes);
    figures["disk_bytes"] = store->stats().disk_bytes;
  }
  const MonoTime begin = loop.now();
  const auto store = openIn(loop, directory).value();
  figures["start_ms"] = secondsSince(loop, begin) * 1000;
  figures["start_objects"] = static_cast<std::int64_t>(store->stats().objects);
  std::puts(json::serialize(figures).c_str());
  return 0;
}
