#include "proxy/haproxy_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/hash.h"
#include "proxy/contains.h"
#include "sketch/sketch.h"

namespace towpath::proxy {
namespace {

enum class Servers { kAsPlaced, kBlank };

using Out = std::back_insert_iterator<std::string>;

std::int64_t milliseconds(Duration duration) {
  return std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

bool isTcpRule(const ProxyState& state, std::string_view rule) {
  return std::ranges::any_of(state.listeners, [&](const Listener& listener) {
    return listener.mode == Mode::kTcp && contains(listener.entries, rule, &Entry::rule);
  });
}

bool hasReady(const ProxyState& state, const Version& version) {
  const VersionServers* servers = findVersion(state, version);
  return servers && contains(servers->servers, ServerState::kReady, &Server::state);
}

std::string targetValue(const Target& target, const Layout& layout, const ProxyState& state, bool tcp) {
  const std::optional<std::size_t> slot = findVersionSlot(layout, target.version);
  if (target.kind == Target::Kind::kVersion && slot && hasReady(state, target.version)) {
    return backendName(target.version.service, *slot) + "|" + target.version.hash;
  }
  if (tcp) return std::string(kUnavailableTcpBackend) + "|";
  return std::string(target.kind == Target::Kind::kInvalid ? kInvalidBackend : kUnavailableBackend) + "|";
}

void writeGlobal(Out out, const HaproxyPaths& paths, const HaproxyTuning& tuning, std::string_view structure) {
  fmt::format_to(out,
                 "# Written by towpath-agent; changes by hand are overwritten.\n"
                 "global\n"
                 "  setenv {} {}.{}\n"
                 "  localpeer towpath\n"
                 "  stats socket {} mode 600 level admin expose-fd listeners\n"
                 "  stats timeout 1h\n"
                 "  hard-stop-after {}ms\n"
                 "  mworker-max-reloads 20\n",
                 kStructureVariable, structure, paths.epoch, quoteWord(paths.worker_socket),
                 milliseconds(tuning.hard_stop));
  if (tuning.threads > 0) fmt::format_to(out, "  nbthread {}\n", tuning.threads);
  if (!tuning.extra_global.empty()) fmt::format_to(out, "{}\n", tuning.extra_global);
}

// idle-close-on-response: after a reload an idle connection stays until its next answer, which says so, instead of
// being closed under a client that just sends. redispatch and retry-on: a connection that a dying instance refuses or
// drops is tried elsewhere.
void writeDefaults(Out out) {
  const Timeouts t;
  fmt::format_to(out,
                 "defaults\n"
                 "  mode http\n"
                 "  option http-keep-alive\n"
                 "  option idle-close-on-response\n"
                 "  option redispatch 1\n"
                 "  retries 3\n"
                 "  retry-on conn-failure empty-response\n"
                 "  http-reuse safe\n"
                 "  balance roundrobin\n"
                 "  default-server pool-purge-delay 2s\n"
                 "  timeout connect {}ms\n"
                 "  timeout client {}ms\n"
                 "  timeout server {}ms\n"
                 "  timeout tunnel {}ms\n"
                 "  timeout http-request {}ms\n"
                 "  timeout http-keep-alive {}ms\n",
                 milliseconds(t.connect), milliseconds(t.client), milliseconds(t.server), milliseconds(t.tunnel),
                 milliseconds(t.client), milliseconds(t.keep_alive));
}

// The tables belong to a "peers" section because HAProxy empties a proxy's own table when it stops softly, before we
// could read the last counts. With a socket of its own for each epoch, no worker finds another to exchange counts with.
void writeTables(Out out, const HaproxyPaths& paths) {
  fmt::format_to(out,
                 "peers towpath\n"
                 "  bind unix@{}{}\n"
                 "  server towpath\n"
                 "  table traffic type string len 512 size 16k store gpc0\n"
                 "  table requests type string len 512 size 8k store gpc0\n"
                 "  table latency type string len 512 size 32k store gpc0\n",
                 paths.peer_socket, paths.epoch);
}

void writeFixedBackends(Out out) {
  fmt::format_to(
      out,
      "backend {}\n"
      "  http-request return status 503 content-type text/plain string \"no instance of the service is ready\\n\"\n"
      "backend {}\n"
      "  http-request return status 500 content-type text/plain string \"the route names no valid backend\\n\"\n"
      "backend towpath.no-route\n"
      "  http-request return status 404 content-type text/plain string \"no route matches the request\\n\"\n"
      "backend {}\n"
      "  mode tcp\n"
      "  tcp-request content reject\n",
      kUnavailableBackend, kInvalidBackend, kUnavailableTcpBackend);
}

void writeBackends(Out out, const Layout& layout, const HaproxyTuning& tuning, const ProxyState& state,
                   Servers servers) {
  for (const ServiceLayout& service : layout.services) {
    const Backend* wanted = findBackend(state, service.service);
    for (std::size_t v = 0; v < service.versions.size(); ++v) {
      fmt::format_to(out, "backend {}\n", backendName(service.service, v));
      if (service.mode == Mode::kTcp) fmt::format_to(out, "  mode tcp\n");
      const Timeouts& t = service.timeouts;
      if (t != Timeouts()) {
        fmt::format_to(out, "  timeout connect {}ms\n  timeout server {}ms\n  timeout tunnel {}ms\n",
                       milliseconds(t.connect), milliseconds(t.server), milliseconds(t.tunnel));
      }
      fmt::format_to(out, "  default-server check inter {}ms fastinter 250ms downinter 1s fall 2 rise 1\n",
                     milliseconds(tuning.remote_check));
      const VersionSlot& version = service.versions[v];
      for (std::size_t s = 0; s < version.servers.size(); ++s) {
        const ServerSlot& slot = version.servers[s];
        bool ready = false;
        if (servers == Servers::kAsPlaced && wanted && version.hash) {
          const VersionServers* of = findVersion(state, {service.service, *version.hash});
          ready = of && std::ranges::any_of(of->servers, [&](const Server& server) {
                    return server.instance == slot.instance && server.state == ServerState::kReady;
                  });
        }
        const bool v6 = slot.address.contains(':');
        if (ready)
          fmt::format_to(out, "  server {} {}{}{}:{}\n", serverName(s), v6 ? "[" : "", slot.address, v6 ? "]" : "",
                         slot.port);
        else
          fmt::format_to(out, "  server {} 127.0.0.1:1 disabled\n", serverName(s));
      }
    }
  }
}

const char* matchMethod(TextMatch kind) {
  switch (kind) {
    case TextMatch::kExact:
      return "str";
    case TextMatch::kPrefix:
      return "beg";
    case TextMatch::kRegex:
      return "reg";
  }
  return "str";
}

std::string pattern(TextMatch kind, std::string_view value) {
  // A regular expression of the Gateway API speaks of the whole text.
  return quoteWord(kind == TextMatch::kRegex ? fmt::format("^(?:{})$", value) : std::string(value));
}

void writePathAcl(Out out, std::string_view acl, const PathMatch& path) {
  if (path.kind != TextMatch::kPrefix) {
    fmt::format_to(out, "  acl {} path -m {} -- {}\n", acl, matchMethod(path.kind), pattern(path.kind, path.value));
    return;
  }
  // A prefix matches whole elements: /foo fits /foo and /foo/bar, not /foobar.
  std::string prefix = path.value;
  while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  fmt::format_to(out, "  acl {0} path -m str -- {1}\n  acl {0} path -m beg -- {2}\n", acl, quoteWord(prefix),
                 quoteWord(prefix + "/"));
}

// Writes the acls of one entry and gives the condition that they make, "" for an entry that fits all.
std::string writeEntryAcls(Out out, const Entry& entry, std::size_t number) {
  std::string condition;
  const auto acl = [&](std::string_view suffix) {
    std::string name = fmt::format("e{}_{}", number, suffix);
    condition += " " + name;
    return name;
  };
  if (entry.hostname.starts_with("*.")) {
    fmt::format_to(out, "  acl {} var(txn.host) -m end -- {}\n", acl("host"), quoteWord(entry.hostname.substr(1)));
  } else if (!entry.hostname.empty()) {
    fmt::format_to(out, "  acl {} var(txn.host) -m str -- {}\n", acl("host"), quoteWord(entry.hostname));
  }
  if (entry.path != PathMatch()) writePathAcl(out, acl("path"), entry.path);
  if (!entry.method.empty()) fmt::format_to(out, "  acl {} method {}\n", acl("method"), quoteWord(entry.method));
  for (std::size_t i = 0; i < entry.headers.size(); ++i) {
    const NamedMatch& header = entry.headers[i];
    fmt::format_to(out, "  acl {} req.fhdr({}) -m {} -- {}\n", acl(fmt::format("header{}", i)), header.name,
                   matchMethod(header.kind), pattern(header.kind, header.value));
  }
  for (std::size_t i = 0; i < entry.queries.size(); ++i) {
    const NamedMatch& query = entry.queries[i];
    fmt::format_to(out, "  acl {} url_param({}) -m {} -- {}\n", acl(fmt::format("query{}", i)), query.name,
                   matchMethod(query.kind), pattern(query.kind, query.value));
  }
  return condition;
}

// txn.roll: the number of 0..9999 that the rule's map is asked for.
void writeStickyRoll(Out out, const Rule& rule, std::string_view chosen) {
  switch (rule.stickiness.kind) {
    case Stickiness::Kind::kNone:
      return;
    case Stickiness::Kind::kCookie:
      fmt::format_to(out,
                     "  http-request set-var(txn.roll) req.cook_val({0}),mod({1}) if {2} {{ req.cook({0}) -m reg "
                     "^[0-9]{{1,5}}$ }}\n"
                     "  http-request set-var(txn.roll) rand({1}) if {2} !{{ var(txn.roll) -m found }}\n"
                     "  http-request set-var-fmt(txn.cookie) \"{0}=%[var(txn.roll)]; Path=/; HttpOnly; SameSite=Lax\""
                     " if {2} !{{ req.cook({0}) -m reg ^[0-9]{{1,5}}$ }}\n",
                     rule.stickiness.name, kWeightTotal, chosen);
      return;
    case Stickiness::Kind::kHeader:
      fmt::format_to(
          out, "  http-request set-var(txn.roll) req.fhdr({0}),xxh32,mod({1}) if {2} {{ req.fhdr({0}) -m found }}\n",
          rule.stickiness.name, kWeightTotal, chosen);
      return;
    case Stickiness::Kind::kSource:
      fmt::format_to(out, "  http-request set-var(txn.roll) src,xxh32,mod({}) if {}\n", kWeightTotal, chosen);
      return;
  }
}

// A literal text where HAProxy wants a format.
std::string quoteFormat(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '%') escaped += '%';
    escaped += c;
  }
  return quoteWord(escaped);
}

void writeHeaderEdits(Out out, std::string_view direction, const HeaderEdit& edit, std::string_view chosen) {
  for (const HeaderValue& header : edit.set) {
    fmt::format_to(out, "  http-{} set-header {} {} if {}\n", direction, header.name, quoteFormat(header.value),
                   chosen);
  }
  for (const HeaderValue& header : edit.add) {
    fmt::format_to(out, "  http-{} add-header {} {} if {}\n", direction, header.name, quoteFormat(header.value),
                   chosen);
  }
  for (const std::string& name : edit.remove)
    fmt::format_to(out, "  http-{} del-header {} if {}\n", direction, name, chosen);
}

void writeRedirect(Out out, const Redirect& redirect, std::string_view chosen) {
  std::string location = redirect.scheme.empty() ? "http" : redirect.scheme;
  location += "://" + (redirect.hostname.empty() ? std::string("%[var(txn.host)]") : redirect.hostname);
  if (redirect.port) {
    location += fmt::format(":{}", *redirect.port);
  } else if (redirect.scheme.empty()) {
    location += "%[var(txn.port)]";
  }
  location += redirect.path.empty() ? "%[pathq]" : redirect.path;
  fmt::format_to(out, "  http-request redirect location {} code {} if {}\n", quoteWord(location), redirect.status,
                 chosen);
}

void writeHttpRule(Out out, const Rule& rule, const HaproxyPaths& paths) {
  const std::string chosen = fmt::format("{{ var(txn.rule) -m str -- {} }}", rule.id);
  writeHeaderEdits(out, "request", rule.request_headers, chosen);
  writeHeaderEdits(out, "response", rule.response_headers, chosen);
  if (rule.redirect) {
    writeRedirect(out, *rule.redirect, chosen);
    return;
  }
  writeStickyRoll(out, rule, chosen);
  fmt::format_to(out,
                 "  http-request set-var(txn.roll) rand({0}) if {1} !{{ var(txn.roll) -m found }}\n"
                 "  http-request set-var(txn.pick) var(txn.roll),map_int({2}/{3}) if {1}\n",
                 kWeightTotal, chosen, paths.maps, mapFileName(rule.id));
}

// Only what may be repeated without harm is sent again after an instance took it and gave no answer; a connection that
// was refused is retried for all.
void writeHttpStart(Out out) {
  fmt::format_to(out,
                 "  http-request disable-l7-retry if !{{ method GET HEAD OPTIONS PUT DELETE TRACE }}\n"
                 "  http-request set-var(txn.start) date(0,us)\n"
                 "  http-request set-var(txn.host) req.hdr(host),host_only,lower\n");
}

void writeHttpCounting(Out out, const HaproxyPaths& paths) {
  fmt::format_to(
      out,
      "  http-request set-var-fmt(txn.key) \"%[var(txn.rule)]|%[var(txn.pick)]\" if {{ var(txn.pick) -m found }}\n"
      "  http-request track-sc1 var(txn.key) table {0} if {{ var(txn.pick) -m found }}\n"
      "  http-request sc-inc-gpc0(1) if {{ var(txn.pick) -m found }}\n"
      "  http-response set-var-fmt(txn.answer) \"%[var(txn.key)]|%[status]|%[srv_name]\"\n"
      "  http-response track-sc0 var(txn.answer) table {1}\n"
      "  http-response sc-inc-gpc0(0)\n"
      "  http-response set-var(txn.took) date(0,us),sub(txn.start)\n"
      "  http-response set-var(txn.unit) var(txn.took),map_int_int({2}/latency.map,{3})\n"
      "  http-response set-var(txn.units) var(txn.took),div(txn.unit)\n"
      "  http-response set-var-fmt(txn.speed) "
      "\"%[var(txn.key)]|%[var(txn.unit)]|%[var(txn.units)]|%[srv_name]\"\n"
      "  http-response track-sc2 var(txn.speed) table {4} if {{ status lt 500 }}\n"
      "  http-response sc-inc-gpc0(2) if {{ status lt 500 }}\n"
      "  http-response add-header set-cookie %[var(txn.cookie)] if {{ var(txn.cookie) -m found }}\n",
      kRequestsTable, kTrafficTable, paths.maps, sketch::binWidth(sketch::binLast()), kLatencyTable);
}

void writeHttpListener(Out out, const Listener& listener, const ProxyState& state, const HaproxyPaths& paths) {
  writeHttpStart(out);
  std::vector<const Rule*> rules;
  bool redirects = false;
  for (std::size_t i = 0; i < listener.entries.size(); ++i) {
    const Entry& entry = listener.entries[i];
    const Rule* rule = findRule(state, entry.rule);
    if (!rule) continue;
    const std::string condition = writeEntryAcls(out, entry, i);
    fmt::format_to(out, "  http-request set-var(txn.rule) str({}) if !{{ var(txn.rule) -m found }}{}\n", entry.rule,
                   condition);
    if (!contains(rules, rule)) rules.push_back(rule);
    redirects = redirects || rule->redirect;
  }
  if (redirects) fmt::format_to(out, "  http-request set-var-fmt(txn.port) \":%[dst_port]\" if !{{ dst_port 80 }}\n");
  for (const Rule* rule : rules) writeHttpRule(out, *rule, paths);
  writeHttpCounting(out, paths);
  fmt::format_to(out,
                 "  use_backend %[var(txn.pick),field(1,|)] if {{ var(txn.pick) -m found }}\n"
                 "  use_backend {} if {{ var(txn.rule) -m found }}\n"
                 "  default_backend towpath.no-route\n",
                 kUnavailableBackend);
}

void writeTcpListener(Out out, const Listener& listener, const HaproxyPaths& paths) {
  fmt::format_to(out, "  mode tcp\n");
  if (!listener.entries.empty()) {
    fmt::format_to(out,
                   "  tcp-request content set-var(txn.pick) rand({}),map_int({}/{})\n"
                   "  use_backend %[var(txn.pick),field(1,|)] if {{ var(txn.pick) -m found }}\n",
                   kWeightTotal, paths.maps, mapFileName(listener.entries.front().rule));
  }
  fmt::format_to(out, "  default_backend {}\n", kUnavailableTcpBackend);
}

void writeListeners(Out out, const ProxyState& state, const HaproxyPaths& paths) {
  for (const Listener& listener : state.listeners) {
    const std::string bind = bindLine(listener);
    fmt::format_to(out, "frontend listener-{:016x}\n  {}\n", fnv1a64(bind), bind);
    if (listener.mode == Mode::kTcp)
      writeTcpListener(out, listener, paths);
    else
      writeHttpListener(out, listener, state, paths);
  }
}

std::string renderConfig(const Layout& layout, const ProxyState& state, const HaproxyPaths& paths,
                         const HaproxyTuning& tuning, std::string_view structure, Servers servers) {
  std::string text;
  const Out out = std::back_inserter(text);
  writeGlobal(out, paths, tuning, structure);
  writeDefaults(out);
  writeTables(out, paths);
  writeFixedBackends(out);
  writeListeners(out, state, paths);
  writeBackends(out, layout, tuning, state, servers);
  return text;
}

// From microseconds to the width of their bin; what is slower than all gets the map's default, which is the widest.
std::string latencyMap() {
  std::string text;
  std::uint64_t from = 0;
  for (sketch::BinIndex bin = 0; bin <= sketch::binLast(); ++bin) {
    const std::uint64_t end = sketch::binLow(bin) + sketch::binWidth(bin);
    if (bin != sketch::binLast() && sketch::binWidth(static_cast<sketch::BinIndex>(bin + 1)) == sketch::binWidth(bin))
      continue;
    text += fmt::format("{}:{} {}\n", from, end - 1, sketch::binWidth(bin));
    from = end;
  }
  return text;
}

}  // namespace

