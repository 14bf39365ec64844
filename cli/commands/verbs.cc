// The verbs that write a few fields and leave the rest to the controller. Each writes what the Argo plugin writes
// (cli-compatible: status by the status subresource, in merge patches), so that they work on a Kubernetes cluster as
// well.

#include "api/injected.h"
#include "cli/command.h"
#include "loop/loop.h"

namespace towpath::cli {
namespace {

loop::Task<void> patchStatus(Context context, std::string name, Value status) {
  const Value patch = Object{{"status", std::move(status)}};
  auto patched = co_await context.api.patch(kRollouts, context.api.ns(), name, PatchKind::kMerge, patch, "status");
  // A very old CRD has no status subresource.
  if (!patched && patched.error().kind == ErrorKind::kNotFound) {
    patched = co_await context.api.patch(kRollouts, context.api.ns(), name, PatchKind::kMerge, patch);
  }
  orFail(std::move(patched));
}

loop::Task<void> patchSpec(Context context, std::string name, Value spec) {
  orFail(co_await context.api.patch(kRollouts, context.api.ns(), name, PatchKind::kMerge,
                                    Object{{"spec", std::move(spec)}}));
}

// What a plain promote does to the status, by where the rollout stands (core-semantics 3.12).
Value promotedStatus(const Value& rollout) {
  const Value& status = rollout["status"];
  const Array& steps = rollout["spec"]["strategy"]["canary"]["steps"].asArray();
  const bool canary = rollout["spec"]["strategy"]["canary"].isObject();
  const bool paused = !status["pauseConditions"].asArray().empty();
  const std::int64_t count = static_cast<std::int64_t>(steps.size());
  const std::int64_t index = status["currentStepIndex"].asInt();
  const std::int64_t next = std::min(index + 1, count);
  const bool inconclusive = status["canary"]["currentStepAnalysisRunStatus"]["status"].asStringView() == "Inconclusive";
  if (canary && inconclusive && paused && status["controllerPause"].asBool()) {
    return Object{{"pauseConditions", nullptr}, {"controllerPause", false}, {"currentStepIndex", next}};
  }
  if (paused) return Object{{"pauseConditions", nullptr}};
  if (canary && count > 0) return Object{{"pauseConditions", nullptr}, {"currentStepIndex", next}};
  return Value();
}

loop::Task<int> forEach(Context context, std::vector<std::string> names, std::string done,
                        loop::Task<void> (*verb)(Context, std::string)) {
  for (const std::string& name : names) {
    co_await verb(context, name);
    print(fmt::format("rollout '{}' {}\n", name, done));
  }
  co_return 0;
}

loop::Task<void> abortOne(Context context, std::string name) {
  co_await patchStatus(context, name, Object{{"abort", true}});
}
loop::Task<void> retryOne(Context context, std::string name) {
  co_await patchStatus(context, name, Object{{"abort", false}});
}
loop::Task<void> pauseOne(Context context, std::string name) {
  co_await patchSpec(context, name, Object{{"paused", true}});
}

// The opposite of pause: a user's pause is taken back and so is a pause that the controller has made.
loop::Task<void> resumeOne(Context context, std::string name) {
  const Value rollout = co_await readRollout(context, name);
  if (rollout["spec"]["paused"].asBool())
    co_await patchSpec(context, name, Object{{"paused", false}});
  else if (!rollout["status"]["pauseConditions"].asArray().empty())
    co_await patchStatus(context, name, Object{{"pauseConditions", nullptr}});
}

std::string_view templateHash(const Value& set) {
  return set["metadata"]["labels"]["rollouts-pod-template-hash"].asStringView();
}
std::int64_t revisionOf(const Value& set) {
  return std::atoll(set["metadata"]["annotations"]["rollout.argoproj.io/revision"].asString("0").c_str());
}

// The replica set of the revision; 0 means the one before the newest.
const Value& findRevision(const std::vector<const Value*>& sets, std::int64_t wanted) {
  std::int64_t newest = 0;
  for (const Value* set : sets) newest = std::max(newest, revisionOf(*set));
  const Value* best = nullptr;
  for (const Value* set : sets) {
    const std::int64_t revision = revisionOf(*set);
    if (wanted != 0 ? revision == wanted : revision < newest && (!best || revision > revisionOf(*best))) best = set;
  }
  if (!best) {
    throw Failure{{ErrorKind::kNotFound,
                   wanted != 0 ? fmt::format("unable to find specified revision {} in history", wanted)
                               : "no revision found to roll back to",
                   ""}};
  }
  return *best;
}

}  // namespace

Exit promote(Context context, std::string rollout, Promotion promotion) {
  const Value object = co_await readRollout(context, rollout);
  const Value& status = object["status"];
  const bool full = promotion == Promotion::kFull;
  const bool updating = status["currentPodHash"].asStringView() != status["stableRS"].asStringView();
  // The status first: unpausing first could let the controller act on the old one.
  if (full && updating) co_await patchStatus(context, rollout, Object{{"promoteFull", true}});
  if (!full) {
    const bool spec_paused = object["spec"]["paused"].asBool();
    Value change = promotedStatus(object);
    const bool paused = !status["pauseConditions"].asArray().empty();
    if (!change.isNull() && (paused || !spec_paused)) co_await patchStatus(context, rollout, std::move(change));
  }
  if (object["spec"]["paused"].asBool()) co_await patchSpec(context, rollout, Object{{"paused", false}});
  print(fmt::format("rollout '{}' {}promoted\n", rollout, full ? "fully " : ""));
  co_return 0;
}

Exit abortRollouts(Context context, std::vector<std::string> rollouts) {
  return forEach(context, std::move(rollouts), "aborted", abortOne);
}
Exit retryRollouts(Context context, std::vector<std::string> rollouts) {
  return forEach(context, std::move(rollouts), "retried", retryOne);
}
Exit pauseRollouts(Context context, std::vector<std::string> rollouts) {
  return forEach(context, std::move(rollouts), "paused", pauseOne);
}
Exit resumeRollouts(Context context, std::vector<std::string> rollouts) {
  return forEach(context, std::move(rollouts), "resumed", resumeOne);
}

Exit restart(Context context, std::string rollout, std::string in) {
  Duration delay{0};
  if (!in.empty()) {
    auto parsed = parseGoDuration(in);
    if (!parsed) throw Failure{{ErrorKind::kInvalid, parsed.error().message, "--in"}};
    delay = *parsed;
  }
  // Pods know their age to the second, and one that is as old as restartAt counts as new: so the next full second.
  const WallTime at = std::chrono::ceil<std::chrono::seconds>(context.api.loop().wallNow() + delay);
  co_await patchSpec(context, rollout, Object{{"restartAt", formatRfc3339(at)}});
  print(fmt::format("rollout '{}' restarts in {}\n", rollout, in.empty() ? "0s" : in));
  co_return 0;
}

Exit undo(Context context, std::string rollout, std::int64_t to_revision) {
  const Value object = co_await readRollout(context, rollout);
  const Value list =
      orFail(co_await context.api.list(kReplicaSets, {context.api.ns(), "", "", Representation::kObject}));
  std::vector<const Value*> sets;
  for (const Value& set : list["items"].asArray()) {
    if (isOwnedBy(set, object["metadata"]["uid"].asStringView())) sets.push_back(&set);
  }
  const Value& target = findRevision(sets, to_revision);
  if (templateHash(target) == object["status"]["currentPodHash"].asStringView()) {
    print(fmt::format("skipped rollback (current template already matches revision {})\n", revisionOf(target)));
    co_return 0;
  }
  // What the controller injected for the part that the version played then is not of the version.
  Value pod_template = api::templateWithoutInjections(target);
  const Value patch = Array{Object{{"op", "replace"}, {"path", "/spec/template"}, {"value", std::move(pod_template)}}};
  // A template that is referred to goes back where it is kept.
  const Value& workload = object["spec"]["workloadRef"];
  if (workload["kind"].asStringView() == kDeployments.kind) {
    orFail(co_await context.api.patch(kDeployments, context.api.ns(), workload["name"].asString(), PatchKind::kJson,
                                      patch));
  } else if (workload.isObject()) {
    throw Failure{{ErrorKind::kInvalid,
                   fmt::format("the template is kept in {} \"{}\": change it there", workload["kind"].asStringView(),
                               workload["name"].asStringView()),
                   ""}};
  } else {
    orFail(co_await context.api.patch(kRollouts, context.api.ns(), rollout, PatchKind::kJson, patch));
  }
  print(fmt::format("rollout '{}' undo\n", rollout));
  co_return 0;
}

}  // namespace towpath::cli
