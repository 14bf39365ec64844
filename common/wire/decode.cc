#include <fmt/format.h>

#include <climits>

#include "agent.pb.h"
#include "wire/messages.h"

namespace towpath::wire {

namespace {

// Parses the bytes as a Message and gives it to `read`, whose answer is ours.
template <class Message, class Read>
auto parse(std::string_view bytes, const char* what, Read read) -> Result<decltype(read(Message()))> {
  Message message;
  if (bytes.size() > INT_MAX || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(ErrorKind::kCorrupt, fmt::format("{} bytes are not a message of type {}", bytes.size(), what));
  }
  return read(message);
}

NodeInfo read(const pb::NodeInfo& from) {
  NodeInfo to;
  to.agent_version = from.agent_version();
  to.protocol = from.protocol();
  to.architecture = from.architecture();
  to.operating_system = from.operating_system();
  to.kernel = from.kernel();
  to.boot_id = from.boot_id();
  to.cpu_milli = from.cpu_milli();
  to.memory_bytes = from.memory_bytes();
  to.labels.insert(from.labels().begin(), from.labels().end());
  to.addresses.assign(from.addresses().begin(), from.addresses().end());
  to.runtimes.assign(from.runtimes().begin(), from.runtimes().end());
  to.port_range.assign(from.port_range().begin(), from.port_range().end());
  return to;
}

Welcome read(const pb::Welcome& from) {
  return {.protocol = from.protocol(),
          .heartbeat_seconds = from.heartbeat_seconds(),
          .lease_seconds = from.lease_seconds(),
          .coordinator_version = from.coordinator_version()};
}

Assignment read(const pb::Assignment& from) {
  Assignment to{.revision = from.revision(), .snapshot = from.snapshot(), .objects = {}, .more = from.more()};
  to.objects.reserve(static_cast<std::size_t>(from.objects_size()));
  for (const pb::ObjectState& object : from.objects()) {
    to.objects.push_back({.resource = object.resource(),
                          .ns = object.ns(),
                          .name = object.name(),
                          .deleted = object.deleted(),
                          .json = object.json(),
                          .hash = object.hash()});
  }
  return to;
}

Request read(const pb::Request& from) {
  Request to{.id = from.id()};
  if (from.has_log()) {
    const pb::LogRequest& log = from.log();
    to.kind = LogRequest{.ns = log.ns(),
                         .pod = log.pod(),
                         .container = log.container(),
                         .follow = log.follow(),
                         .previous = log.previous(),
                         .tail_lines = log.tail_lines(),
                         .since_unix_ms = log.since_unix_ms(),
                         .limit_bytes = log.limit_bytes(),
                         .timestamps = log.timestamps()};
  }
  if (from.has_cancel()) to.kind = CancelRequest{};
  return to;
}

RouteReport read(const pb::RouteReport& from) {
  RouteReport to{.ns = from.ns(), .name = from.name(), .generation = from.generation(), .error = from.error()};
  for (const pb::RouteWeight& weight : from.weights()) {
    to.weights.push_back({.service = weight.service(),
                          .pod_template_hash = weight.pod_template_hash(),
                          .share = weight.share(),
                          .ready_servers = weight.ready_servers()});
  }
  return to;
}

GatewayReport read(const pb::GatewayReport& from) {
  GatewayReport to{.ns = from.ns(),
                   .name = from.name(),
                   .uid = from.uid(),
                   .generation = from.generation(),
                   .address = from.address(),
                   .listeners = {},
                   .error = from.error()};
  for (const pb::ListenerReport& listener : from.listeners()) {
    to.listeners.push_back({.name = listener.name(), .error = listener.error()});
  }
  return to;
}

TrafficSample read(const pb::TrafficSample& from) {
  TrafficSample to{.window_start_unix_ms = from.window_start_unix_ms(),
                   .window_ms = from.window_ms(),
                   .ns = from.ns(),
                   .service = from.service(),
                   .pod_template_hash = from.pod_template_hash(),
                   .route = from.route(),
                   .requests = from.requests(),
                   .status_2xx = from.status_2xx(),
                   .status_3xx = from.status_3xx(),
                   .status_4xx = from.status_4xx(),
                   .status_5xx = from.status_5xx(),
                   .connection_errors = from.connection_errors(),
                   .latency_buckets = {from.latency_buckets().begin(), from.latency_buckets().end()},
                   .latency_sketch = from.latency_sketch()};
  for (const pb::InstanceTraffic& instance : from.instances()) {
    if (to.instances.size() == kInstancesMax) break;
    to.instances.push_back({.instance = instance.instance(),
                            .requests = instance.requests(),
                            .errors = instance.errors(),
                            .latency_sketch = instance.latency_sketch()});
  }
  return to;
}

NodeEvent read(const pb::NodeEvent& from) {
  return {.ns = from.ns(),
          .involved_kind = from.involved_kind(),
          .involved_name = from.involved_name(),
          .involved_uid = from.involved_uid(),
          .type = from.type(),
          .reason = from.reason(),
          .message = from.message(),
          .unix_ms = from.unix_ms()};
}

NodeCondition read(const pb::NodeCondition& from) {
  return {.disk_pressure = from.disk_pressure(),
          .memory_pressure = from.memory_pressure(),
          .proxy_ready = from.proxy_ready(),
          .message = from.message(),
          .agent_rss_bytes = from.agent_rss_bytes()};
}

}  // namespace

Result<EnrolRequest> decodeEnrolRequest(std::string_view bytes) {
  return parse<pb::EnrolRequest>(bytes, "EnrolRequest", [](const pb::EnrolRequest& from) {
    return EnrolRequest{.join_token = from.join_token(),
                        .node_name = from.node_name(),
                        .csr_pem = from.csr_pem(),
                        .node = read(from.node())};
  });
}

Result<EnrolReply> decodeEnrolReply(std::string_view bytes) {
  return parse<pb::EnrolReply>(bytes, "EnrolReply", [](const pb::EnrolReply& from) {
    return EnrolReply{.certificate_pem = from.certificate_pem(), .ca_pem = from.ca_pem(), .node_uid = from.node_uid()};
  });
}

Result<RenewRequest> decodeRenewRequest(std::string_view bytes) {
  return parse<pb::RenewRequest>(bytes, "RenewRequest",
                                 [](const pb::RenewRequest& from) { return RenewRequest{.csr_pem = from.csr_pem()}; });
}

Result<RenewReply> decodeRenewReply(std::string_view bytes) {
  return parse<pb::RenewReply>(bytes, "RenewReply", [](const pb::RenewReply& from) {
    return RenewReply{.certificate_pem = from.certificate_pem(), .ca_pem = from.ca_pem()};
  });
}

Result<Hello> decodeHello(std::string_view bytes) {
  return parse<pb::Hello>(bytes, "Hello", [](const pb::Hello& from) {
    Hello to{.node = read(from.node()),
             .assignment_revision = from.assignment_revision(),
             .session_nonce = from.session_nonce(),
             .node_name = from.node_name()};
    for (const pb::HeldObject& held : from.holds()) {
      to.holds.push_back({.resource = held.resource(), .ns = held.ns(), .name = held.name(), .hash = held.hash()});
    }
    return to;
  });
}

Result<Down> decodeDown(std::string_view bytes) {
  return parse<pb::Down>(bytes, "Down", [](const pb::Down& from) -> Down {
    switch (from.kind_case()) {
      case pb::Down::kWelcome:
        return read(from.welcome());
      case pb::Down::kAssignment:
        return read(from.assignment());
      case pb::Down::kRequest:
        return read(from.request());
      case pb::Down::kPing:
        return Ping{};
      case pb::Down::KIND_NOT_SET:
        break;
    }
    return std::monostate{};
  });
}

Result<Report> decodeReport(std::string_view bytes) {
  return parse<pb::Report>(bytes, "Report", [](const pb::Report& from) {
    Report to{.session_nonce = from.session_nonce(),
              .sequence = from.sequence(),
              .applied_revision = from.applied_revision()};
    for (const pb::PodReport& pod : from.pods()) {
      to.pods.push_back(
          {.ns = pod.ns(), .name = pod.name(), .uid = pod.uid(), .status_json = pod.status_json(), .gone = pod.gone()});
    }
    for (const pb::RouteReport& route : from.routes()) to.routes.push_back(read(route));
    for (const pb::TrafficSample& sample : from.samples()) to.samples.push_back(read(sample));
    for (const pb::NodeEvent& event : from.events()) to.events.push_back(read(event));
    for (const pb::GatewayReport& gateway : from.gateways()) to.gateways.push_back(read(gateway));
    if (from.has_condition()) to.condition = read(from.condition());
    return to;
  });
}

Result<ReportReply> decodeReportReply(std::string_view bytes) {
  return parse<pb::ReportReply>(bytes, "ReportReply", [](const pb::ReportReply& from) {
    return ReportReply{.sequence = from.sequence(), .lease_seconds = from.lease_seconds()};
  });
}

}  // namespace towpath::wire
