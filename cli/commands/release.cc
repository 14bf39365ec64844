// towpath release deployment NAME: see takeover.h.

#include <string>
#include <utility>

#include "cli/takeover.h"

namespace towpath::cli {
namespace {

constexpr const char* kHashLabel = "rollouts-pod-template-hash";
constexpr const char* kManagedBy = "argo-rollouts.argoproj.io/managed-by-rollouts";
const ApiResource kServices{"", "v1", "services", "service", "Service", {"svc"}, true};

void refuseUnsettled(const Value& rollout, const std::string& name) {
  if (!refersTo(rollout["spec"]["workloadRef"], kDeploymentKind, name)) {
    throw Failure{
        Error{ErrorKind::kInvalid, fmt::format("the Rollout {0} does not refer to the Deployment {0}", name), ""}};
  }
  const std::string phase = rollout["status"]["phase"].asString("new");
  if (phase == "Healthy") return;
  throw Failure{Error{ErrorKind::kInvalid,
                      fmt::format("the Rollout {} is {}: promote, abort or undo it first", name, phase), ""}};
}

// The Deployment at the Rollout's size, and available.
loop::Task<void> bringBack(Context context, const Takeover& steps, std::string name, std::int64_t size) {
  // Or its controller would scale the Deployment down again.
  Value keep;
  keep["spec"]["workloadRef"]["scaleDown"] = "never";
  co_await steps.merge(kRollouts, name, std::move(keep));
  steps.tell(fmt::format("scale the Deployment {} to {} and wait until it is available", name, size));
  Value patch;
  patch["spec"]["replicas"] = size;
  co_await steps.merge(kDeployments, name, std::move(patch));
  co_await steps.repointAutoscalers(kRolloutKind, kDeploymentKind);
  co_await steps.until(fmt::format("the Deployment {} is available", name), [&]() -> loop::Task<bool> {
    const Value now = orFail(co_await context.api.get(kDeployments, context.api.ns(), name));
    co_return now["status"]["availableReplicas"].asInt() >= size&& now["status"]["observedGeneration"].asInt() >=
        now["metadata"]["generation"].asInt();
  });
}

// A Rollout that names no Service lets go of all that it manages: they select the pods of both then. Before it goes, so
// that the Deployment, which takes its ReplicaSets for old ones of its own, cannot be faster than the Services.
loop::Task<void> letGoOfServices(Context context, const Takeover& steps, std::string name) {
  steps.tell(fmt::format("let the Rollout {} let go of its Services, so that they name the pods of both", name));
  Object canary;
  for (const char* member : {"stableService", "canaryService", "trafficRouting", "pingPong", "steps", "analysis",
                             "scaleDownDelaySeconds", "dynamicStableScale"}) {
    canary.set(member, nullptr);
  }
  Value patch;
  patch["spec"]["strategy"] = Object{{"blueGreen", nullptr}, {"canary", std::move(canary)}};
  co_await steps.merge(kRollouts, name, std::move(patch));
  co_await steps.until("the Services name both", [&]() -> loop::Task<bool> {
    const Value services =
        orFail(co_await context.api.list(kServices, {context.api.ns(), "", "", Representation::kObject}));
    for (const Value& service : services["items"].asArray()) {
      if (service["metadata"]["annotations"][kManagedBy].asStringView() == name) co_return false;
    }
    co_return true;
  });
}

// ReplicaSets that were the Rollout's, whether or not the Deployment has taken them for its own meanwhile.
loop::Task<void> removeLeftovers(Context context, std::string name) {
  const Value list =
      orFail(co_await context.api.list(kReplicaSets, {context.api.ns(), kHashLabel, "", Representation::kObject}));
  for (const Value& set : list["items"].asArray()) {
    const Value& metadata = set["metadata"];
    if (metadata["name"].asString() != name + "-" + metadata["labels"][kHashLabel].asString()) continue;
    auto removed = co_await context.api.remove(
        kReplicaSets, context.api.ns(), metadata["name"].asString(),
        Object{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", "Background"}});
    if (!removed && removed.error().kind != ErrorKind::kNotFound) throw Failure{removed.error()};
  }
}

}  // namespace

Exit releaseDeployment(Context context, TakeOptions options) {
  const Takeover steps(context, options);
  const std::string& name = options.name;
  const std::string ns = context.api.ns();
  orFail(co_await context.api.get(kDeployments, ns, name));
  if (const std::optional<Value> rollout = co_await steps.find(kRollouts, name)) {
    refuseUnsettled(*rollout, name);
    const Value& replicas = (*rollout)["spec"]["replicas"];
    co_await bringBack(context, steps, name, replicas.isNull() ? 1 : replicas.asInt());
    co_await letGoOfServices(context, steps, name);
    steps.tell(fmt::format("delete the Rollout {}, and then its pods", name));
    if (!steps.dry()) {
      orFail(co_await context.api.remove(
          kRollouts, ns, name,
          Object{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", "Orphan"}}));
    }
  }
  co_await steps.until(fmt::format("the Rollout {} is gone", name),
                       [&]() -> loop::Task<bool> { co_return !(co_await steps.find(kRollouts, name)).has_value(); });
  steps.tell("delete what is left of the Rollout's pods");
  if (!steps.dry()) co_await removeLeftovers(context, name);
  print(fmt::format("deployment \"{}\" {}released\n", name, steps.dry() ? "would be " : ""));
  co_return 0;
}

}  // namespace towpath::cli
