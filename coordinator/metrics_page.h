#pragma once
// The coordinator's own counters and the traffic of all nodes, in the text format of Prometheus.

#include <string>

#include "agents/agents.h"
#include "apiserver/auth.h"
#include "http/server.h"
#include "store/samples.h"
#include "store/store.h"

namespace towpath::coordinator {

std::string metricsPage(const store::StoreStats& store, const http::ServerStats& server,
                        const agents::AgentsStats& agents);

// Answers GET /metrics, for anybody who has a token or certificate of ours.
loop::Task<void> serveMetrics(const apiserver::Authenticator& users, store::Store& store,
                              const store::SampleStore& samples, const http::Server& server,
                              const agents::Agents& agents, http::Request& request, http::ResponseWriter& response);

}  // namespace towpath::coordinator
