#include "simulate/person.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "simulate/draw.h"

namespace towpath::simulate {
namespace {

constexpr const char* kNamespace = "default";
constexpr const char* kName = "shop";
constexpr const char* kHash = "rollouts-pod-template-hash";

// What a plain promote writes (core-semantics 3.12); null: nothing.
Value promotedStatus(const Value& rollout) {
  const Value& status = rollout["status"];
  const Value& canary = rollout["spec"]["strategy"]["canary"];
  const auto count = static_cast<std::int64_t>(canary["steps"].asArray().size());
  const bool paused = !status["pauseConditions"].asArray().empty();
  const std::int64_t next = std::min(status["currentStepIndex"].asInt() + 1, count);
  const bool inconclusive = status["canary"]["currentStepAnalysisRunStatus"]["status"].asStringView() == "Inconclusive";
  if (canary.isObject() && inconclusive && paused && status["controllerPause"].asBool()) {
    return Object{{"pauseConditions", nullptr}, {"controllerPause", false}, {"currentStepIndex", next}};
  }
  if (paused) return Object{{"pauseConditions", nullptr}};
  if (canary.isObject() && count > 0) return Object{{"pauseConditions", nullptr}, {"currentStepIndex", next}};
  return Value();
}

std::int64_t revisionOf(const Value& set) {
  const std::string_view text = set["metadata"]["annotations"]["rollout.argoproj.io/revision"].asStringView();
  std::int64_t revision = 0;
  std::from_chars(text.data(), text.data() + text.size(), revision);
  return revision;
}

}  // namespace

void Person::patchStatus(Value status) {
  (void)api_.patchNow(cluster::kRollouts, kNamespace, kName, cluster::PatchType::kMerge,
                      Object{{"status", std::move(status)}}, {.subresource = "status"});
}

void Person::patchSpec(Value spec) {
  (void)api_.patchNow(cluster::kRollouts, kNamespace, kName, cluster::PatchType::kMerge,
                      Object{{"spec", std::move(spec)}});
}

bool Person::isWaitedFor() const {
  const Value& rollout = api_.peek(cluster::kRollouts, kNamespace, kName);
  return !rollout["spec"]["paused"].asBool() && !rollout["status"]["pauseConditions"].asArray().empty();
}

void Person::promote() {
  const Value rollout = api_.peek(cluster::kRollouts, kNamespace, kName);
  const bool spec_paused = rollout["spec"]["paused"].asBool();
  const bool paused = !rollout["status"]["pauseConditions"].asArray().empty();
  Value change = promotedStatus(rollout);
  if (!change.isNull() && (paused || !spec_paused)) patchStatus(std::move(change));
  if (spec_paused) patchSpec(Object{{"paused", false}});
}

void Person::undo() {
  const Value& rollout = api_.peek(cluster::kRollouts, kNamespace, kName);
  std::map<std::int64_t, const Value*> sets;
  for (const Value* set : api_.peekAll(cluster::kReplicaSets)) sets[revisionOf(*set)] = set;
  if (sets.size() < 2) return;
  const Value& target = *std::next(sets.rbegin())->second;
  if (target["metadata"]["labels"][kHash] == rollout["status"]["currentPodHash"]) return;
  Value pod_template = target["spec"]["template"];
  pod_template.eraseAt({"metadata", "labels", kHash});
  const Value patch = Array{Object{{"op", "replace"}, {"path", "/spec/template"}, {"value", std::move(pod_template)}}};
  (void)api_.patchNow(cluster::kRollouts, kNamespace, kName, cluster::PatchType::kJson, patch);
}

void Person::setImage(int version) {
  Value spec;
  spec["template"]["spec"]["containers"] = Array{Object{{"name", "web"}, {"image", imageOf(version)}}};
  patchSpec(std::move(spec));
}

void Person::carryOut(const Act& act) {
  const Value& rollout = api_.peek(cluster::kRollouts, kNamespace, kName);
  const Value& status = rollout["status"];
  switch (act.kind) {
    case ActKind::kSetImage:
      return setImage(act.amount);
    case ActKind::kPromote:
      return promote();
    case ActKind::kPromoteFull:
      if (status["currentPodHash"] != status["stableRS"]) patchStatus(Object{{"promoteFull", true}});
      if (api_.peek(cluster::kRollouts, kNamespace, kName)["spec"]["paused"].asBool())
        patchSpec(Object{{"paused", false}});
      return;
    case ActKind::kAbort:
      return patchStatus(Object{{"abort", true}});
    case ActKind::kRetry:
      return patchStatus(Object{{"abort", false}});
    case ActKind::kUndo:
      return undo();
    case ActKind::kPause:
      return patchSpec(Object{{"paused", true}});
    case ActKind::kResume:
      if (rollout["spec"]["paused"].asBool()) return patchSpec(Object{{"paused", false}});
      if (!status["pauseConditions"].asArray().empty()) patchStatus(Object{{"pauseConditions", nullptr}});
      return;
    case ActKind::kScale:
      return patchSpec(Object{{"replicas", act.amount}});
    case ActKind::kRestart:
      return patchSpec(Object{{"restartAt", formatRfc3339(std::chrono::ceil<std::chrono::seconds>(loop_.wallNow()))}});
    case ActKind::kEditSteps: {
      if (!rollout["spec"]["strategy"]["canary"]["steps"].isArray()) return;
      const Value& steps = scenario_.other_steps.at(static_cast<std::size_t>(act.amount));
      if (!steps.asArray().empty()) patchSpec(Object{{"strategy", Object{{"canary", Object{{"steps", steps}}}}}});
      return;
    }
    case ActKind::kTouch:
      (void)api_.patchNow(
          cluster::kRollouts, kNamespace, kName, cluster::PatchType::kMerge,
          Object{{"metadata", Object{{"annotations", Object{{"example.com/touched", std::to_string(++touches_)}}}}}});
      return;
    default:
      return;
  }
}

}  // namespace towpath::simulate
