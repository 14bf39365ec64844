#include "proxy/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/hostname.h"
#include "proxy/contains.h"
#include "proxy/plan_routes.h"
#include "proxy/plan_services.h"

namespace towpath::proxy {
namespace {

class Planner {
 public:
  explicit Planner(const PlanInput& input) : input_(input), services_(planServices(input)) {}

  Plan run() {
    addGatewayListeners();
    for (const Value& object : input_.http_routes) attach(planRoute(object, services_, plan_.problems));
    for (const PlannedService& service : services_) addService(service);
    for (Drafted& listener : listeners_) {
      std::ranges::sort(listener.rows, {}, [](const Row& row) { return row.order(); });
      for (Row& row : listener.rows) listener.listener.entries.push_back(std::move(row.entry));
      plan_.state.listeners.push_back(std::move(listener.listener));
    }
    ProxyState& state = plan_.state;
    std::ranges::sort(state.listeners, {}, [](const Listener& l) { return std::pair(l.address, l.port); });
    std::ranges::sort(state.rules, {}, &Rule::id);
    std::ranges::sort(state.backends, {}, &Backend::service);
    return std::move(plan_);
  }

 private:
  struct Drafted {
    Listener listener;
    std::vector<Row> rows;
  };
  // A listener of a Gateway; several may share one socket.
  struct GatewayListener {
    std::string ns, gateway, section, hostname;
    std::uint16_t port = 0;
    bool all_namespaces = false;
  };

  Drafted& socket(const std::string& address, std::int64_t port, Mode mode) {
    const auto number = static_cast<std::uint16_t>(port);
    const auto at = std::ranges::find_if(
        listeners_, [&](const Drafted& d) { return d.listener.address == address && d.listener.port == number; });
    if (at != listeners_.end()) return *at;
    listeners_.push_back({Listener{.address = address, .port = number, .mode = mode}, {}});
    return listeners_.back();
  }

  void addGatewayListeners() {
    for (const Value& gateway : input_.gateways) {
      const Value& meta = gateway["metadata"];
      for (const Value& listener : gateway.at({"spec", "listeners"}).asArray()) {
        const std::string_view protocol = listener["protocol"].asStringView();
        if (protocol != "HTTP") {
          plan_.problems.push_back({"Gateway", meta["namespace"].asString(), meta["name"].asString(),
                                    fmt::format("listener {} has protocol {}; only HTTP is served",
                                                listener["name"].asStringView(), protocol),
                                    listener["name"].asString()});
          continue;
        }
        GatewayListener added{meta["namespace"].asString(), meta["name"].asString(), listener["name"].asString(),
                              lowerCase(listener["hostname"].asStringView())};
        added.port = static_cast<std::uint16_t>(listener["port"].asInt());
        added.all_namespaces = listener.at({"allowedRoutes", "namespaces", "from"}).asStringView() == "All";
        socket(input_.gateway_address, added.port, Mode::kHttp);
        gateway_listeners_.push_back(std::move(added));
      }
    }
  }

  void attach(PlannedRoute route) {
    bool used = false;
    for (const ParentRef& parent : route.parents) {
      if (parent.kind == "Service")
        used = attachToService(route, parent) || used;
      else
        used = attachToGateway(route, parent) || used;
    }
    if (!used) return;
    for (PlannedRule& rule : route.rules) plan_.state.rules.push_back(std::move(rule.rule));
  }

  bool attachToGateway(const PlannedRoute& route, const ParentRef& parent) {
    bool attached = false;
    for (const GatewayListener& listener : gateway_listeners_) {
      if (listener.ns != parent.ns || listener.gateway != parent.name) continue;
      if (!parent.section.empty() && parent.section != listener.section) continue;
      if (parent.port != 0 && parent.port != listener.port) continue;
      if (!listener.all_namespaces && route.ns != listener.ns) continue;
      const std::vector<std::string> hostnames = intersectHostnames(listener.hostname, route.hostnames);
      addRows(socket(input_.gateway_address, listener.port, Mode::kHttp), route, hostnames);
      attached = attached || !hostnames.empty();
    }
    if (!attached) {
      plan_.problems.push_back(
          {"HTTPRoute", route.ns, route.name,
           fmt::format("no HTTP listener of Gateway {}/{} on this node takes the route", parent.ns, parent.name), ""});
    }
    return attached;
  }

  bool attachToService(const PlannedRoute& route, const ParentRef& parent) {
    const PlannedService* service = findPlanned(services_, parent.ns, parent.name);
    if (!service || parent.ns != route.ns) return false;
    for (const PlannedPort& port : service->ports) {
      if (parent.port != 0 && parent.port != port.port) continue;
      if (port.backend.mode == Mode::kTcp) continue;
      routed_.push_back(port.id);
      for (Drafted* listener : socketsOf(*service, port))
        addRows(*listener, route, intersectHostnames("", route.hostnames));
    }
    return true;
  }

  void addRows(Drafted& listener, const PlannedRoute& route, const std::vector<std::string>& hostnames) {
    for (const std::string& hostname : hostnames) {
      for (const PlannedRule& rule : route.rules) {
        for (Row row : rule.rows) {
          row.entry.hostname = hostname;
          listener.rows.push_back(std::move(row));
        }
      }
    }
  }

  std::vector<Drafted*> socketsOf(const PlannedService& service, const PlannedPort& port) {
    // Both are made before a pointer is taken.
    const bool cluster = !service.address.empty();
    if (cluster) socket(service.address, port.port, port.backend.mode);
    if (port.node_port != 0) socket(input_.gateway_address, port.node_port, port.backend.mode);
    std::vector<Drafted*> sockets;
    if (cluster) sockets.push_back(&socket(service.address, port.port, port.backend.mode));
    if (port.node_port != 0) sockets.push_back(&socket(input_.gateway_address, port.node_port, port.backend.mode));
    return sockets;
  }

  void addService(const PlannedService& service) {
    for (const PlannedPort& port : service.ports) {
      plan_.state.backends.push_back(port.backend);
      if (contains(routed_, port.id)) continue;
      const std::vector<Drafted*> sockets = socketsOf(service, port);
      if (sockets.empty()) continue;
      Rule rule{.ref = {"Service", service.ns, service.name, port.index}, .generation = service.generation};
      rule.id = makeRuleId(rule.ref);
      rule.otherwise = Target::Kind::kUnavailable;
      rule.stickiness = service.stickiness;
      rule.targets = shared(targetsOf(port, 1));
      for (Drafted* listener : sockets) listener->rows.push_back({Entry{.rule = rule.id}, ""});
      plan_.state.rules.push_back(std::move(rule));
    }
  }

  const PlanInput& input_;
  std::vector<PlannedService> services_;
  std::vector<GatewayListener> gateway_listeners_;
  std::vector<Drafted> listeners_;
  std::vector<ServicePort> routed_;  // ports that a route has taken over
  Plan plan_;
};

}  // namespace

Plan makePlan(const PlanInput& input) { return Planner(input).run(); }

}  // namespace towpath::proxy
