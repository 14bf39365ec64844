#include "store/schema.h"

#include <array>

namespace towpath::store {

// changes: one row for each change; the newest row of a key is its live object unless `deleted`. Rows above
// meta.compacted are the watch history as well. Texts are written once: there is no second table of live objects.
std::span<const std::string_view> objectSchemaSteps() {
  static constexpr std::array<std::string_view, 2> kSteps = {
      R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('compacted', 1);
CREATE TABLE changes (
  revision INTEGER PRIMARY KEY,
  resource TEXT NOT NULL,
  ns TEXT NOT NULL,
  name TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  json TEXT NOT NULL
);
)sql",
      R"sql(
CREATE TABLE private (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
)sql",
  };
  return kSteps;
}

std::span<const std::string_view> sampleSchemaSteps() {
  static constexpr std::array<std::string_view, 2> kSteps = {
      R"sql(
CREATE TABLE labels (
  id INTEGER PRIMARY KEY,
  ns TEXT NOT NULL,
  service TEXT NOT NULL,
  pod_template_hash TEXT NOT NULL,
  route TEXT NOT NULL,
  node TEXT NOT NULL,
  UNIQUE (ns, service, pod_template_hash, route, node)
);
CREATE TABLE samples (
  start_ms INTEGER NOT NULL,
  label INTEGER NOT NULL,
  window_ms INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  status_2xx INTEGER NOT NULL,
  status_3xx INTEGER NOT NULL,
  status_4xx INTEGER NOT NULL,
  status_5xx INTEGER NOT NULL,
  connection_errors INTEGER NOT NULL,
  latency BLOB NOT NULL,
  PRIMARY KEY (start_ms, label)
) WITHOUT ROWID;
)sql",
      R"sql(
ALTER TABLE samples ADD COLUMN latency_sketch BLOB NOT NULL DEFAULT x'';
)sql",
  };
  return kSteps;
}

}  // namespace towpath::store
