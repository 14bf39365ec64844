#include "proxy/haproxy_runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <charconv>
#include <ranges>

namespace towpath::proxy {
namespace {

std::vector<std::string_view> linesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  for (const auto part : text | std::views::split('\n')) lines.emplace_back(part.begin(), part.end());
  return lines;
}

std::vector<std::string_view> wordsOf(std::string_view line, std::string_view separators = " \t") {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(separators, at)) != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(separators, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

template <class T = std::int64_t>
T numberOf(std::string_view text, T otherwise = 0) {
  T value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The bits of srv_admin_state (management guide of 2.6, "show servers state"): forced and inherited maintenance, forced
// drain.
AdminState adminState(int bits) {
  constexpr int kMaintenanceBits = 0x01 | 0x02 | 0x20 | 0x40;
  constexpr int kDrainBits = 0x08 | 0x10;
  if (bits & kMaintenanceBits) return AdminState::kMaintenance;
  return bits & kDrainBits ? AdminState::kDrain : AdminState::kReady;
}

const Server* findServer(const ProxyState& state, const Version& version, std::string_view instance) {
  const VersionServers* servers = findVersion(state, version);
  if (!servers) return nullptr;
  const auto at = std::ranges::find(servers->servers, instance, &Server::instance);
  return at == servers->servers.end() ? nullptr : &*at;
}

struct SlotWish {
  std::string name;  // "backend/server"
  ServerSlot slot;
  AdminState admin = AdminState::kMaintenance;
  bool checked = false;
};

void serverCommands(const SlotWish& wish, const ServerView& now, Commands& commands) {
  if (wish.admin != AdminState::kReady) {
    if (now.admin == wish.admin) return;
    const char* state = wish.admin == AdminState::kDrain ? "drain" : "maint";
    commands.after.push_back(fmt::format("set server {} state {}", wish.name, state));
    return;
  }
  if (now.address != wish.slot.address || now.port != wish.slot.port) {
    commands.before.push_back(
        fmt::format("set server {} addr {} port {}", wish.name, wish.slot.address, wish.slot.port));
  }
  if (now.checked != wish.checked) {
    commands.before.push_back(fmt::format("{} health {}", wish.checked ? "enable" : "disable", wish.name));
  }
  if (now.admin != AdminState::kReady) commands.before.push_back(fmt::format("set server {} state ready", wish.name));
  // What checks found before is not of this instance, or not of this time: the one that had the slot may have died in
  // it, and this one is known to be ready. Without a check it would stay down for ever, with one until the next.
  const bool another = now.address != wish.slot.address || now.port != wish.slot.port;
  if (another || now.admin != AdminState::kReady || (now.checked && !wish.checked)) {
    commands.before.push_back(fmt::format("set server {} health up", wish.name));
  }
}

SlotWish wishFor(const Version& version, const ServerSlot& slot, std::string name, const ProxyState& state) {
  SlotWish wish{.name = std::move(name), .slot = slot};
  if (slot.instance.empty()) return wish;
  const Server* server = findServer(state, version, slot.instance);
  wish.admin = server && server->state == ServerState::kReady ? AdminState::kReady : AdminState::kDrain;
  // The agent probes its own instances and tells at once; those of other nodes are the proxy's to check.
  wish.checked = server && server->locality == Locality::kRemote;
  return wish;
}

// An old worker sends shares for backends that it lacks to the others, in proportion; empty if it has none of them.
std::vector<MapEntry> forOldWorker(const std::vector<MapEntry>& wanted, const WorkerView& view) {
  std::vector<std::int64_t> weights;
  std::vector<const MapEntry*> kept;
  for (const MapEntry& entry : wanted) {
    const std::string backend = entry.value.substr(0, entry.value.find('|'));
    if (!backend.starts_with("towpath.") && !view.backends.contains(backend)) continue;
    const auto colon = entry.key.find(':');
    weights.push_back(numberOf(std::string_view(entry.key).substr(colon + 1)) - numberOf(entry.key) + 1);
    kept.push_back(&entry);
  }
  const std::vector<int> shares = toShares(weights);
  std::vector<MapEntry> entries;
  int from = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    entries.push_back({fmt::format("{}:{}", from, from + shares[i] - 1), kept[i]->value});
    from += shares[i];
  }
  return entries;
}

}  // namespace

// Columns: be_id be_name srv_id srv_name srv_addr op_state admin_state … check_state(14th) … srv_port(19th).
Result<void> readServersState(std::string_view text, WorkerView& view) {
  bool versioned = false;
  for (const std::string_view line : linesOf(text)) {
    if (line.empty() || line.starts_with('#')) continue;
    if (!versioned) {
      if (line != "1")
        return fail(ErrorKind::kUnsupported, fmt::format("HAProxy's server state has version \"{}\", not 1", line));
      versioned = true;
      continue;
    }
    const std::vector<std::string_view> words = wordsOf(line);
    if (words.size() < 19) return fail(ErrorKind::kCorrupt, "a line of HAProxy's server state is too short");
    constexpr int kCheckEnabledBit = 0x04;
    ServerView& server = view.backends[std::string(words[1])][std::string(words[3])];
    server.address = words[4];
    server.port = numberOf<std::uint16_t>(words[18]);
    server.admin = adminState(numberOf<int>(words[6]));
    server.up = numberOf<int>(words[5]) == 2 && server.admin == AdminState::kReady;
    server.checked = (numberOf<int>(words[13]) & kCheckEnabledBit) != 0;
  }
  return {};
}

std::vector<MapEntry> readMap(std::string_view text) {
  std::vector<MapEntry> entries;
  for (const std::string_view line : linesOf(text)) {
    const std::vector<std::string_view> words = wordsOf(line);
    if (words.size() == 3 && words[0].starts_with("0x"))
      entries.push_back({std::string(words[1]), std::string(words[2])});
  }
  return entries;
}

Commands commandsFor(const WorkerView& view, const Layout& layout, const ProxyState& state, WorkerAge age) {
  Commands commands;
  for (const ServiceLayout& service : layout.services) {
    for (std::size_t v = 0; v < service.versions.size(); ++v) {
      const std::string backend = backendName(service.service, v);
      const auto seen = view.backends.find(backend);
      if (seen == view.backends.end()) continue;
      const VersionSlot& version = service.versions[v];
      for (std::size_t s = 0; s < version.servers.size(); ++s) {
        const auto server = seen->second.find(serverName(s));
        if (server == seen->second.end()) continue;
        const Version of{service.service, version.hash.value_or("")};
        serverCommands(wishFor(of, version.servers[s], backend + "/" + server->first, state), server->second, commands);
      }
    }
  }
  for (const Rule& rule : state.rules) {
    const auto seen = view.maps.find(rule.id);
    if (seen == view.maps.end()) continue;
    std::vector<MapEntry> wanted = ruleMap(rule, layout, state);
    if (age == WorkerAge::kOld) wanted = forOldWorker(wanted, view);
    if (!wanted.empty() && wanted != seen->second) commands.maps.emplace(rule.id, std::move(wanted));
  }
  return commands;
}

std::vector<StatRow> readStat(std::string_view csv) {
  std::vector<StatRow> rows;
  std::vector<std::string_view> header;
  for (const std::string_view line : linesOf(csv)) {
    std::vector<std::string_view> cells;
    for (const auto part : line | std::views::split(',')) cells.emplace_back(part.begin(), part.end());
    if (line.starts_with("# ")) {
      header = cells;
      header[0].remove_prefix(2);
      continue;
    }
    if (header.empty() || cells.size() < 20) continue;
    const auto cell = [&](std::string_view name) {
      const auto at = static_cast<std::size_t>(std::ranges::find(header, name) - header.begin());
      return at < cells.size() ? cells[at] : std::string_view();
    };
    rows.push_back({std::string(cells[0]), std::string(cells[1]), numberOf(cell("qcur")), numberOf(cell("scur")),
                    numberOf(cell("hrsp_5xx")), std::string(cell("status"))});
  }
  return rows;
}

std::map<std::string, std::uint64_t> readTable(std::string_view text) {
  std::map<std::string, std::uint64_t> entries;
  for (const std::string_view line : linesOf(text)) {
    std::string_view key;
    std::uint64_t count = 0;
    for (const std::string_view word : wordsOf(line)) {
      if (word.starts_with("key=")) key = word.substr(4);
      if (word.starts_with("gpc0=")) count = numberOf<std::uint64_t>(word.substr(5));
    }
    if (!key.empty()) entries[std::string(key)] += count;
  }
  return entries;
}

// A table of "pid type reloads …" with the headings "# workers" and "# old workers".
Processes readProcesses(std::string_view text) {
  Processes processes;
  WorkerAge age = WorkerAge::kCurrent;
  for (const std::string_view line : linesOf(text)) {
    if (line.starts_with("# old workers"))
      age = WorkerAge::kOld;
    else if (line.starts_with("# workers"))
      age = WorkerAge::kCurrent;
    const std::vector<std::string_view> words = wordsOf(line);
    if (words.size() < 3) continue;
    const int pid = numberOf<int>(words[0]);
    if (pid <= 0) continue;
    if (words[1] == "master") processes.master = pid;
    const bool current = age == WorkerAge::kCurrent;
    if (words[1] == "worker")
      processes.workers.insert(current ? processes.workers.begin() : processes.workers.end(), {pid, age});
  }
  return processes;
}

std::map<std::string, double> sharesOf(const std::vector<MapEntry>& map) {
  std::map<std::string, double> shares;
  std::bitset<kWeightTotal> taken;
  for (const MapEntry& entry : map) {
    const auto colon = entry.key.find(':');
    if (colon == std::string::npos) continue;
    const std::int64_t first = std::max<std::int64_t>(numberOf(entry.key), 0);
    const std::int64_t last =
        std::min<std::int64_t>(numberOf(std::string_view(entry.key).substr(colon + 1)), kWeightTotal - 1);
    int count = 0;
    for (std::int64_t number = first; number <= last; ++number) {
      if (taken.test(static_cast<std::size_t>(number))) continue;
      taken.set(static_cast<std::size_t>(number));
      ++count;
    }
    if (count > 0) shares[entry.value] += static_cast<double>(count) / kWeightTotal;
  }
  return shares;
}

}  // namespace towpath::proxy
