// towpath adopt deployment NAME: see takeover.h.

#include <string>
#include <utility>

#include "cli/takeover.h"
#include "json/yaml.h"

namespace towpath::cli {
namespace {

// Of the same name and size, with a rolling update for a strategy: the steps are the user's to write.
Value rolloutOf(const Value& deployment) {
  const Value& spec = deployment["spec"];
  const Value& metadata = deployment["metadata"];
  Object reference{{"apiVersion", kDeploymentKind.api_version},
                   {"kind", kDeploymentKind.kind},
                   {"name", metadata["name"]},
                   {"scaleDown", "progressively"}};
  Object wanted{{"replicas", spec["replicas"].isNull() ? Value(1) : spec["replicas"]},
                {"workloadRef", std::move(reference)},
                {"strategy", Object{{"canary", Object{{"maxSurge", "25%"}, {"maxUnavailable", 0}}}}}};
  for (const char* kept : {"minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit"}) {
    if (!spec[kept].isNull()) wanted.set(kept, spec[kept]);
  }
  return Object{{"apiVersion", kRolloutKind.api_version},
                {"kind", kRolloutKind.kind},
                {"metadata", Object{{"name", metadata["name"]}, {"namespace", metadata["namespace"]}}},
                {"spec", std::move(wanted)}};
}

bool isHealthy(const Value& rollout) {
  const std::string generation = std::to_string(rollout["metadata"]["generation"].asInt());
  return rollout["status"]["observedGeneration"].asStringView() == generation &&
         rollout["status"]["phase"].asStringView() == "Healthy";
}

loop::Task<void> refuseOthers(Context context, std::string name) {
  const Value all = orFail(co_await context.api.list(kRollouts, {context.api.ns(), "", "", Representation::kObject}));
  for (const Value& rollout : all["items"].asArray()) {
    const std::string other = rollout["metadata"]["name"].asString();
    const bool refers = refersTo(rollout["spec"]["workloadRef"], kDeploymentKind, name);
    if (other == name && !refers) {
      throw Failure{Error{ErrorKind::kAlreadyExists,
                          fmt::format("a Rollout {} exists and does not refer to the Deployment", name), ""}};
    }
    if (other != name && refers) {
      throw Failure{
          Error{ErrorKind::kConflict, fmt::format("the Rollout {} refers to the Deployment already", other), ""}};
    }
  }
}

}  // namespace

Exit adoptDeployment(Context context, TakeOptions options) {
  const Takeover steps(context, options);
  const std::string& name = options.name;
  const std::string ns = context.api.ns();
  const Value deployment = orFail(co_await context.api.get(kDeployments, ns, name));
  co_await refuseOthers(context, name);
  if (!co_await steps.find(kRollouts, name)) {
    Value rollout = rolloutOf(deployment);
    steps.tell(fmt::format("create the Rollout {}, which runs the Deployment's template beside it", name));
    if (steps.dry())
      print(json::toYaml(rollout));
    else
      orFail(co_await context.api.create(kRollouts, ns, std::move(rollout)));
  }
  co_await steps.repointAutoscalers(kDeploymentKind, kRolloutKind);
  steps.tell(fmt::format("scale the Deployment {} to 0 as the Rollout's pods become ready", name));
  co_await steps.until(fmt::format("the Rollout {} is healthy and the Deployment at 0", name),
                       [&]() -> loop::Task<bool> {
                         const Value rollout = orFail(co_await context.api.get(kRollouts, ns, name));
                         const Value now = orFail(co_await context.api.get(kDeployments, ns, name));
                         co_return isHealthy(rollout) && now["spec"]["replicas"].asInt() == 0;
                       });
  print(fmt::format("deployment \"{0}\" {1}adopted; `towpath release deployment {0}` leads back\n", name,
                    steps.dry() ? "would be " : ""));
  co_return 0;
}

}  // namespace towpath::cli
