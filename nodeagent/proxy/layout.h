#pragma once
// Layout: which version of a Service sits in which backend section of the proxy, and which instance in which server
// line. HAProxy 2.6 can neither add a backend nor, safely, a server at run time. So each Service has a few backend
// sections
// ("version slots") and each of those a few server lines ("server slots"), empty at first; a new version or instance
// takes an empty one, and the configuration stays as it is. Only when a Service outgrows its slots do they double, at
// the price of a reload.
//
// A server slot is occupied from the moment an instance takes it until release(): an instance that leaves keeps its
// slot until no request runs on it, so that the requests of two instances are never counted in one slot. A version slot
// is occupied while the state has the version or any of its server slots is occupied.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "proxy/state.h"

namespace towpath::proxy {

struct ServerSlot {
  std::string instance;  // empty: free
  std::string address;
  std::uint16_t port = 0;
  bool operator==(const ServerSlot&) const = default;
};

struct VersionSlot {
  std::optional<std::string> hash;  // absent: free
  std::vector<ServerSlot> servers;
  bool operator==(const VersionSlot&) const = default;
};

struct ServiceLayout {
  ServicePort service;
  Mode mode = Mode::kHttp;
  Timeouts timeouts;
  std::size_t next = 0;  // where the search for a free version slot begins: the one freed longest ago is taken first
  std::vector<VersionSlot> versions;
  bool operator==(const ServiceLayout&) const = default;
};

struct Layout {
  std::vector<ServiceLayout> services;  // sorted by service
  bool operator==(const Layout&) const = default;
};

inline constexpr std::size_t kLeastVersionSlots = 4;  // stable, canary, one that drains, one to spare
inline constexpr std::size_t kLeastServerSlots = 4;   // of each version

// The former layout with what `state` adds. Nothing that is placed moves.
Layout place(Layout former, const ProxyState& state);
// Without the services that `state` lacks and that have no occupied slot. For when a reload is due anyway.
Layout compact(Layout layout, const ProxyState& state);
// Frees the instance's slots.
void release(Layout& layout, std::string_view instance);

// "ns.service.port.v0" and "s0": the names in HAProxy.
std::string backendName(const ServicePort& service, std::size_t version_slot);
std::string serverName(std::size_t server_slot);
struct SlotName {
  ServicePort service;
  std::size_t version_slot = 0;
};
std::optional<SlotName> parseBackendName(std::string_view name);

const ServiceLayout* findService(const Layout& layout, const ServicePort& service);
// The index of the slot that has the version.
std::optional<std::size_t> findVersionSlot(const Layout& layout, const Version& version);

struct Placed {
  std::string backend, server;  // names
  ServicePort service;
  std::string hash;
};
// Which instance has the slot of these names; empty: none, or there is no such slot.
std::string_view instanceAt(const Layout& layout, std::string_view backend, std::string_view server);
// All slots of an instance: one for each port of its Services.
std::vector<Placed> findInstance(const Layout& layout, std::string_view instance);

// Lines of text, for the file beside the configuration. kCorrupt for what this did not write.
std::string writeLayout(const Layout& layout);
Result<Layout> readLayout(std::string_view text);

}  // namespace towpath::proxy
