#include "metrics_page.h"

#include "counters_text.h"
#include "traffic_page.h"

namespace towpath::coordinator {

std::string metricsPage(const store::StoreStats& store, const http::ServerStats& server,
                        const agents::AgentsStats& agents) {
  using Type = CountersText::Type;
  CountersText page;
  page.add("store_revision", Type::kCounter, "Changes made so far.", store.revision);
  page.add("store_objects", Type::kGauge, "Objects that live.", store.objects);
  page.add("store_live_bytes", Type::kGauge, "Size of their texts.", store.live_bytes);
  page.add("store_history_bytes", Type::kGauge, "Texts that only the history keeps.", store.history_bytes);
  page.add("store_queued_transactions", Type::kGauge, "Transactions that wait for the disk.", store.queued);
  page.add("store_watchers", Type::kGauge, "Watches that are open.", store.watchers);
  page.add("store_disk_bytes", Type::kGauge, "Size of the database files.", store.disk_bytes);
  page.add("http_connections", Type::kGauge, "Connections that are open.", server.open_connections);
  page.add("http_requests_total", Type::kCounter, "Requests served.", server.requests);
  page.add("http_bad_requests_total", Type::kCounter, "Requests refused by the parser or a limit.",
           server.bad_requests);
  page.add("http_timeouts_total", Type::kCounter, "Connections ended for being slow.", server.timeouts);
  page.add("http_cut_off_total", Type::kCounter, "Watchers that were too slow.", server.cut_off);
  page.add("tls_failures_total", Type::kCounter, "Handshakes that failed.", server.tls_failures);
  page.add("tls_full_handshakes_total", Type::kCounter, "Full handshakes.", server.tls_full);
  page.add("tls_resumed_handshakes_total", Type::kCounter, "Handshakes resumed by a ticket.", server.tls_resumed);
  page.add("agent_sessions", Type::kGauge, "Agents that are connected.", agents.sessions);
  page.add("agents_enrolled_total", Type::kCounter, "Nodes that joined.", agents.enrolled);
  page.add("agent_certificates_renewed_total", Type::kCounter, "Certificates renewed.", agents.renewed);
  page.add("agent_requests_refused_total", Type::kCounter, "Requests without a certificate of a node that exists.",
           agents.refused);
  page.add("agent_reports_total", Type::kCounter, "Reports kept.", agents.reports.accepted);
  page.add("agent_reports_repeated_total", Type::kCounter, "Reports that had been kept before.",
           agents.reports.repeated);
  page.add("agent_reports_refused_total", Type::kCounter, "Reports over a limit.", agents.reports.refused);
  page.add("agent_report_parts_foreign_total", Type::kCounter, "Parts about what is not the node's.",
           agents.reports.foreign_parts);
  return std::move(page).take();
}

loop::Task<void> serveMetrics(const apiserver::Authenticator& users, store::Store& store,
                              const store::SampleStore& samples, const http::Server& server,
                              const agents::Agents& agents, http::Request& request, http::ResponseWriter& response) {
  const tls::Identity* certificate = request.peer.certificate ? &*request.peer.certificate : nullptr;
  if (!users.authenticate(request.headers.get("Authorization"), certificate)) {
    co_await response.send(401, {}, "a token or a client certificate is needed\n");
    co_return;
  }
  std::string page = metricsPage(store.stats(), server.stats(), agents.stats()) + trafficMetrics(samples.series());
  co_await response.send(200, {{"Content-Type", "text/plain; version=0.0.4"}}, std::move(page));
}

}  // namespace towpath::coordinator
