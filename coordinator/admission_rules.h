#pragma once
// The rules that writes through the API must pass beyond their schemas: Services get their addresses, Rollouts and
// analysis templates must make sense. Added to the registry once, at the start.

#include "apiserver/registry.h"
#include "edge/addresses.h"

namespace towpath::coordinator {

// Both outlive the registry's last write.
void addAdmissionRules(apiserver::Registry& registry, edge::ServiceAddresses& addresses);

}  // namespace towpath::coordinator
