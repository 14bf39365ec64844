#include "admission_rules.h"

#include <vector>

#include "cluster/kinds.h"
#include "loop/loop.h"

namespace towpath::coordinator {

using apiserver::AdmissionRequest;

void addAdmissionRules(apiserver::Registry& registry, edge::ServiceAddresses& addresses) {
  loop::Loop& loop = registry.loop();
  registry.addMutator(cluster::kServices.storageName(), [&addresses, &loop](AdmissionRequest& request) {
    if (!request.object || !request.subresource.empty()) return std::vector<Error>();
    using Reserve = edge::ServiceAddresses::Reserve;
    return addresses.admit(request.old, *request.object, request.dry_run ? Reserve::kDryRun : Reserve::kYes,
                           loop.now());
  });
}

}  // namespace towpath::coordinator
