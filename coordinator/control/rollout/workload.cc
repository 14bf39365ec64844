#include "control/rollout/workload.h"

#include <array>

#include "api/keys.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "control/rollout/act.h"

namespace towpath::control {
namespace {

struct WorkloadKind {
  const cluster::Resource& resource;
  cluster::Cache* Caches::* cache;
};

const std::array<WorkloadKind, 3>& workloadKinds() {
  static const std::array<WorkloadKind, 3> all = {{{cluster::kDeployments, &Caches::deployments},
                                                   {cluster::kReplicaSets, &Caches::replica_sets},
                                                   {cluster::kPodTemplates, &Caches::pod_templates}}};
  return all;
}

// The group counts, not the version: apps/v1beta2 is the same object.
bool isOf(const cluster::Resource& resource, const Value& ref) {
  const std::string_view version = ref["apiVersion"].asStringView();
  const std::size_t slash = version.find('/');
  const std::string_view group = slash == std::string_view::npos ? "" : version.substr(0, slash);
  return resource.kind == ref["kind"].asStringView() && resource.group == group;
}

const WorkloadKind* findKind(const Value& ref) {
  for (const WorkloadKind& kind : workloadKinds()) {
    if (isOf(kind.resource, ref)) return &kind;
  }
  return nullptr;
}

bool hasOwnMetadata(const Value& pod_template) {
  return !pod_template["metadata"]["labels"].asObject().empty() ||
         !pod_template["metadata"]["annotations"].asObject().empty();
}

}  // namespace

const cluster::Resource* workloadResource(const Value& workload_ref) {
  const WorkloadKind* kind = findKind(workload_ref);
  return kind ? &kind->resource : nullptr;
}

Result<rollout::WorkloadView> resolveWorkload(const Caches& caches, Value& rollout) {
  const Value& spec = std::as_const(rollout)["spec"];
  const Value ref = spec["workloadRef"];
  if (hasOwnMetadata(spec["template"])) {
    return fail(ErrorKind::kInvalid, "template must be empty for workload reference rollout");
  }
  const WorkloadKind* kind = findKind(ref);
  if (!kind) {
    return fail(
        ErrorKind::kInvalid,
        fmt::format("workload of type {}/{} is not supported; refer to a Deployment or a ReplicaSet of apps/v1, or "
                    "to a PodTemplate of v1",
                    ref["apiVersion"].asStringView(), ref["kind"].asStringView()));
  }
  const bool plain = kind->resource == cluster::kReplicaSets && caches.plain_replica_sets != nullptr;
  cluster::Cache* cache = plain ? caches.plain_replica_sets : caches.*kind->cache;
  if (!cache) {
    return fail(
        ErrorKind::kInvalid,
        fmt::format("workload of type {} is not served here; put its template into the Rollout", kind->resource.kind));
  }
  const std::string name = ref["name"].asString();
  const cluster::ObjectRef found = cache->find(cluster::namespaceOf(rollout), name);
  if (!found) {
    return fail(ErrorKind::kNotFound, fmt::format("{} \"{}\" not found", kind->resource.storageName(), name));
  }
  const Value object = found->parse();
  const bool bare = kind->resource == cluster::kPodTemplates;
  rollout::WorkloadView workload{kind->resource.kind, std::to_string(found->meta().generation), 0};
  if (kind->resource == cluster::kDeployments) {
    workload.replicas = static_cast<std::int32_t>(object["spec"]["replicas"].asInt(1));
  }
  const bool has_selector = spec["selector"].isObject();
  rollout["spec"]["template"] = bare ? object["template"] : object["spec"]["template"];
  if (!has_selector) rollout["spec"]["selector"] = bare ? Value() : object["spec"]["selector"];
  // A ReplicaSet of ours, or another controller's, bears its version.
  rollout.eraseAt({"spec", "template", "metadata", "labels", api::kHashLabel});
  rollout["metadata"]["annotations"][api::kWorkloadGeneration] = workload.generation;
  return workload;
}

// Read and written as a whole: the peer's role may update Deployments, not patch them.
loop::Task<Result<void>> Actor::act(View& view, const rollout::ScaleWorkload& action) {
  const std::string name = view.world.spec.workload_ref->name;
  Result<cluster::ObjectRef> found = co_await context_.api->get(cluster::kDeployments, view.world.namespace_name, name);
  if (!found) co_return std::unexpected(found.error());
  Value object = (*found)->parse();
  object["spec"]["replicas"] = action.to;
  const Result<cluster::ObjectRef> written =
      co_await context_.api->update(cluster::kDeployments, std::move(object), {.field_manager = kFieldManager});
  if (!written) co_return std::unexpected(written.error());
  if (context_.caches.deployments) context_.caches.deployments->observe(*written);
  if (view.world.workload) view.world.workload->replicas = action.to;
  co_return {};
}

}  // namespace towpath::control
