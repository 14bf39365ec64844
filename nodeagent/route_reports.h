#pragma once
// What the proxy does, as reports of routes: one for each HTTPRoute, its rules taken together.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proxy/proxy.h"
#include "wire/messages.h"

namespace towpath::nodeagent {

using RouteReports = std::map<std::pair<std::string, std::string>, wire::RouteReport>;

// A version's share of a route is the mean over the rules that name its service. The generation is the oldest of its
// rules'.
RouteReports routeReports(const proxy::Observed& observed, const std::string& error);

}  // namespace towpath::nodeagent
