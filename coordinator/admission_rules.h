#pragma once
// What writes through the API need beyond the registry's own rules (schemas, and the sense of rollouts and analyses):
// Services get their addresses. Added to the registry once, at the start.

#include "apiserver/registry.h"
#include "edge/addresses.h"

namespace towpath::coordinator {

// Both outlive the registry's last write.
void addAdmissionRules(apiserver::Registry& registry, edge::ServiceAddresses& addresses);

}  // namespace towpath::coordinator
