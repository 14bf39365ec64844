#pragma once
// Addresses of Services on this machine. The coordinator gives each Service one of 127.64.0.0/10; agents that share a
// machine (a demo, tests) each move that pool to a base of their own, so that their proxies do not meet.

#include <string>
#include <utility>
#include <vector>

#include "base/value.h"

namespace towpath::nodeagent {

// The address in the /16 of `base` with the last 16 bits of `cluster_ip`; `cluster_ip` itself if `base` is the pool's
// own beginning, or if it is of no pool of ours ("None", "", another network).
std::string rebasedAddress(const std::string& cluster_ip, const std::string& base);

// SHOP_SERVICE_HOST, SHOP_SERVICE_PORT and SHOP_SERVICE_PORT_HTTP of the Services of a namespace, as Kubernetes names
// them. The Services' addresses have been moved already.
std::vector<std::pair<std::string, std::string>> serviceEnvironment(const std::vector<Value>& services,
                                                                    std::string_view ns);

}  // namespace towpath::nodeagent
