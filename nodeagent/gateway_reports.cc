#include "gateway_reports.h"

#include "cluster/object.h"

namespace towpath::nodeagent {

namespace {

bool isAnyAddress(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

wire::ListenerReport listenerReport(const GatewayFacts& facts, const wire::GatewayReport& gateway,
                                    const Value& listener) {
  wire::ListenerReport report{.name = listener["name"].asString()};
  for (const proxy::Problem& problem : facts.problems) {
    if (problem.kind == "Gateway" && problem.ns == gateway.ns && problem.name == gateway.name &&
        problem.listener == report.name)
      report.error = problem.message;
  }
  for (const proxy::RefusedListener& refused : facts.refused) {
    // The same port of a Service's address is another socket.
    if (refused.address == facts.address && refused.port == listener["port"].asInt()) report.error = refused.reason;
  }
  return report;
}

}  // namespace

GatewayReports gatewayReports(const GatewayFacts& facts) {
  GatewayReports reports;
  for (const Value& object : facts.gateways) {
    wire::GatewayReport report{.ns = std::string(cluster::namespaceOf(object)),
                               .name = std::string(cluster::nameOf(object)),
                               .uid = std::string(cluster::uidOf(object)),
                               .generation = object.at({"metadata", "generation"}).asInt(),
                               .address = isAnyAddress(facts.address) ? "" : facts.address,
                               .listeners = {},
                               .error = facts.error};
    for (const Value& listener : object.at({"spec", "listeners"}).asArray()) {
      report.listeners.push_back(listenerReport(facts, report, listener));
    }
    std::pair<std::string, std::string> name{report.ns, report.name};
    reports[std::move(name)] = std::move(report);
  }
  return reports;
}

}  // namespace towpath::nodeagent
