#include "proxy/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <ranges>
#include "proxy/contains.h"

namespace towpath::proxy {
namespace {

ServiceLayout& serviceOf(Layout& layout, const Backend& backend) {
  auto at = std::ranges::lower_bound(layout.services, backend.service, {}, &ServiceLayout::service);
  if (at == layout.services.end() || at->service != backend.service) {
    at = layout.services.insert(at, ServiceLayout{.service = backend.service});
    at->versions.assign(kLeastVersionSlots, VersionSlot{std::nullopt, std::vector<ServerSlot>(kLeastServerSlots)});
  }
  at->mode = backend.mode;
  at->timeouts = backend.timeouts;
  return *at;
}

VersionSlot& versionOf(ServiceLayout& service, const std::string& hash) {
  for (VersionSlot& slot : service.versions) {
    if (slot.hash == hash) return slot;
  }
  for (std::size_t step = 0; step < service.versions.size(); ++step) {
    const std::size_t index = (service.next + step) % service.versions.size();
    VersionSlot& slot = service.versions[index];
    if (slot.hash) continue;
    service.next = (index + 1) % service.versions.size();
    slot.hash = hash;
    return slot;
  }
  const std::size_t servers = service.versions.front().servers.size();
  service.versions.push_back(VersionSlot{hash, std::vector<ServerSlot>(servers)});
  return service.versions.back();
}

// Gives the server its slot; false if all are occupied.
bool placeServer(VersionSlot& slot, const Server& server) {
  auto at = std::ranges::find(slot.servers, server.instance, &ServerSlot::instance);
  if (at == slot.servers.end()) at = std::ranges::find(slot.servers, std::string(), &ServerSlot::instance);
  if (at == slot.servers.end()) return false;
  *at = ServerSlot{server.instance, server.address, server.port};
  return true;
}

void placeBackend(Layout& layout, const Backend& backend) {
  ServiceLayout& service = serviceOf(layout, backend);
  // What has left the state and holds nothing any more makes room first.
  for (VersionSlot& slot : service.versions) {
    const bool wanted = slot.hash && contains(backend.versions, *slot.hash, &VersionServers::hash);
    const bool occupied = std::ranges::any_of(slot.servers, [](const ServerSlot& s) { return !s.instance.empty(); });
    if (!wanted && !occupied) slot.hash.reset();
  }
  for (const VersionServers& version : backend.versions) {
    VersionSlot* slot = &versionOf(service, version.hash);
    for (const Server& server : version.servers) {
      if (placeServer(*slot, server)) continue;
      // All versions grow alike: the next version will need as many.
      const std::size_t grown = std::bit_ceil(slot->servers.size() + 1);
      for (VersionSlot& each : service.versions) each.servers.resize(std::max(each.servers.size(), grown));
      placeServer(*slot, server);
    }
  }
}

bool occupied(const ServiceLayout& service) {
  return std::ranges::any_of(service.versions | std::views::transform(&VersionSlot::servers) | std::views::join,
                             [](const ServerSlot& slot) { return !slot.instance.empty(); });
}

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> parts;
  for (const auto part : line | std::views::split(separator)) parts.emplace_back(part.begin(), part.end());
  return parts;
}

template <class T>
bool parseNumber(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Layout place(Layout former, const ProxyState& state) {
  for (const Backend& backend : state.backends) placeBackend(former, backend);
  for (ServiceLayout& service : former.services) {
    if (findBackend(state, service.service)) continue;
    placeBackend(former, Backend{service.service, service.mode, service.timeouts, {}});
  }
  return former;
}

Layout compact(Layout layout, const ProxyState& state) {
  std::erase_if(layout.services, [&](const ServiceLayout& service) {
    return !findBackend(state, service.service) && !occupied(service);
  });
  return layout;
}

void release(Layout& layout, std::string_view instance) {
  for (ServiceLayout& service : layout.services) {
    for (VersionSlot& version : service.versions) {
      for (ServerSlot& server : version.servers) {
        if (server.instance == instance) server = ServerSlot{};
      }
    }
  }
}

std::string backendName(const ServicePort& service, std::size_t version_slot) {
  return fmt::format("{}.{}.{}.v{}", service.ns, service.service, service.port, version_slot);
}

std::string serverName(std::size_t server_slot) { return fmt::format("s{}", server_slot); }

std::optional<SlotName> parseBackendName(std::string_view name) {
  const std::vector<std::string_view> parts = split(name, '.');
  SlotName slot;
  if (parts.size() != 4 || !parts[3].starts_with('v') || !parseNumber(parts[3].substr(1), slot.version_slot))
    return std::nullopt;
  slot.service = ServicePort{std::string(parts[0]), std::string(parts[1]), std::string(parts[2])};
  return slot;
}

const ServiceLayout* findService(const Layout& layout, const ServicePort& service) {
  const auto at = std::ranges::lower_bound(layout.services, service, {}, &ServiceLayout::service);
  return at == layout.services.end() || at->service != service ? nullptr : &*at;
}

std::optional<std::size_t> findVersionSlot(const Layout& layout, const Version& version) {
  const ServiceLayout* service = findService(layout, version.service);
  if (!service) return std::nullopt;
  for (std::size_t i = 0; i < service->versions.size(); ++i) {
    if (service->versions[i].hash == version.hash) return i;
  }
  return std::nullopt;
}

std::string_view instanceAt(const Layout& layout, std::string_view backend, std::string_view server) {
  const std::optional<SlotName> slot = parseBackendName(backend);
  const ServiceLayout* service = slot ? findService(layout, slot->service) : nullptr;
  if (!service || slot->version_slot >= service->versions.size()) return "";
  const std::vector<ServerSlot>& servers = service->versions[slot->version_slot].servers;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (server == serverName(i)) return servers[i].instance;
  }
  return "";
}

std::vector<Placed> findInstance(const Layout& layout, std::string_view instance) {
  std::vector<Placed> found;
  for (const ServiceLayout& service : layout.services) {
    for (std::size_t v = 0; v < service.versions.size(); ++v) {
      const VersionSlot& version = service.versions[v];
      for (std::size_t s = 0; s < version.servers.size(); ++s) {
        if (version.servers[s].instance != instance) continue;
        found.push_back({backendName(service.service, v), serverName(s), service.service, version.hash.value_or("")});
      }
    }
  }
  return found;
}

// "service ns name port mode timeouts… next version-slots server-slots", then for each occupied slot
// "version index hash" and "server index instance address port"; a hash is written with a leading '='.
std::string writeLayout(const Layout& layout) {
  std::string text = "towpath-layout 1\n";
  for (const ServiceLayout& service : layout.services) {
    const Timeouts& t = service.timeouts;
    text +=
        fmt::format("service {} {} {} {} {} {} {} {} {} {} {} {}\n", service.service.ns, service.service.service,
                    service.service.port, service.mode == Mode::kHttp ? "http" : "tcp", t.connect.count(),
                    t.server.count(), t.client.count(), t.tunnel.count(), t.keep_alive.count(), service.next,
                    service.versions.size(), service.versions.empty() ? 0 : service.versions.front().servers.size());
    for (std::size_t v = 0; v < service.versions.size(); ++v) {
      const VersionSlot& version = service.versions[v];
      if (!version.hash) continue;
      text += fmt::format("version {} ={}\n", v, *version.hash);
      for (std::size_t s = 0; s < version.servers.size(); ++s) {
        const ServerSlot& server = version.servers[s];
        if (server.instance.empty()) continue;
        text += fmt::format("server {} {} {} {}\n", s, server.instance, server.address, server.port);
      }
    }
  }
  return text;
}

namespace {

bool readService(const std::vector<std::string_view>& words, Layout& layout) {
  if (words.size() != 13 || (words[4] != "http" && words[4] != "tcp")) return false;
  ServiceLayout service;
  service.service = {std::string(words[1]), std::string(words[2]), std::string(words[3])};
  if (!layout.services.empty() && layout.services.back().service >= service.service) return false;  // sorted, once each
  service.mode = words[4] == "http" ? Mode::kHttp : Mode::kTcp;
  std::array<std::int64_t, 5> times{};
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (!parseNumber(words[5 + i], times[i])) return false;
  }
  service.timeouts = {Duration(times[0]), Duration(times[1]), Duration(times[2]), Duration(times[3]),
                      Duration(times[4])};
  std::size_t versions = 0;
  std::size_t servers = 0;
  if (!parseNumber(words[10], service.next) || !parseNumber(words[11], versions) || !parseNumber(words[12], servers))
    return false;
  if (versions == 0 || versions > 1000 || servers == 0 || servers > 100000) return false;
  service.versions.assign(versions, VersionSlot{std::nullopt, std::vector<ServerSlot>(servers)});
  layout.services.push_back(std::move(service));
  return true;
}

bool readLine(std::string_view line, Layout& layout, VersionSlot*& version) {
  const std::vector<std::string_view> words = split(line, ' ');
  if (words[0] == "service") return readService(words, layout);
  std::size_t index = 0;
  if (words.size() < 3 || layout.services.empty() || !parseNumber(words[1], index)) return false;
  if (words[0] == "version") {
    std::vector<VersionSlot>& versions = layout.services.back().versions;
    if (words.size() != 3 || index >= versions.size() || !words[2].starts_with('=')) return false;
    version = &versions[index];
    version->hash = std::string(words[2].substr(1));
    return true;
  }
  if (words[0] != "server" || words.size() != 5 || !version || index >= version->servers.size()) return false;
  if (words[2].empty() || words[3].empty()) return false;
  ServerSlot& server = version->servers[index];
  server.instance = words[2];
  server.address = words[3];
  return parseNumber(words[4], server.port);
}

}  // namespace

Result<Layout> readLayout(std::string_view text) {
  Layout layout;
  VersionSlot* version = nullptr;
  int number = 0;
  for (const auto part : text | std::views::split('\n')) {
    const std::string_view line(part.begin(), part.end());
    ++number;
    if (number == 1 ? line != "towpath-layout 1" : !line.empty() && !readLine(line, layout, version)) {
      return fail(ErrorKind::kCorrupt, fmt::format("line {} of the proxy's layout file is not readable", number));
    }
  }
  if (!std::ranges::is_sorted(layout.services, {}, &ServiceLayout::service)) {
    return fail(ErrorKind::kCorrupt, "the services in the proxy's layout file are out of order");
  }
  return layout;
}

}  // namespace towpath::proxy
