#include "proxy/haproxy_sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ranges>

namespace towpath::proxy {
namespace {

std::string mapPath(const HaproxyPaths& paths, std::string_view rule) { return paths.maps + "/" + mapFileName(rule); }

// All maps in two turns: versions first, because HAProxy names them, then contents and commits. Readers see the old
// entries until the commit, and then the new ones.
loop::Task<Result<void>> writeMaps(HaproxyCli& cli, int worker,
                                   const std::map<std::string, std::vector<MapEntry>>& maps,
                                   const HaproxyPaths& paths) {
  std::vector<std::string> prepare;
  for (const auto& [rule, entries] : maps) prepare.push_back("prepare map " + mapPath(paths, rule));
  if (prepare.empty()) co_return Result<void>();
  const Result<std::vector<std::string>> answers = co_await cli.askAll(worker, std::move(prepare));
  if (!answers) co_return std::unexpected(answers.error());
  std::vector<std::string> commands;
  std::size_t at = 0;
  for (const auto& [rule, entries] : maps) {
    const std::string& answer = (*answers)[at++];
    const std::size_t colon = answer.rfind(": ");
    if (!answer.starts_with("New version created") || colon == std::string::npos) {
      co_return fail(ErrorKind::kInternal, fmt::format("HAProxy does not prepare the map of {}: {}", rule, answer));
    }
    const std::string version = answer.substr(colon + 2, answer.find('\n', colon) - colon - 2);
    for (const MapEntry& entry : entries) {
      commands.push_back(fmt::format("add map @{} {} {} {}", version, mapPath(paths, rule), entry.key, entry.value));
    }
    commands.push_back(fmt::format("commit map @{} {}", version, mapPath(paths, rule)));
  }
  co_return co_await cli.tell(worker, std::move(commands));
}

std::vector<std::string_view> partsOf(std::string_view key) {
  std::vector<std::string_view> parts;
  for (const auto part : key | std::views::split('|')) parts.emplace_back(part.begin(), part.end());
  return parts;
}

int numberOf(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "rule|backend|hash" as a count without an answer yet; nullopt for what goes to no version.
std::optional<TrafficCount> countOf(const std::vector<std::string_view>& parts) {
  const std::optional<SlotName> slot = parseBackendName(parts[1]);
  const std::optional<RouteRef> ref = parseRuleId(parts[0]);
  if (!slot || !ref) return std::nullopt;
  TrafficCount count;
  count.rule = parts[0];
  count.ref = *ref;
  count.version = {slot->service, std::string(parts[2])};
  return count;
}

bool isUp(const WorkerView& view, const std::string& backend, int& servers) {
  const auto found = view.backends.find(backend);
  if (found == view.backends.end()) return false;
  servers = static_cast<int>(std::ranges::count_if(found->second, [](const auto& server) { return server.second.up; }));
  return true;
}

std::int64_t fieldOf(std::string_view info, std::string_view name) {
  const std::size_t at = info.find(fmt::format("\n{}: ", name));
  if (at == std::string_view::npos) return -1;
  return numberOf(info.substr(at + name.size() + 3));
}

}  // namespace

loop::Task<Result<WorkerView>> readWorker(HaproxyCli& cli, int worker, const ProxyState& state,
                                          const HaproxyPaths& paths) {
  WorkerView view;
  const Result<std::string> servers = co_await cli.ask(worker, "show servers state");
  if (!servers) co_return std::unexpected(servers.error());
  if (const Result<void> read = readServersState(*servers, view); !read) co_return std::unexpected(read.error());
  std::vector<std::string> commands;
  std::vector<std::string> rules;
  for (const Rule& rule : state.rules) {
    if (rule.redirect) continue;
    commands.push_back("show map " + mapPath(paths, rule.id));
    rules.push_back(rule.id);
  }
  const Result<std::vector<std::string>> maps = co_await cli.askAll(worker, std::move(commands));
  if (!maps) co_return std::unexpected(maps.error());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    std::vector<MapEntry> entries = readMap((*maps)[i]);
    if (!entries.empty()) view.maps.emplace(rules[i], std::move(entries));
  }
  co_return view;
}

loop::Task<Result<void>> syncWorker(HaproxyCli& cli, WorkerProcess worker, const Layout& layout,
                                    const ProxyState& state, const HaproxyPaths& paths) {
  constexpr int kAttempts = 3;  // more than one only if somebody else writes to the socket
  Commands commands;
  for (int attempt = 0; attempt <= kAttempts; ++attempt) {
    const Result<WorkerView> view = co_await readWorker(cli, worker.pid, state, paths);
    if (!view) co_return std::unexpected(view.error());
    commands = commandsFor(*view, layout, state, worker.age);
    if (commands.empty()) co_return Result<void>();
    if (attempt == kAttempts) break;
    Result<void> done = co_await cli.tell(worker.pid, commands.before);
    if (done) done = co_await writeMaps(cli, worker.pid, commands.maps, paths);
    if (done) done = co_await cli.tell(worker.pid, commands.after);
    if (!done) co_return done;
  }
  const std::string first = !commands.before.empty()  ? commands.before.front()
                            : !commands.after.empty() ? commands.after.front()
                                                      : "map of " + commands.maps.begin()->first;
  co_return fail(ErrorKind::kInternal, "HAProxy does not take a change at run time: " + first);
}

loop::Task<Result<RunningStructure>> readStructure(HaproxyCli& cli, int worker) {
  const Result<std::string> answer = co_await cli.ask(worker, fmt::format("show env {}", kStructureVariable));
  if (!answer) co_return std::unexpected(answer.error());
  const std::size_t begin = answer->find('=');
  const std::size_t dot = answer->find('.');
  if (begin == std::string::npos || dot == std::string::npos) co_return RunningStructure();
  co_return RunningStructure{answer->substr(begin + 1, dot - begin - 1),
                             answer->substr(dot + 1, answer->find('\n', dot) - dot - 1)};
}

loop::Task<Result<std::map<std::string, std::int64_t>>> readSessions(HaproxyCli& cli,
                                                                     std::vector<WorkerProcess> workers) {
  std::map<std::string, std::int64_t> sessions;
  for (const WorkerProcess& worker : workers) {
    constexpr const char* kServersOnly = "show stat -1 4 -1";
    const Result<std::string> answer = co_await cli.ask(worker.pid, kServersOnly);
    // An old worker may end at any moment; then it has no sessions.
    if (!answer && worker.age == WorkerAge::kOld) continue;
    if (!answer) co_return std::unexpected(answer.error());
    for (const StatRow& row : readStat(*answer))
      sessions[row.proxy + "/" + row.server] += row.current_sessions + row.current_queue;
  }
  co_return sessions;
}

std::vector<TrafficCount> makeCounts(const std::map<std::string, std::uint64_t>& traffic,
                                     const std::map<std::string, std::uint64_t>& requests,
                                     const std::vector<StatRow>& backends) {
  std::vector<TrafficCount> counts;
  std::map<std::string, std::uint64_t, std::less<>> answered;  // by "rule|backend|hash"
  std::map<std::string, std::int64_t, std::less<>> answered_5xx_by_backend;
  for (const auto& [key, number] : traffic) {
    const std::vector<std::string_view> parts = partsOf(key);
    // A worker that began with an older configuration does not say which server it was (nor of latencies).
    if (parts.size() != 4 && parts.size() != 5) continue;
    std::optional<TrafficCount> count = countOf(parts);
    if (!count) continue;
    count->status = numberOf(parts[3]);
    if (parts.size() == 5) count->server = fmt::format("{}/{}", parts[1], parts[4]);
    count->count = number;
    answered[fmt::format("{}|{}|{}", parts[0], parts[1], parts[2])] += number;
    if (count->status >= 500) answered_5xx_by_backend[std::string(parts[1])] += static_cast<std::int64_t>(number);
    counts.push_back(std::move(*count));
  }
  // What the proxy itself answered 5xx for a backend had no answer of an instance. The backend knows how many, the
  // rules know by how many requests they are short; requests that still run are short as well, so the backend's number
  // bounds it.
  for (const StatRow& backend : backends) {
    std::int64_t left = backend.status_5xx - answered_5xx_by_backend[backend.proxy];
    for (const auto& [key, number] : requests) {
      const std::vector<std::string_view> parts = partsOf(key);
      if (left <= 0) break;
      if (parts.size() != 3 || parts[1] != backend.proxy || number <= answered[key]) continue;
      std::optional<TrafficCount> count = countOf(parts);
      if (!count) continue;
      count->count = std::min<std::uint64_t>(number - answered[key], static_cast<std::uint64_t>(left));
      left -= static_cast<std::int64_t>(count->count);
      counts.push_back(std::move(*count));
    }
  }
  return counts;
}

void addLatencies(const std::map<std::string, std::uint64_t>& latency, std::vector<TrafficCount>& counts) {
  for (const auto& [key, number] : latency) {
    const std::vector<std::string_view> parts = partsOf(key);
    if (parts.size() != 5 && parts.size() != 6) continue;
    std::optional<TrafficCount> count = countOf(parts);
    if (!count) continue;
    if (parts.size() == 6) count->server = fmt::format("{}/{}", parts[1], parts[5]);
    // The wall clock may have stepped back between a request and its answer.
    const auto unit = static_cast<std::uint64_t>(std::max(numberOf(parts[3]), 0));
    count->latency_us = unit * static_cast<std::uint64_t>(std::max(numberOf(parts[4]), 0));
    count->count = number;
    counts.push_back(std::move(*count));
  }
}

loop::Task<Result<std::vector<TrafficCount>>> readCounters(HaproxyCli& cli, int worker) {
  constexpr const char* kBackendsOnly = "show stat -1 2 -1";
  const Result<std::vector<std::string>> answers = co_await cli.askAll(
      worker, {fmt::format("show table {}", kTrafficTable), fmt::format("show table {}", kRequestsTable), kBackendsOnly,
               fmt::format("show table {}", kLatencyTable)});
  if (!answers) co_return std::unexpected(answers.error());
  std::vector<TrafficCount> counts =
      makeCounts(readTable((*answers)[0]), readTable((*answers)[1]), readStat((*answers)[2]));
  addLatencies(readTable((*answers)[3]), counts);
  co_return counts;
}

loop::Task<Result<bool>> isIdleOldWorker(HaproxyCli& cli, int worker) {
  const Result<std::string> info = co_await cli.ask(worker, "show info");
  if (!info) co_return std::unexpected(info.error());
  co_return fieldOf(*info, "Stopping") == 1 && fieldOf(*info, "CurrConns") == 0;
}

std::vector<ObservedRule> observeRules(const WorkerView& view, const ProxyState& state) {
  std::vector<ObservedRule> rules;
  for (const Rule& rule : state.rules) {
    const auto map = view.maps.find(rule.id);
    if (map == view.maps.end()) continue;
    ObservedRule observed{.id = rule.id, .ref = rule.ref, .generation = rule.generation};
    for (const auto& [value, share] : sharesOf(map->second)) {
      const std::size_t bar = value.find('|');
      const std::string backend = value.substr(0, bar);
      const std::optional<SlotName> slot = parseBackendName(backend);
      VersionShare version{.share = share};
      if (!slot || bar == std::string::npos || !isUp(view, backend, version.ready_servers)) {
        observed.unavailable_share += share;
        continue;
      }
      version.version = {slot->service, value.substr(bar + 1)};
      observed.versions.push_back(std::move(version));
    }
    rules.push_back(std::move(observed));
  }
  return rules;
}

}  // namespace towpath::proxy
