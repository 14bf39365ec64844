#pragma once
// ProxyState: what the proxy of this node should do, a plain value. plan.h makes it of objects, a driver (proxy.h)
// carries it out. It has two halves. The *structure* (listeners, matches, which services exist, time limits) is the
// proxy's configuration, and a change of it may cost a reload. The *run-time* half (weights, versions, servers, drains)
// changes often and never costs one.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace towpath::proxy {

// Weights of a rule's targets are shares of this many: 0.01 % steps.
inline constexpr int kWeightTotal = 10000;

enum class Mode { kHttp, kTcp };

// A port of a Service: what a route's backendRef names.
struct ServicePort {
  std::string ns;
  std::string service;
  std::string port;  // the Service port's name, or its number where it has none
  auto operator<=>(const ServicePort&) const = default;
};
std::string toString(const ServicePort& port);  // "ns/service:port"

// One version behind a Service port. Instances without a pod-template-hash make the version "".
struct Version {
  ServicePort service;
  std::string hash;
  auto operator<=>(const Version&) const = default;
};

enum class ServerState {
  kReady,     // takes new requests
  kNotReady,  // known, takes none
  kDraining,  // takes none; what runs is finished, and it may be stopped only when drained (proxy.h)
};
enum class Locality { kLocal, kRemote };

struct Server {
  std::string instance;  // the pod's UID, or any id that never comes back
  std::string address;   // IPv4 or IPv6, no brackets
  std::uint16_t port = 0;
  ServerState state = ServerState::kReady;
  Locality locality = Locality::kLocal;
  std::string name;  // the pod's, for people; may be empty
  bool operator==(const Server&) const = default;
};

struct VersionServers {
  std::string hash;
  std::vector<Server> servers;
  bool operator==(const VersionServers&) const = default;
};

struct Timeouts {
  Duration connect = 2s;
  Duration server = 60s;  // between two bytes of an answer
  Duration client = 60s;  // between two bytes of a request
  Duration tunnel = 1h;   // WebSockets and TCP services
  Duration keep_alive = 60s;
  bool operator==(const Timeouts&) const = default;
};

struct Backend {
  ServicePort service;
  Mode mode = Mode::kHttp;
  Timeouts timeouts;
  std::vector<VersionServers> versions;  // sorted by hash
  bool operator==(const Backend&) const = default;
};

// Where a share of a rule's requests goes.
struct Target {
  enum class Kind {
    kVersion,      // to the ready servers of `version`
    kUnavailable,  // 503: the Service has nothing ready
    kInvalid,      // 500: the backendRef names nothing that exists
  };
  Kind kind = Kind::kVersion;
  Version version;  // for kUnavailable and kInvalid only version.service is set, as far as known
  int weight = 0;   // of kWeightTotal
  bool operator==(const Target&) const = default;
};

// Keeps a client with its version while weights change. Growing a target's weight never moves a client away from it
// when there are two targets.
struct Stickiness {
  enum class Kind { kNone, kCookie, kHeader, kSource };
  Kind kind = Kind::kNone;
  std::string name;  // of the cookie (set by the proxy where a client has none) or header
  bool operator==(const Stickiness&) const = default;
};

struct HeaderValue {
  std::string name, value;
  bool operator==(const HeaderValue&) const = default;
};
struct HeaderEdit {
  std::vector<HeaderValue> set, add;
  std::vector<std::string> remove;
  bool empty() const { return set.empty() && add.empty() && remove.empty(); }
  bool operator==(const HeaderEdit&) const = default;
};
struct Redirect {
  std::string scheme, hostname, path;  // empty: as requested
  std::optional<std::uint16_t> port;
  int status = 302;
  bool operator==(const Redirect&) const = default;
};

// The object that a rule comes from.
struct RouteRef {
  std::string kind;  // "HTTPRoute" or "Service"
  std::string ns, name;
  int rule = 0;  // index in spec.rules; for a Service the index of the port
  auto operator<=>(const RouteRef&) const = default;
};

struct Rule {
  std::string id;  // unique, stable, of [A-Za-z0-9._-]; names the map of the rule
  RouteRef ref;
  std::int64_t generation = 0;  // of the object
  std::vector<Target> targets;  // weights sum to kWeightTotal; empty: all requests get `otherwise`
  Target::Kind otherwise = Target::Kind::kInvalid;
  Stickiness stickiness;
  HeaderEdit request_headers, response_headers;
  std::optional<Redirect> redirect;
  bool operator==(const Rule&) const = default;
};
std::string makeRuleId(const RouteRef& ref);
// The object that an id was made of; the name of a very long one is cut. nullopt for what is no id.
std::optional<RouteRef> parseRuleId(std::string_view id);

enum class TextMatch { kExact, kPrefix, kRegex };
struct PathMatch {
  TextMatch kind = TextMatch::kPrefix;
  std::string value = "/";
  bool operator==(const PathMatch&) const = default;
};
struct NamedMatch {  // a header or a query parameter
  TextMatch kind = TextMatch::kExact;
  std::string name, value;
  bool operator==(const NamedMatch&) const = default;
};

// One row of a listener's table; the first that fits a request decides.
struct Entry {
  std::string hostname;  // "" any, "*.example.com" any below it, else exact; lower case
  PathMatch path;
  std::string method;  // "" any
  std::vector<NamedMatch> headers, queries;
  std::string rule;  // Rule::id
  bool operator==(const Entry&) const = default;
};

struct Listener {
  std::string address;  // "127.64.3.7", "0.0.0.0", "::"
  std::uint16_t port = 0;
  Mode mode = Mode::kHttp;
  std::vector<Entry> entries;  // in order of precedence. No entry fits: 404. A kTcp listener has exactly one
  bool operator==(const Listener&) const = default;
};

struct ProxyState {
  std::vector<Listener> listeners;  // sorted by address and port
  std::vector<Rule> rules;          // sorted by id
  std::vector<Backend> backends;    // sorted by service
  bool operator==(const ProxyState&) const = default;
};

const Rule* findRule(const ProxyState& state, std::string_view id);
const Backend* findBackend(const ProxyState& state, const ServicePort& service);
const VersionServers* findVersion(const ProxyState& state, const Version& version);

// Shares of kWeightTotal for relative weights, by largest remainder, so that they sum exactly and a weight above 0
// keeps a share above 0 as long as there is room. All weights 0: all shares 0.
std::vector<int> toShares(const std::vector<std::int64_t>& weights);

}  // namespace towpath::proxy
