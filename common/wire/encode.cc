#include "agent.pb.h"
#include "wire/messages.h"
#include "wire/text.h"

namespace towpath::wire {

namespace {

std::string bytesOf(const google::protobuf::MessageLite& message) {
  std::string out;
  message.SerializeToString(&out);
  return out;
}

void fill(pb::NodeInfo& to, const NodeInfo& from) {
  to.set_agent_version(from.agent_version);
  to.set_protocol(from.protocol);
  to.set_architecture(from.architecture);
  to.set_operating_system(validUtf8(from.operating_system));
  to.set_kernel(validUtf8(from.kernel));
  to.set_boot_id(from.boot_id);
  to.set_cpu_milli(from.cpu_milli);
  to.set_memory_bytes(from.memory_bytes);
  for (const auto& [key, value] : from.labels) (*to.mutable_labels())[validUtf8(key)] = validUtf8(value);
  for (const std::string& address : from.addresses) to.add_addresses(validUtf8(address));
  for (const std::string& runtime : from.runtimes) to.add_runtimes(runtime);
  for (std::int32_t port : from.port_range) to.add_port_range(port);
}

void fill(pb::Assignment& to, const Assignment& from) {
  to.set_revision(from.revision);
  to.set_snapshot(from.snapshot);
  to.set_more(from.more);
  for (const ObjectState& object : from.objects) {
    pb::ObjectState& state = *to.add_objects();
    state.set_resource(object.resource);
    state.set_ns(object.ns);
    state.set_name(object.name);
    state.set_deleted(object.deleted);
    state.set_json(object.json);
    state.set_hash(object.hash);
  }
}

void fill(pb::LogRequest& to, const LogRequest& from) {
  to.set_ns(from.ns);
  to.set_pod(from.pod);
  to.set_container(validUtf8(from.container));
  to.set_follow(from.follow);
  to.set_previous(from.previous);
  to.set_tail_lines(from.tail_lines);
  to.set_since_unix_ms(from.since_unix_ms);
  to.set_limit_bytes(from.limit_bytes);
  to.set_timestamps(from.timestamps);
}

void fill(pb::Request& to, const Request& from) {
  to.set_id(from.id);
  if (const auto* log = std::get_if<LogRequest>(&from.kind)) fill(*to.mutable_log(), *log);
  if (std::holds_alternative<CancelRequest>(from.kind)) to.mutable_cancel();
}

void fill(pb::Welcome& to, const Welcome& from) {
  to.set_protocol(from.protocol);
  to.set_heartbeat_seconds(from.heartbeat_seconds);
  to.set_lease_seconds(from.lease_seconds);
  to.set_coordinator_version(from.coordinator_version);
}

void fill(pb::PodReport& to, const PodReport& from) {
  to.set_ns(from.ns);
  to.set_name(from.name);
  to.set_uid(from.uid);
  to.set_status_json(from.status_json);
  to.set_gone(from.gone);
}

void fill(pb::RouteReport& to, const RouteReport& from) {
  to.set_ns(from.ns);
  to.set_name(from.name);
  to.set_generation(from.generation);
  to.set_error(validUtf8(from.error));
  for (const RouteWeight& weight : from.weights) {
    pb::RouteWeight& out = *to.add_weights();
    out.set_service(weight.service);
    out.set_pod_template_hash(weight.pod_template_hash);
    out.set_share(weight.share);
    out.set_ready_servers(weight.ready_servers);
  }
}

void fill(pb::GatewayReport& to, const GatewayReport& from) {
  to.set_ns(from.ns);
  to.set_name(from.name);
  to.set_uid(from.uid);
  to.set_generation(from.generation);
  to.set_address(from.address);
  to.set_error(validUtf8(from.error));
  for (const ListenerReport& listener : from.listeners) {
    pb::ListenerReport& out = *to.add_listeners();
    out.set_name(validUtf8(listener.name));
    out.set_error(validUtf8(listener.error));
  }
}

void fill(pb::TrafficSample& to, const TrafficSample& from) {
  to.set_window_start_unix_ms(from.window_start_unix_ms);
  to.set_window_ms(from.window_ms);
  to.set_ns(from.ns);
  to.set_service(from.service);
  to.set_pod_template_hash(from.pod_template_hash);
  to.set_route(from.route);
  to.set_requests(from.requests);
  to.set_status_2xx(from.status_2xx);
  to.set_status_3xx(from.status_3xx);
  to.set_status_4xx(from.status_4xx);
  to.set_status_5xx(from.status_5xx);
  to.set_connection_errors(from.connection_errors);
  for (std::uint64_t count : from.latency_buckets) to.add_latency_buckets(count);
  to.set_latency_sketch(from.latency_sketch);
  for (const InstanceTraffic& instance : from.instances) {
    pb::InstanceTraffic& out = *to.add_instances();
    out.set_instance(validUtf8(instance.instance));
    out.set_requests(instance.requests);
    out.set_errors(instance.errors);
    out.set_latency_sketch(instance.latency_sketch);
  }
}

void fill(pb::NodeCondition& to, const NodeCondition& from) {
  to.set_disk_pressure(from.disk_pressure);
  to.set_memory_pressure(from.memory_pressure);
  to.set_proxy_ready(from.proxy_ready);
  to.set_message(validUtf8(from.message));
  to.set_agent_rss_bytes(from.agent_rss_bytes);
}

void fill(pb::NodeEvent& to, const NodeEvent& from) {
  to.set_ns(from.ns);
  to.set_involved_kind(from.involved_kind);
  to.set_involved_name(from.involved_name);
  to.set_involved_uid(from.involved_uid);
  to.set_type(from.type);
  to.set_reason(from.reason);
  to.set_message(validUtf8(from.message));
  to.set_unix_ms(from.unix_ms);
}

}  // namespace

std::string encode(const EnrolRequest& message) {
  pb::EnrolRequest out;
  out.set_join_token(validUtf8(message.join_token));
  out.set_node_name(validUtf8(message.node_name));
  out.set_csr_pem(message.csr_pem);
  fill(*out.mutable_node(), message.node);
  return bytesOf(out);
}

std::string encode(const EnrolReply& message) {
  pb::EnrolReply out;
  out.set_certificate_pem(message.certificate_pem);
  out.set_ca_pem(message.ca_pem);
  out.set_node_uid(message.node_uid);
  return bytesOf(out);
}

std::string encode(const RenewRequest& message) {
  pb::RenewRequest out;
  out.set_csr_pem(message.csr_pem);
  return bytesOf(out);
}

std::string encode(const RenewReply& message) {
  pb::RenewReply out;
  out.set_certificate_pem(message.certificate_pem);
  out.set_ca_pem(message.ca_pem);
  return bytesOf(out);
}

std::string encode(const Hello& message) {
  pb::Hello out;
  fill(*out.mutable_node(), message.node);
  out.set_assignment_revision(message.assignment_revision);
  out.set_session_nonce(message.session_nonce);
  out.set_node_name(validUtf8(message.node_name));
  for (const HeldObject& held : message.holds) {
    pb::HeldObject& to = *out.add_holds();
    to.set_resource(held.resource);
    to.set_ns(held.ns);
    to.set_name(held.name);
    to.set_hash(held.hash);
  }
  return bytesOf(out);
}

std::string encode(const Down& message) {
  pb::Down out;
  if (const auto* welcome = std::get_if<Welcome>(&message)) fill(*out.mutable_welcome(), *welcome);
  if (const auto* assignment = std::get_if<Assignment>(&message)) fill(*out.mutable_assignment(), *assignment);
  if (const auto* request = std::get_if<Request>(&message)) fill(*out.mutable_request(), *request);
  if (std::holds_alternative<Ping>(message)) out.mutable_ping();
  return bytesOf(out);
}

std::string encode(const Report& message) {
  pb::Report out;
  out.set_session_nonce(message.session_nonce);
  out.set_sequence(message.sequence);
  out.set_applied_revision(message.applied_revision);
  for (const PodReport& pod : message.pods) fill(*out.add_pods(), pod);
  for (const RouteReport& route : message.routes) fill(*out.add_routes(), route);
  for (const TrafficSample& sample : message.samples) fill(*out.add_samples(), sample);
  for (const NodeEvent& event : message.events) fill(*out.add_events(), event);
  for (const GatewayReport& gateway : message.gateways) fill(*out.add_gateways(), gateway);
  if (message.condition) fill(*out.mutable_condition(), *message.condition);
  return bytesOf(out);
}

std::string encode(const ReportReply& message) {
  pb::ReportReply out;
  out.set_sequence(message.sequence);
  out.set_lease_seconds(message.lease_seconds);
  return bytesOf(out);
}

}  // namespace towpath::wire
