#pragma once
// The run-time half of a ProxyState at HAProxy's command line interface: what a worker does now, read back, and the
// commands from there to what it should do. Pure; always from the observed state, never from what we believe to have
// sent. So it is right for a worker that was just started, adopted or reloaded, and for an old one that finishes its
// connections.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "proxy/haproxy_config.h"
#include "proxy/layout.h"
#include "proxy/state.h"

namespace towpath::proxy {

enum class AdminState { kReady, kDrain, kMaintenance };

struct ServerView {
  std::string address;
  std::uint16_t port = 0;
  AdminState admin = AdminState::kReady;
  bool up = false;  // would get requests as far as checks go
  bool checked = false;
  bool operator==(const ServerView&) const = default;
};

struct WorkerView {
  std::map<std::string, std::map<std::string, ServerView>> backends;  // by names
  std::map<std::string, std::vector<MapEntry>> maps;                  // by rule id
  bool operator==(const WorkerView&) const = default;
};

// Of `show servers state`.
Result<void> readServersState(std::string_view text, WorkerView& view);
// Of `show map FILE`.
std::vector<MapEntry> readMap(std::string_view text);

// Commands to be sent in this order: servers that shall be used, then the maps, then the servers that shall not.
struct Commands {
  std::vector<std::string> before;
  std::map<std::string, std::vector<MapEntry>> maps;  // whole new contents, by rule id
  std::vector<std::string> after;
  bool empty() const { return before.empty() && maps.empty() && after.empty(); }
};
enum class WorkerAge {
  kCurrent,
  kOld,  // lacks backends that came since: their share goes to those that it has
};
Commands commandsFor(const WorkerView& view, const Layout& layout, const ProxyState& state, WorkerAge age);

// One row of `show stat`, as far as we read it.
struct StatRow {
  std::string proxy, server;  // server "BACKEND" or "FRONTEND" for the sums
  std::int64_t current_queue = 0, current_sessions = 0, status_5xx = 0;
  std::string status;
};
std::vector<StatRow> readStat(std::string_view csv);

// Of `show table`: key → gpc0.
std::map<std::string, std::uint64_t> readTable(std::string_view text);

struct WorkerProcess {
  int pid = 0;
  WorkerAge age = WorkerAge::kCurrent;
  bool operator==(const WorkerProcess&) const = default;
};
struct Processes {
  int master = 0;
  std::vector<WorkerProcess> workers;  // the current one first
};
// Of `show proc` at the master.
Processes readProcesses(std::string_view text);

// Share of each value in a map, 0..1; together one at most, whatever the map says: HAProxy asks it for a number below
// kWeightTotal and takes the first range that holds it.
std::map<std::string, double> sharesOf(const std::vector<MapEntry>& map);

}  // namespace towpath::proxy
