#pragma once
// What the nodes' proxies counted, for other programs: in the text format of Prometheus as a part of /metrics, and as
// JSON under /towpath/v1/traffic (docs/analysis.md).

#include <string>
#include <vector>

#include "apiserver/auth.h"
#include "http/server.h"
#include "store/samples.h"

namespace towpath::coordinator {

// More series than this are left out of a page, and their number is told.
inline constexpr std::size_t kTrafficSeriesMax = 2000;

std::string trafficMetrics(const std::vector<store::SampleSeries>& series);
// {"seconds": 60, "items": [{namespace, service, version, route, requests, …}]} of the last minute; `ns` empty: all.
Value trafficItems(const std::vector<store::SampleSeries>& series, std::string_view ns);

// Answers GET /towpath/v1/traffic[?namespace=NS], for anybody who has a token or certificate of ours.
loop::Task<void> serveTraffic(const apiserver::Authenticator& users, const store::SampleStore& samples,
                              http::Request& request, http::ResponseWriter& response);

}  // namespace towpath::coordinator
