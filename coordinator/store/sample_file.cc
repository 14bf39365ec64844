#include "store/sample_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "store/schema.h"

namespace towpath::store {
namespace {

constexpr const char* kLabelColumns[] = {"ns", "service", "pod_template_hash", "route", "node"};

// Counts as 32 bits each, lowest byte first.
std::string encodeLatency(const std::vector<std::uint64_t>& counts) {
  std::string bytes;
  for (const std::uint64_t count : counts) {
    const auto narrow = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX));
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(narrow >> shift & 0xff);
  }
  return bytes;
}

std::vector<std::uint64_t> decodeLatency(std::string_view bytes) {
  std::vector<std::uint64_t> counts;
  for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < 4; ++i) count |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
    counts.push_back(count);
  }
  return counts;
}

std::int64_t milliseconds(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

std::uint64_t count(const Statement& row, int column) { return static_cast<std::uint64_t>(row.integer(column)); }

void putAside(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::rename(path, path.string() + ".damaged", ignored);
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path.string() + suffix, ignored);
}

}  // namespace

SampleFile::SampleFile(std::unique_ptr<SqliteFile> file, std::int64_t bytes_max)
    : file_(std::move(file)), bytes_max_(bytes_max) {}
SampleFile::~SampleFile() = default;

Result<std::shared_ptr<SampleFile>> SampleFile::open(const SampleOptions& options) {
  const SqliteFileOptions file_options{
      .path = options.directory / "samples.db", .durability = Durability::kWeak, .schema_steps = sampleSchemaSteps()};
  Result<std::unique_ptr<SqliteFile>> file = SqliteFile::open(file_options);
  if (!file && file.error().kind == ErrorKind::kCorrupt) {
    log::error("traffic samples are damaged: beginning anew", {{"error", describe(file.error())}});
    putAside(file_options.path);
    file = SqliteFile::open(file_options);
  }
  if (!file) return std::unexpected(file.error());
  // Shared with the pool's threads, whose work may outlive the store.
  std::shared_ptr<SampleFile> samples(new SampleFile(std::move(*file), options.bytes_max));
  if (auto cleaned = samples->file_->execute("DELETE FROM labels WHERE id NOT IN (SELECT label FROM samples)");
      !cleaned) {
    return std::unexpected(cleaned.error());
  }
  return samples;
}

Result<std::int64_t> SampleFile::labelId(const std::string& node, const wire::TrafficSample& sample) {
  std::string cache_key;
  for (const std::string* part : {&sample.ns, &sample.service, &sample.pod_template_hash, &sample.route, &node}) {
    cache_key += *part + '\n';
  }
  if (const auto known = label_ids_.find(cache_key); known != label_ids_.end()) return known->second;
  for (const char* sql :
       {"INSERT OR IGNORE INTO labels (ns, service, pod_template_hash, route, node) VALUES (?, ?, ?, ?, ?)",
        "SELECT id FROM labels WHERE ns = ? AND service = ? AND pod_template_hash = ? AND route = ? AND node = ?"}) {
    Statement statement = file_->prepare(sql);
    statement.bind(1, sample.ns)
        .bind(2, sample.service)
        .bind(3, sample.pod_template_hash)
        .bind(4, sample.route)
        .bind(5, node);
    const Result<bool> row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (*row) return label_ids_[cache_key] = statement.integer(0);
  }
  return fail(ErrorKind::kInternal, "a label that was just inserted is not there");
}

Result<bool> SampleFile::insert(std::int64_t label, const wire::TrafficSample& sample) {
  Statement statement = file_->prepare(
      "INSERT OR IGNORE INTO samples (start_ms, label, window_ms, requests, status_2xx, status_3xx, status_4xx, "
      "status_5xx, "
      "connection_errors, latency, latency_sketch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const std::string latency = encodeLatency(sample.latency_buckets);
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  const Result<void> done = statement.bind(1, sample.window_start_unix_ms)
                                .bind(2, label)
                                .bind(3, std::int64_t{sample.window_ms})
                                .bind(4, number(sample.requests))
                                .bind(5, number(sample.status_2xx))
                                .bind(6, number(sample.status_3xx))
                                .bind(7, number(sample.status_4xx))
                                .bind(8, number(sample.status_5xx))
                                .bind(9, number(sample.connection_errors))
                                .bindBlob(10, latency)
                                .bindBlob(11, sample.latency_sketch)
                                .run();
  if (!done) return std::unexpected(done.error());
  return file_->changedRows() > 0;
}

Result<std::vector<std::size_t>> SampleFile::append(const std::string& node,
                                                    const std::vector<wire::TrafficSample>& samples) {
  const std::lock_guard lock(mutex_);
  std::vector<std::size_t> fresh;
  const auto undo = [&](const Error& error) {
    file_->rollback();
    label_ids_.clear();
    return std::unexpected(error);
  };
  if (auto begun = file_->begin(); !begun) return undo(begun.error());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Result<std::int64_t> label = labelId(node, samples[i]);
    if (!label) return undo(label.error());
    const Result<bool> inserted = insert(*label, samples[i]);
    if (!inserted) return undo(inserted.error());
    if (*inserted) fresh.push_back(i);
  }
  if (auto committed = file_->commit(); !committed) return undo(committed.error());
  file_->tidy();
  return fresh;
}