std::string bindLine(const Listener& listener) {
  if (listener.address.contains(':')) return fmt::format("bind [{}]:{} v6only", listener.address, listener.port);
  return fmt::format("bind {}:{}", listener.address, listener.port);
}

std::string quoteWord(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

std::vector<MapEntry> ruleMap(const Rule& rule, const Layout& layout, const ProxyState& state) {
  const bool tcp = isTcpRule(state, rule.id);
  std::vector<MapEntry> entries;
  int from = 0;
  for (const Target& target : rule.targets) {
    if (target.weight <= 0) continue;
    entries.push_back({fmt::format("{}:{}", from, from + target.weight - 1), targetValue(target, layout, state, tcp)});
    from += target.weight;
  }
  if (from < kWeightTotal) {
    entries.push_back({fmt::format("{}:{}", from, kWeightTotal - 1),
                       targetValue(Target{.kind = rule.otherwise}, layout, state, tcp)});
  }
  return entries;
}

std::string mapFileName(std::string_view rule_id) { return fmt::format("{}.map", rule_id); }

std::string mapText(const std::vector<MapEntry>& entries) {
  std::string text;
  for (const MapEntry& entry : entries) text += entry.key + " " + entry.value + "\n";
  return text;
}

HaproxyFiles renderHaproxy(const Layout& layout, const ProxyState& state, const HaproxyPaths& paths,
                           const HaproxyTuning& tuning) {
  HaproxyFiles files;
  HaproxyPaths without_epoch = paths;
  without_epoch.epoch.clear();
  files.structure =
      fmt::format("{:016x}", fnv1a64(renderConfig(layout, state, without_epoch, tuning, "", Servers::kBlank)));
  files.config = renderConfig(layout, state, paths, tuning, files.structure, Servers::kAsPlaced);
  files.maps.push_back({"latency.map", latencyMap()});
  for (const Rule& rule : state.rules) {
    if (!rule.redirect) files.maps.push_back({mapFileName(rule.id), mapText(ruleMap(rule, layout, state))});
  }
  return files;
}

}  // namespace towpath::proxy
