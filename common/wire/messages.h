#pragma once
// The messages of the agent protocol (agent.proto, docs/protocol.md) as plain structs: nothing of protobuf is seen
// outside this folder. encode() never fails; decode…() answers kCorrupt for bytes that are not the message. What this
// version does not know is left out.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace towpath::wire {

// The newest protocol version that this build speaks, and the oldest that it still accepts.
inline constexpr std::uint32_t kProtocol = 1;
inline constexpr std::uint32_t kProtocolOldest = 1;

// Upper bounds (inclusive) of TrafficSample::latency_buckets in milliseconds; one more bucket counts what is slower.
// Part of the protocol: never change one, a new list needs a new protocol version.
inline constexpr std::uint32_t kLatencyBoundsMs[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};

// Instances told apart in one TrafficSample.
inline constexpr std::size_t kInstancesMax = 32;

struct NodeInfo {
  std::string agent_version;
  std::uint32_t protocol = kProtocol;
  std::string architecture;
  std::string operating_system;
  std::string kernel;
  std::string boot_id;
  std::int64_t cpu_milli = 0;
  std::int64_t memory_bytes = 0;
  std::map<std::string, std::string> labels;
  std::vector<std::string> addresses;  // the first is the one for endpoints
  std::vector<std::string> runtimes;
  std::vector<std::int32_t> port_range;  // two numbers
  bool operator==(const NodeInfo&) const = default;
};

struct EnrolRequest {
  std::string join_token;
  std::string node_name;
  std::string csr_pem;
  NodeInfo node;
  bool operator==(const EnrolRequest&) const = default;
};

struct EnrolReply {
  std::string certificate_pem;
  std::string ca_pem;
  std::string node_uid;
  bool operator==(const EnrolReply&) const = default;
};

struct RenewRequest {
  std::string csr_pem;
  bool operator==(const RenewRequest&) const = default;
};

struct RenewReply {
  std::string certificate_pem;
  std::string ca_pem;
  bool operator==(const RenewReply&) const = default;
};

// An object that the agent has, as its Hello tells it.
struct HeldObject {
  std::string resource;
  std::string ns;
  std::string name;
  std::uint64_t hash = 0;
  bool operator==(const HeldObject&) const = default;
};

struct Hello {
  NodeInfo node;
  std::uint64_t assignment_revision = 0;  // the newest applied; 0: none
  std::string session_nonce;
  std::string node_name;
  std::vector<HeldObject> holds;
  bool operator==(const Hello&) const = default;
};

struct Welcome {
  std::uint32_t protocol = kProtocol;
  std::uint32_t heartbeat_seconds = 0;
  std::uint32_t lease_seconds = 0;
  std::string coordinator_version;
  bool operator==(const Welcome&) const = default;
};

struct Ping {
  bool operator==(const Ping&) const = default;
};

struct ObjectState {
  std::string resource;  // storage name: "pods", "httproutes.gateway.networking.k8s.io"
  std::string ns;
  std::string name;
  bool deleted = false;
  std::string json;
  std::uint64_t hash = 0;
  bool operator==(const ObjectState&) const = default;
};

struct Assignment {
  std::uint64_t revision = 0;
  bool snapshot = false;
  std::vector<ObjectState> objects;
  bool more = false;  // the rest follows in the next message: act on all of it together
  bool operator==(const Assignment&) const = default;
};

struct LogRequest {
  std::string ns;
  std::string pod;
  std::string container;
  bool follow = false;
  bool previous = false;
  std::int64_t tail_lines = -1;
  std::int64_t since_unix_ms = 0;
  std::int64_t limit_bytes = 0;
  bool timestamps = false;
  bool operator==(const LogRequest&) const = default;
};

struct CancelRequest {
  bool operator==(const CancelRequest&) const = default;
};

// monostate: a kind of request that this version does not know; it is answered 501.
struct Request {
  std::string id;
  std::variant<std::monostate, LogRequest, CancelRequest> kind;
  bool operator==(const Request&) const = default;
};

// monostate: a kind that this version does not know; it is skipped.
using Down = std::variant<std::monostate, Welcome, Assignment, Request, Ping>;

struct PodReport {
  std::string ns;
  std::string name;
  std::string uid;
  std::string status_json;
  bool gone = false;
  bool operator==(const PodReport&) const = default;
};

struct RouteWeight {
  std::string service;
  std::string pod_template_hash;
  double share = 0;
  std::int32_t ready_servers = 0;
  bool operator==(const RouteWeight&) const = default;
};

