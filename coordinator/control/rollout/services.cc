#include "control/rollout/services.h"

#include "api/keys.h"
#include "control/rollout/gather.h"

namespace towpath::control {

ServiceController::ServiceController(const RolloutContext& context)
    : context_(context), controller_(*context.loop, {.name = "service", .workers = 1}, [this](cluster::ObjectKey key) {
        return pass(std::move(key));
      }) {}

void ServiceController::start() {
  listeners_.push_back(context_.caches.services->listen([this](const cluster::CacheChange& change) {
    if (change.after) controller_.queue().add(change.key());
  }));
  // A Rollout that has gone, or names other services now: look at all of its namespace.
  listeners_.push_back(context_.caches.rollouts->listen([this](const cluster::CacheChange& change) {
    if (!change.before) return;
    if (change.after && change.after->meta().generation == change.before->meta().generation) return;
    for (const cluster::ObjectRef& service : context_.caches.services->list(change.meta().ns)) {
      controller_.queue().add({service->meta().ns, service->meta().name});
    }
  }));
  controller_.start();
}

loop::Task<Result<cluster::PassEnd>> ServiceController::pass(cluster::ObjectKey key) {
  const cluster::ObjectRef ref = context_.caches.services->find(key.ns, key.name);
  // Most services have nothing to do with us: no need to parse them.
  if (!ref || ref->json().find(api::kManagedBy) == std::string::npos) co_return cluster::PassEnd{};
  const Value service = ref->parse();
  const std::string_view owner = cluster::annotationOf(service, api::kManagedBy);
  if (owner.empty()) co_return cluster::PassEnd{};
  if (const cluster::ObjectRef rollout = context_.caches.rollouts->find(key.ns, owner)) {
    if (usesService(rollout->parse(), key.name)) co_return cluster::PassEnd{};
  }
  Value patch;
  patch["metadata"]["annotations"][api::kManagedBy] = Value();
  patch["spec"]["selector"][api::kHashLabel] = Value();
  const Result<cluster::ObjectRef> written =
      co_await context_.api->patch(cluster::kServices, key.ns, key.name, cluster::PatchType::kMerge, std::move(patch),
                                   {.field_manager = kFieldManager});
  if (!written && written.error().kind != ErrorKind::kNotFound) co_return std::unexpected(written.error());
  if (written) context_.caches.services->observe(*written);
  co_return cluster::PassEnd{};
}

}  // namespace towpath::control
