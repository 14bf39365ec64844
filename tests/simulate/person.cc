#include "simulate/person.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "simulate/draw.h"

namespace towpath::simulate {
namespace {

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

const Value& Person::rollout() const { return api_.peek(cluster::kRollouts, scenario_.ns, kName); }

void Person::patch(const Value& change, const cluster::WriteOptions& options) {
  (void)api_.patchNow(cluster::kRollouts, scenario_.ns, kName, cluster::PatchType::kMerge, change, options);
}

void Person::patchStatus(Value status) { patch(Object{{"status", std::move(status)}}, {.subresource = "status"}); }
void Person::patchSpec(Value spec) { patch(Object{{"spec", std::move(spec)}}); }

bool Person::isWaitedFor() const {
  const Value& rollout = this->rollout();
  return !rollout["spec"]["paused"].asBool() && !rollout["status"]["pauseConditions"].asArray().empty();
}

void Person::promote() {
  const Value rollout = this->rollout();
  const bool spec_paused = std::as_const(rollout)["spec"]["paused"].asBool();
  const bool paused = !std::as_const(rollout)["status"]["pauseConditions"].asArray().empty();
  Value change = promotedStatus(rollout);
  if (!change.isNull() && (paused || !spec_paused)) patchStatus(std::move(change));
  if (spec_paused) patchSpec(Object{{"paused", false}});
}

void Person::undo() {
  std::map<std::int64_t, const Value*> sets;
  for (const Value* set : api_.peekAll(cluster::kReplicaSets)) {
    const bool ours = cluster::namespaceOf(*set) == scenario_.ns && !cluster::labelOf(*set, kHash).empty();
    if (ours) sets[revisionOf(*set)] = set;
  }
  if (sets.size() < 2) return;
  const Value& target = *std::next(sets.rbegin())->second;
  if (target["metadata"]["labels"][kHash] == rollout()["status"]["currentPodHash"]) return;
  Value pod_template = target["spec"]["template"];
  pod_template.eraseAt({"metadata", "labels", kHash});
  // Of the part that the version played, not of the version (cli/api.cc).
  pod_template.eraseAt({"metadata", "labels", "role"});
  setTemplate(std::move(pod_template));
}

// Of the Rollout, or of what it names.
void Person::setTemplate(Value pod_template) {
  const bool bare = scenario_.workload_kind == cluster::kPodTemplates;
  const Value patch = Array{
      Object{{"op", "replace"}, {"path", bare ? "/template" : "/spec/template"}, {"value", std::move(pod_template)}}};
  const cluster::Resource& resource = scenario_.workload_kind ? *scenario_.workload_kind : cluster::kRollouts;
  const char* name = scenario_.workload_kind ? "shop-workload" : kName;
  (void)api_.patchNow(resource, scenario_.ns, name, cluster::PatchType::kJson, patch);
}

void Person::setImage(int version) {
  Value pod_template = scenario_.workload_kind ? Value(scenario_.workload_kind == cluster::kPodTemplates
                                                           ? std::as_const(scenario_.workload)["template"]
                                                           : std::as_const(scenario_.workload)["spec"]["template"])
                                               : Value(std::as_const(scenario_.rollout)["spec"]["template"]);
  pod_template["spec"]["containers"] = Array{Object{{"name", "web"}, {"image", imageOf(version)}}};
  setTemplate(std::move(pod_template));
}

void Person::spoil(int how) {
  const bool stepped = rollout()["spec"]["strategy"]["canary"]["steps"].isArray();
  if (how == 1 && stepped)
    patchSpec(Object{{"strategy", Object{{"canary", Object{{"steps", Array{Object{}}}}}}}});
  else
    patchSpec(Object{{"minReadySeconds", 100'000}});
}

void Person::mend() {
  const Value& spec = std::as_const(scenario_.rollout)["spec"];
  patchSpec(Object{{"minReadySeconds", spec["minReadySeconds"]}});
  const Value& steps = spec["strategy"]["canary"]["steps"];
  if (steps.isArray() && rollout()["spec"]["strategy"]["canary"]["steps"][0].asObject().empty())
    patchSpec(Object{{"strategy", Object{{"canary", Object{{"steps", steps}}}}}});
}

int Person::wantedVersion() const {
  const Value& object =
      scenario_.workload_kind ? api_.peek(*scenario_.workload_kind, scenario_.ns, "shop-workload") : rollout();
  const bool bare = scenario_.workload_kind == cluster::kPodTemplates;
  const Value& pod_template = bare ? object["template"] : object["spec"]["template"];
  return versionOf(pod_template["spec"]["containers"][0]["image"].asStringView());
}

void Person::carryOut(const Act& act) {
  const Value& rollout = this->rollout();
  const Value& status = rollout["status"];
  switch (act.kind) {
    case ActKind::kSetImage:
      return setImage(act.amount);
    case ActKind::kPromote:
      return promote();
    case ActKind::kPromoteFull:
      if (status["currentPodHash"] != status["stableRS"]) patchStatus(Object{{"promoteFull", true}});
      if (this->rollout()["spec"]["paused"].asBool()) patchSpec(Object{{"paused", false}});
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
      return patch(
          Object{{"metadata", Object{{"annotations", Object{{"example.com/touched", std::to_string(++touches_)}}}}}});
    case ActKind::kForgive:
      return patch(Object{{"metadata", Object{{"annotations", Object{{"towpath.dev/rejected-template", nullptr}}}}}});
    case ActKind::kSpoil:
      return spoil(act.amount);
    case ActKind::kMend:
      return mend();
    default:
      return;
  }
}

}  // namespace towpath::simulate