struct RouteReport {
  std::string ns;
  std::string name;
  std::int64_t generation = 0;  // -1: this node does not serve the route (any more)
  std::vector<RouteWeight> weights;
  std::string error;
  bool operator==(const RouteReport&) const = default;
};

struct ListenerReport {
  std::string name;
  std::string error;  // empty: it listens
  bool operator==(const ListenerReport&) const = default;
};

struct GatewayReport {
  std::string ns;
  std::string name;
  std::string uid;
  std::int64_t generation = 0;  // -1: this node does not serve the Gateway (any more)
  std::string address;          // where it listens; empty: on every address of the node
  std::vector<ListenerReport> listeners;
  std::string error;  // why none of it is live
  bool operator==(const GatewayReport&) const = default;
};

struct InstanceTraffic {
  std::string instance;  // the pod's name
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;  // 5xx of its own
  // Of its answers below 500, as the sample's. Empty: unknown, or the sample's own if it alone answered: latencyOf().
  std::string latency_sketch = {};
  bool operator==(const InstanceTraffic&) const = default;
};

struct TrafficSample {
  std::int64_t window_start_unix_ms = 0;
  std::int32_t window_ms = 0;
  std::string ns;
  std::string service;
  std::string pod_template_hash;
  std::string route;
  std::uint64_t requests = 0;
  std::uint64_t status_2xx = 0;
  std::uint64_t status_3xx = 0;
  std::uint64_t status_4xx = 0;
  std::uint64_t status_5xx = 0;
  std::uint64_t connection_errors = 0;
  std::vector<std::uint64_t> latency_buckets;  // counts, by kLatencyBoundsMs
  std::string latency_sketch;                  // the same in bins of 1 %, sketch::Sketch::encode; empty: unknown
  // Who answered, those with most errors first; empty: unknown. At most kInstancesMax.
  std::vector<InstanceTraffic> instances = {};
  bool operator==(const TrafficSample&) const = default;
};

// The sketch of one of the sample's instances; empty: unknown.
inline const std::string& latencyOf(const TrafficSample& sample, const InstanceTraffic& instance) {
  const bool alone = sample.instances.size() == 1 && instance.requests == sample.requests;
  return alone && instance.latency_sketch.empty() ? sample.latency_sketch : instance.latency_sketch;
}

struct NodeCondition {
  bool disk_pressure = false;
  bool memory_pressure = false;
  bool proxy_ready = false;
  std::string message;
  std::int64_t agent_rss_bytes = 0;
  bool operator==(const NodeCondition&) const = default;
};

struct NodeEvent {
  std::string ns;
  std::string involved_kind;
  std::string involved_name;
  std::string involved_uid;
  std::string type;  // "Normal" or "Warning"
  std::string reason;
  std::string message;
  std::int64_t unix_ms = 0;
  bool operator==(const NodeEvent&) const = default;
};

struct Report {
  std::string session_nonce;
  std::uint64_t sequence = 0;
  std::uint64_t applied_revision = 0;
  std::vector<PodReport> pods;
  std::vector<RouteReport> routes;
  std::vector<TrafficSample> samples;
  std::optional<NodeCondition> condition;
  std::vector<NodeEvent> events;
  std::vector<GatewayReport> gateways = {};
  bool operator==(const Report&) const = default;
};

struct ReportReply {
  std::uint64_t sequence = 0;
  std::uint32_t lease_seconds = 0;
  bool operator==(const ReportReply&) const = default;
};

std::string encode(const EnrolRequest& message);
std::string encode(const EnrolReply& message);
std::string encode(const RenewRequest& message);
std::string encode(const RenewReply& message);
std::string encode(const Hello& message);
std::string encode(const Down& message);
std::string encode(const Report& message);
std::string encode(const ReportReply& message);

Result<EnrolRequest> decodeEnrolRequest(std::string_view bytes);
Result<EnrolReply> decodeEnrolReply(std::string_view bytes);
Result<RenewRequest> decodeRenewRequest(std::string_view bytes);
Result<RenewReply> decodeRenewReply(std::string_view bytes);
Result<Hello> decodeHello(std::string_view bytes);
Result<Down> decodeDown(std::string_view bytes);
Result<Report> decodeReport(std::string_view bytes);
Result<ReportReply> decodeReportReply(std::string_view bytes);

}  // namespace towpath::wire
