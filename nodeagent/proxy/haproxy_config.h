#pragma once
// The files of an HAProxy (2.6 or newer) that does what a ProxyState says. Pure.
//
// How a request finds its server. A frontend's rules set txn.rule to the first row that fits. A number of 0..9999,
// random or from a cookie, header or address where the rule is sticky, goes through the rule's map, whose keys are
// ranges:
//     0:7999 shop.web.http.v0|6d4f9
//     8000:9999 shop.web.http.v1|77c5b
// so shares are exact for any number of targets, and `prepare map` + `add map` + `commit map` change them all at once,
// for the next request of every connection. The value names the backend section and, after '|', the version.
//
// Counting. Each request adds one to the entry "rule|backend|hash" of the stick table towpath/requests, each answer of
// a server to "rule|backend|hash|status" of towpath/traffic, and each answer below 500 to "rule|backend|hash|unit|n" of
// towpath/latency, where n units of microseconds is the bin of common/sketch that the time to the first byte lies in:
// the map of octaves gives the unit, a power of two, and a division the rest. So latency is known to 1 % and every
// request is counted, with tables that are bounded by what exists and not by traffic; nothing is logged, and nothing
// waits for an agent that is away.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "proxy/layout.h"
#include "proxy/state.h"

namespace towpath::proxy {

struct HaproxyPaths {
  std::string maps;           // directory of the map files
  std::string worker_socket;  // of the process that serves
  std::string peer_socket;    // path without its end, which is the epoch; nobody ever connects to it
  std::string epoch;          // a new one for each reload: see writeTables
};

struct HaproxyTuning {
  int threads = 0;             // 0: as HAProxy finds best
  Duration hard_stop = 15min;  // longest life of an old worker after a reload
  Duration remote_check = 2s;  // between two checks of a remote instance
  std::string extra_global;    // lines added to `global`, as they are
};

struct MapEntry {
  std::string key, value;
  bool operator==(const MapEntry&) const = default;
};
// A rule's map: ranges that cover 0..9999. A version without a ready server never appears: its share goes to the
// backend that answers 503.
std::vector<MapEntry> ruleMap(const Rule& rule, const Layout& layout, const ProxyState& state);
std::string mapFileName(std::string_view rule_id);
std::string mapText(const std::vector<MapEntry>& entries);

struct MapFile {
  std::string name, text;
};
struct HaproxyFiles {
  std::string config;
  std::vector<MapFile> maps;
  std::string structure;  // changes when, and only when, a reload is needed
};
HaproxyFiles renderHaproxy(const Layout& layout, const ProxyState& state, const HaproxyPaths& paths,
                           const HaproxyTuning& tuning);

// "STRUCTURE.EPOCH" of the files that a worker was started with; read back by `show env`.
inline constexpr const char* kStructureVariable = "TOWPATH_STRUCTURE";
inline constexpr const char* kTrafficTable = "towpath/traffic";
inline constexpr const char* kRequestsTable = "towpath/requests";
inline constexpr const char* kLatencyTable = "towpath/latency";
inline constexpr const char* kUnavailableBackend = "towpath.unavailable";
inline constexpr const char* kInvalidBackend = "towpath.invalid";
inline constexpr const char* kUnavailableTcpBackend = "towpath.unavailable-tcp";

// "bind 127.64.0.1:80": the line of a listener in the configuration.
std::string bindLine(const Listener& listener);
// One word of HAProxy's configuration that means exactly `text`. The text must have no control characters.
std::string quoteWord(std::string_view text);

}  // namespace towpath::proxy
