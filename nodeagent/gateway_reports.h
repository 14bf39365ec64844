#pragma once
// What the proxy does for the Gateways of this node, as reports: each listener is served, or says why not.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/value.h"
#include "proxy/plan.h"
#include "proxy/proxy.h"
#include "wire/messages.h"

namespace towpath::nodeagent {

using GatewayReports = std::map<std::pair<std::string, std::string>, wire::GatewayReport>;

struct GatewayFacts {
  const std::vector<Value>& gateways;                  // that the plan was made of
  const std::vector<proxy::Problem>& problems;         // of the plan
  const std::vector<proxy::RefusedListener>& refused;  // by this machine
  const std::string& address;                          // where Gateway listeners are to listen
  const std::string& error;  // why the proxy did not take the plan at all; empty: it did, but for the refused
};

GatewayReports gatewayReports(const GatewayFacts& facts);

}  // namespace towpath::nodeagent
