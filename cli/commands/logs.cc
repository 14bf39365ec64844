#include "cli/command.h"

namespace towpath::cli {
namespace {

// "rollout/shop": a pod of its newest revision that runs, else any of its pods.
loop::Task<std::string> podOfRollout(Context context, std::string rollout) {
  const Value object = co_await readRollout(context, rollout);
  const Value list = orFail(co_await context.api.list(kPods, {context.api.ns(), "", "", Representation::kObject}));
  const Value sets =
      orFail(co_await context.api.list(kReplicaSets, {context.api.ns(), "", "", Representation::kObject}));
  std::string best;
  for (const Value& set : sets["items"].asArray()) {
    if (!isOwnedBy(set, object["metadata"]["uid"].asStringView())) continue;
    const bool newest = set["metadata"]["labels"]["rollouts-pod-template-hash"].asStringView() ==
                        object["status"]["currentPodHash"].asStringView();
    for (const Value& pod : list["items"].asArray()) {
      if (!isOwnedBy(pod, set["metadata"]["uid"].asStringView())) continue;
      if (best.empty() || (newest && podStatus(pod) == "Running")) best = pod["metadata"]["name"].asString();
    }
  }
  if (best.empty()) throw Failure{{ErrorKind::kNotFound, fmt::format("rollout \"{}\" has no pods", rollout), ""}};
  co_return best;
}

}  // namespace

Exit logs(Context context, LogsOptions options) {
  std::string pod = options.pod;
  for (const std::string_view prefix : {"rollout/", "rollouts/", "ro/"}) {
    if (pod.starts_with(prefix)) {
      pod = co_await podOfRollout(context, pod.substr(prefix.size()));
      break;
    }
  }
  std::string path =
      fmt::format("/api/v1/namespaces/{}/pods/{}/log?follow={}&previous={}", http::percentEncode(context.api.ns()),
                  http::percentEncode(pod), options.follow, options.previous);
  if (!options.container.empty()) path += "&container=" + http::percentEncode(options.container);
  if (options.tail >= 0) path += fmt::format("&tailLines={}", options.tail);
  const auto stream = orFail(co_await context.api.stream(path));
  while (true) {
    const std::optional<std::string> chunk = orFail(co_await stream->read());
    if (!chunk) co_return 0;
    print(*chunk);
  }
}

}  // namespace towpath::cli