Result<void> SampleFile::read(std::int64_t from_ms, const std::function<void(const wire::TrafficSample&)>& each) {
  const std::lock_guard lock(mutex_);
  Statement rows = file_->prepare(
      "SELECT start_ms, window_ms, ns, service, pod_template_hash, route, requests, status_2xx, status_3xx, "
      "status_4xx, "
      "status_5xx, connection_errors, latency, latency_sketch FROM samples JOIN labels ON labels.id = label WHERE "
      "start_ms >= ? ORDER BY start_ms");
  rows.bind(1, from_ms);
  while (true) {
    const Result<bool> row = rows.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    each({.window_start_unix_ms = rows.integer(0),
          .window_ms = static_cast<std::int32_t>(rows.integer(1)),
          .ns = std::string(rows.text(2)),
          .service = std::string(rows.text(3)),
          .pod_template_hash = std::string(rows.text(4)),
          .route = std::string(rows.text(5)),
          .requests = count(rows, 6),
          .status_2xx = count(rows, 7),
          .status_3xx = count(rows, 8),
          .status_4xx = count(rows, 9),
          .status_5xx = count(rows, 10),
          .connection_errors = count(rows, 11),
          .latency_buckets = decodeLatency(rows.text(12)),
          .latency_sketch = std::string(rows.text(13))});
  }
}

Result<std::vector<SampleGroup>> SampleFile::query(const SampleFilter& filter,
                                                   const std::vector<SampleLabel>& group_by) {
  const std::lock_guard lock(mutex_);
  std::string columns;
  for (const SampleLabel label : group_by)
    columns += fmt::format(", {}", kLabelColumns[static_cast<std::size_t>(label)]);
  Statement rows = file_->prepare(
      fmt::format("SELECT requests, status_2xx, status_3xx, status_4xx, status_5xx, connection_errors, latency, "
                  "latency_sketch{} FROM "
                  "samples JOIN labels "
                  "ON labels.id = label WHERE start_ms >= ?1 AND start_ms < ?2 AND (?3 = '' OR ns = ?3) AND (?4 = '' "
                  "OR service = ?4) AND "
                  "(?5 = '' OR pod_template_hash = ?5) AND (?6 = '' OR route = ?6) AND (?7 = '' OR node = ?7)",
                  columns));
  rows.bind(1, milliseconds(filter.from)).bind(2, milliseconds(filter.to)).bind(3, filter.ns).bind(4, filter.service);
  rows.bind(5, filter.pod_template_hash).bind(6, filter.route).bind(7, filter.node);
  std::map<std::vector<std::string>, SampleSums> groups;
  while (true) {
    const Result<bool> row = rows.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < group_by.size(); ++i) labels.emplace_back(rows.text(8 + static_cast<int>(i)));
    SampleSums& sums = groups[std::move(labels)];
    ++sums.samples;
    std::uint64_t* const counts[] = {&sums.requests,   &sums.status_2xx, &sums.status_3xx,
                                     &sums.status_4xx, &sums.status_5xx, &sums.connection_errors};
    for (int i = 0; i < 6; ++i) *counts[i] += count(rows, i);
    const std::vector<std::uint64_t> latency = decodeLatency(rows.text(6));
    for (std::size_t i = 0; i < std::min(latency.size(), kLatencyBuckets); ++i) sums.latency[i] += latency[i];
    if (const auto sketch = sketch::Sketch::decode(rows.text(7))) sums.latency_sketch.merge(*sketch);
  }
  std::vector<SampleGroup> answer;
  for (auto& [labels, sums] : groups) answer.push_back({labels, sums});
  return answer;
}

Result<void> SampleFile::prune(std::int64_t oldest_ms) {
  const std::lock_guard lock(mutex_);
  Result<void> done = pruneLocked(oldest_ms);
  if (done && file_->bytesInUse() > bytes_max_) {
    Statement range = file_->prepare("SELECT min(start_ms), max(start_ms) FROM samples");
    const Result<bool> row = range.step();
    if (!row) return std::unexpected(row.error());
    const std::int64_t first = range.integer(0), last = range.integer(1);
    range.reset();
    done = pruneLocked(first + (last - first) / 10 + 1);
  }
  file_->checkpoint();
  return done;
}

Result<void> SampleFile::pruneLocked(std::int64_t oldest_ms) {
  Statement statement = file_->prepare("DELETE FROM samples WHERE start_ms < ?");
  return statement.bind(1, oldest_ms).run();
}

}  // namespace towpath::store
