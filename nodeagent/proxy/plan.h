#pragma once
// From the objects of the API that concern this node to what its proxy should do. Pure.
//
// A Service gets a listener on its clusterIP for each port (and on every address for a nodePort), a Gateway one for
// each of its listeners. HTTPRoutes attach to Gateways, or to a Service (then they replace the Service's plain rule).
// Precedence of matches is the Gateway API's: host name, path, method, headers, query parameters, age, name.
//
// Where a version's servers come from: for instances of this node from `local_pods`, which knows first and goes on
// knowing when the coordinator is away; for other nodes from EndpointSlices, one or more per Service and version. A
// slice's label `rollouts-pod-template-hash`, or the same key in an endpoint's deprecatedTopology, names the version.
//
// A Service's share of a rule is divided among its versions by their ready instances. What has none ready gets 503 for
// its share, what does not exist 500; with the annotation `towpath.dev/unready-backend: Redistribute` on the route the
// others take the share instead.

#include <map>
#include <string>
#include <vector>

#include "base/value.h"
#include "proxy/state.h"

namespace towpath::proxy {

struct LocalPort {
  std::string name;  // of the container port; may be empty
  std::int32_t container_port = 0;
  std::int32_t host_port = 0;  // where it really listens
};

// An instance of this node, as the supervisor knows it.
struct LocalPod {
  std::string ns, name, uid;
  std::map<std::string, std::string> labels;
  ServerState state = ServerState::kNotReady;
  std::string address = "127.0.0.1";
  std::vector<LocalPort> ports;
};

struct PlanInput {
  std::string node_name;
  std::string gateway_address = "0.0.0.0";  // where Gateway listeners and nodePorts listen
  std::vector<Value> services, endpoint_slices, gateways, http_routes;
  std::vector<LocalPod> local_pods;
};

// Something that an object asks for and the proxy does not do; for the object's conditions.
struct Problem {
  std::string kind, ns, name;
  std::string message;
  std::string listener;  // of a Gateway
  bool operator==(const Problem&) const = default;
};

struct Plan {
  ProxyState state;
  std::vector<Problem> problems;
};

Plan makePlan(const PlanInput& input);

}  // namespace towpath::proxy
