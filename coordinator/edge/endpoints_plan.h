#pragma once
// Which EndpointSlices a Service has. Pure. Instances listen on ports of their own, so that endpoints are grouped by
// the version and the ports that they have: pods with the same share slices of at most 100 endpoints. The version's
// hash is a label of the slice, from which the proxies of other nodes know it.

#include <string>
#include <vector>

#include "base/value.h"
#include "edge/facts.h"

namespace towpath::edge {

inline constexpr const char* kServiceNameLabel = "kubernetes.io/service-name";
inline constexpr const char* kManagedByLabel = "endpointslice.kubernetes.io/managed-by";
inline constexpr const char* kManagedBy = "endpointslice-controller.towpath.dev";
inline constexpr const char* kPodTemplateHashLabel = "rollouts-pod-template-hash";
inline constexpr std::size_t kEndpointsPerSlice = 100;

// The objects in full, without what the server adds; names follow from the Service, the ports and a count, so that the
// same world gives the same names. Empty for a Service without a selector: its slices are someone else's.
std::vector<Value> endpointSlices(const Value& service, const std::vector<const PodFacts*>& pods);

bool selectsPods(const Value& service);
// spec.selector against labels; false without a selector.
bool selectsPod(const Value& service, const cluster::Labels& labels);

}  // namespace towpath::edge
