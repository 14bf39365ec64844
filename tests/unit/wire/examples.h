#pragma once
// One of each message of the agent protocol, with every field set: what the recorded bytes of version 1 hold.

#include "wire/messages.h"

namespace towpath::wire::examples {

inline NodeInfo nodeInfo() {
  return {.agent_version = "0.1.0",
          .protocol = 1,
          .architecture = "x86_64",
          .operating_system = "Debian GNU/Linux 12 (bookworm)",
          .kernel = "6.1.0-18-amd64",
          .boot_id = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
          .cpu_milli = 4000,
          .memory_bytes = 8'589'934'592,
          .labels = {{"towpath.dev/wave", "1"}},
          .addresses = {"192.0.2.7", "2001:db8::7"},
          .runtimes = {"process"},
          .port_range = {20000, 29999}};
}

inline EnrolRequest enrolRequest() {
  return {.join_token = "twp1.id.secret.hash", .node_name = "shop-1", .csr_pem = "request", .node = nodeInfo()};
}
inline EnrolReply enrolReply() { return {.certificate_pem = "certificate", .ca_pem = "ca", .node_uid = "uid-1"}; }
inline RenewRequest renewRequest() { return {.csr_pem = "request"}; }
inline RenewReply renewReply() { return {.certificate_pem = "certificate", .ca_pem = "ca"}; }

inline Hello hello() {
  return {.node = nodeInfo(),
          .assignment_revision = 42,
          .session_nonce = "nonce",
          .node_name = "shop-1",
          .holds = {{.resource = "pods", .ns = "default", .name = "web-1", .hash = 0xfedcba9876543210}}};
}

inline Down welcome() {
  return Welcome{.protocol = 1, .heartbeat_seconds = 10, .lease_seconds = 40, .coordinator_version = "0.1.0"};
}
inline Down assignment() {
  return Assignment{
      .revision = 43,
      .snapshot = true,
      .objects = {{.resource = "pods", .ns = "default", .name = "web-1", .json = R"({"kind":"Pod"})", .hash = 7},
                  {.resource = "secrets", .ns = "default", .name = "old", .deleted = true}},
      .more = true};
}
inline Down logRequest() {
  return Request{.id = "1-abc",
                 .kind = LogRequest{.ns = "default",
                                    .pod = "web-1",
                                    .container = "web",
                                    .follow = true,
                                    .previous = true,
                                    .tail_lines = 100,
                                    .since_unix_ms = 1'700'000'000'000,
                                    .limit_bytes = 1000,
                                    .timestamps = true}};
}
inline Down cancelRequest() { return Request{.id = "1-abc", .kind = CancelRequest{}}; }
inline Down ping() { return Ping{}; }

inline Report report() {
  return {
      .session_nonce = "nonce",
      .sequence = 9,
      .applied_revision = 43,
      .pods =
          {{.ns = "default", .name = "web-1", .uid = "uid-2", .status_json = R"({"phase":"Running"})", .gone = true}},
      .routes =
          {{.ns = "default",
            .name = "shop",
            .generation = 3,
            .weights = {{.service = "shop-canary", .pod_template_hash = "6d4f", .share = 0.2, .ready_servers = 2}},
            .error = "none"}},
      .samples = {{.window_start_unix_ms = 1'700'000'000'000,
                   .window_ms = 5000,
                   .ns = "default",
                   .service = "shop-canary",
                   .pod_template_hash = "6d4f",
                   .route = "shop",
                   .requests = 100,
                   .status_2xx = 90,
                   .status_3xx = 4,
                   .status_4xx = 3,
                   .status_5xx = 2,
                   .connection_errors = 1,
                   .latency_buckets = {1, 2, 300}}},
      .condition = NodeCondition{.disk_pressure = true,
                                 .memory_pressure = true,
                                 .proxy_ready = true,
                                 .message = "all well",
                                 .agent_rss_bytes = 6'000'000},
      .events = {{.ns = "default",
                  .involved_kind = "Pod",
                  .involved_name = "web-1",
                  .involved_uid = "uid-2",
                  .type = "Warning",
                  .reason = "BackOff",
                  .message = "restarting",
                  .unix_ms = 1'700'000'000'123}}};
}
inline ReportReply reportReply() { return {.sequence = 9, .lease_seconds = 40}; }

}  // namespace towpath::wire::examples
