#include "admission_rules.h"

#include <functional>
#include <utility>
#include <vector>

#include "api/validate.h"
#include "cluster/kinds.h"
#include "loop/loop.h"

namespace towpath::coordinator {

namespace {

using apiserver::AdmissionRequest;
using apiserver::Operation;

std::vector<Error> toErrors(const api::FieldErrors& faults) {
  std::vector<Error> errors;
  for (const api::FieldError& fault : faults) errors.push_back({ErrorKind::kInvalid, fault.message, fault.path});
  return errors;
}

// Rules about an object's spec; writes of its status are ours and pass.
apiserver::AdmissionHook specRule(std::function<api::FieldErrors(const Value&)> rule) {
  return [rule = std::move(rule)](AdmissionRequest& request) {
    if (!request.object || !request.subresource.empty()) return std::vector<Error>();
    return toErrors(rule(*request.object));
  };
}

}  // namespace

void addAdmissionRules(apiserver::Registry& registry, edge::ServiceAddresses& addresses) {
  loop::Loop& loop = registry.loop();
  registry.addMutator(cluster::kServices.storageName(), [&addresses, &loop](AdmissionRequest& request) {
    if (!request.object || !request.subresource.empty()) return std::vector<Error>();
    using Reserve = edge::ServiceAddresses::Reserve;
    return addresses.admit(request.old, *request.object, request.dry_run ? Reserve::kDryRun : Reserve::kYes,
                           loop.now());
  });
  registry.addValidator(cluster::kRollouts.storageName(), specRule(api::validateRollout));
  for (const cluster::Resource& resource :
       {cluster::kAnalysisTemplates, cluster::kClusterAnalysisTemplates, cluster::kAnalysisRuns}) {
    registry.addValidator(resource.storageName(), specRule(api::validateAnalysis));
  }
}

}  // namespace towpath::coordinator
