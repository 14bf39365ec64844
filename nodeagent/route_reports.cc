#include "route_reports.h"

#include <algorithm>
#include <set>

namespace towpath::nodeagent {

namespace {

struct Sum {
  double share = 0;
  int ready_servers = 0;
};

struct Route {
  std::int64_t generation = 0;
  std::map<std::pair<std::string, std::string>, Sum> versions;  // by service and hash
  std::map<std::string, int> rules_of_service;
};

void add(Route& route, const proxy::ObservedRule& rule) {
  std::set<std::string> services;
  for (const proxy::VersionShare& share : rule.versions) {
    const std::string& service = share.version.service.service;
    Sum& sum = route.versions[{service, share.version.hash}];
    sum.share += share.share;
    sum.ready_servers = std::max(sum.ready_servers, share.ready_servers);
    services.insert(service);
  }
  for (const std::string& service : services) ++route.rules_of_service[service];
}

}  // namespace

RouteReports routeReports(const proxy::Observed& observed, const std::string& error) {
  std::map<std::pair<std::string, std::string>, Route> routes;
  for (const proxy::ObservedRule& rule : observed.rules) {
    if (rule.ref.kind != "HTTPRoute") continue;
    auto [found, added] = routes.try_emplace({rule.ref.ns, rule.ref.name});
    Route& route = found->second;
    route.generation = added ? rule.generation : std::min(route.generation, rule.generation);
    add(route, rule);
  }
  RouteReports reports;
  for (const auto& [name, route] : routes) {
    wire::RouteReport& report = reports[name];
    report = {.ns = name.first, .name = name.second, .generation = route.generation, .error = error};
    for (const auto& [version, sum] : route.versions) {
      report.weights.push_back({.service = version.first,
                                .pod_template_hash = version.second,
                                .share = sum.share / route.rules_of_service.at(version.first),
                                .ready_servers = sum.ready_servers});
    }
  }
  return reports;
}

}  // namespace towpath::nodeagent
