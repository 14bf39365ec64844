#include "control/experiment/act.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/experiment_view.h"
#include "api/injected.h"
#include "api/keys.h"
#include "api/workload_view.h"
#include "base/log.h"
#include "control/experiment/gather.h"
#include "control/experiment/objects.h"
#include "control/objects/patches.h"
#include "control/objects/writes.h"
#include "control/rollout/analysis_runs.h"

namespace towpath::control {
namespace {

using cluster::ObjectRef;

// A refusal for good makes the template an Error, unless it is over already: then it is tried again and again.
Result<void> refuse(ExperimentView& view, const std::string& template_name, const Error& error, std::string message) {
  const model::TemplateStatus* status = model::findTemplate(view.world.status, template_name);
  const bool over = model::isCompleted(view.world.status.phase) || (status && model::isCompleted(status->status));
  if (over || !isFinal(error)) return std::unexpected(error);
  view.world.feedback.template_errors[template_name] = std::move(message);
  return {};
}

// Of an Experiment of this name that was deleted: it goes as well.
bool isLeftOver(const ExperimentView& view, const ObjectRef& object) {
  const cluster::OwnerRef* owner = object->meta().controllerOwner();
  return object->meta().deleting ||
         (owner && owner->kind == cluster::kExperiments.kind && owner->name == view.world.name);
}

// A run of this life of the Experiment; one of the life before a retry does not count.
bool isOurRun(const ExperimentView& view, const ObjectRef& existing, const Value& wanted) {
  const Value object = existing->parse();
  if (!controlledBy(existing, view.ref->meta().uid) || !sameRun(wanted, object) || existing->meta().deleting)
    return false;
  const experiment::RunView run = readExperimentRun(object);
  const bool fresh = view.world.status.available_at && creationTime(object) >= *view.world.status.available_at;
  return fresh || (!model::isCompleted(run.phase) && !run.terminate);
}

}  // namespace

loop::Task<Result<bool>> ExperimentActor::carryOut(ExperimentView& view, experiment::Decision decision) {
  for (const experiment::Action& action : decision.actions) {
    const std::string what = experiment::toString(action);
    log::debug("action", {{"experiment", toString(view.key())}, {"action", what}});
    const std::size_t refused = view.world.feedback.template_errors.size();
    const Result<void> done = co_await std::visit([this, &view](const auto& each) { return act(view, each); }, action);
    if (!done) co_return std::unexpected(withContext(done.error(), what));
    // The actions after it tell of a success.
    if (view.world.feedback.template_errors.size() != refused) co_return true;
  }
  co_return decision.decide_again;
}

// ---- ReplicaSets
// -----------------------------------------------------------------------------------------------------

void ExperimentActor::takeReplicaSet(ExperimentView& view, const std::string& template_name, const ObjectRef& ref) {
  context_.caches.replica_sets->observe(ref);
  Value& object = view.replica_sets[template_name];
  object = ref->parse();
  view.world.templates[template_name].replica_set = api::decodeReplicaSet(object);
}

loop::Task<Result<void>> ExperimentActor::act(ExperimentView& view, const experiment::CreateReplicaSet& action) {
  const model::TemplateStatus* status = model::findTemplate(view.world.status, action.template_name);
  const Value& one = templateOf(view.object, action.template_name);
  const Value wanted = makeReplicaSet(view.object, one, status ? status->collision_count : std::nullopt);
  Result<ObjectRef> made =
      co_await context_.api->create(cluster::kReplicaSets, wanted, {.field_manager = kFieldManager});
  if (!made && made.error().kind == ErrorKind::kAlreadyExists) {
    made = co_await context_.api->get(cluster::kReplicaSets, view.ns(), std::string(cluster::nameOf(wanted)));
    if (!made) co_return std::unexpected(made.error());
    const Value existing = (*made)->parse();
    const bool ours = controlledBy(*made, view.ref->meta().uid) && !(*made)->meta().deleting &&
                      templateNameOf(existing, view.world.name) == action.template_name &&
                      api::sameTemplate(one["template"], existing);
    if (!ours) {
      view.world.feedback.occupied[action.template_name] =
          fmt::format("ReplicaSet '{}' already exists and is not owned by experiment template {}",
                      cluster::nameOf(wanted), action.template_name);
      co_return {};
    }
  }
  if (!made) {
    co_return refuse(
        view, action.template_name, made.error(),
        fmt::format("Failed to create ReplicaSet for template '{}': {}", action.template_name, describe(made.error())));
  }
  takeReplicaSet(view, action.template_name, *made);
  co_return {};
}

loop::Task<Result<void>> ExperimentActor::patchReplicaSet(ExperimentView& view, std::string template_name,
                                                          std::string name, Value patch) {
  const Result<ObjectRef> written =
      co_await context_.api->patch(cluster::kReplicaSets, view.ns(), std::move(name), cluster::PatchType::kMerge,
                                   std::move(patch), {.field_manager = kFieldManager});
  if (!written) co_return std::unexpected(written.error());
  takeReplicaSet(view, template_name, *written);
  co_return {};
}

loop::Task<Result<void>> ExperimentActor::act(ExperimentView& view, const experiment::ScaleReplicaSet& action) {
  Value patch;
  patch["spec"]["replicas"] = action.to;
  const Result<void> done = co_await patchReplicaSet(view, action.template_name, action.name, std::move(patch));
  if (done) co_return {};
  co_return refuse(view, action.template_name, done.error(),
                   fmt::format("Unable to scale ReplicaSet for template '{}' to desired replica count '{}': {}",
                               action.template_name, action.to, describe(done.error())));
}

loop::Task<Result<void>> ExperimentActor::act(ExperimentView& view, const experiment::SetScaleDownDeadline& action) {
  Value patch;
  patch["metadata"]["annotations"][api::kScaleDownDeadline] =
      action.deadline ? Value(formatRfc3339(*action.deadline)) : Value();
  co_return co_await patchReplicaSet(view, action.template_name, action.name, std::move(patch));
}

// ---- Services
// --------------------------------------------------------------------------------------------------------

loop::Task<Result<void>> ExperimentActor::act(ExperimentView& view, const experiment::CreateService& action) {
  Result<ObjectRef> made = co_await context_.api->create(
      cluster::kServices, makeService(view.object, view.replica_sets[action.template_name], action.name),
      {.field_manager = kFieldManager});
  if (!made && made.error().kind == ErrorKind::kAlreadyExists) {
    made = co_await context_.api->get(cluster::kServices, view.ns(), action.name);
    if (!made) co_return std::unexpected(made.error());
    const bool ours = controlledBy(*made, view.ref->meta().uid) && !(*made)->meta().deleting &&
                      templateNameOf((*made)->parse(), view.world.name) == action.template_name;
    const std::string why = fmt::format("service {} already exists and is not owned by experiment template {}",
                                        action.name, action.template_name);
    if (!ours) made = fail(isLeftOver(view, *made) ? ErrorKind::kConflict : ErrorKind::kInvalid, why);
  }
  if (!made) {
    co_return refuse(view, action.template_name, made.error(),
                     fmt::format("Failed to create Service {} for template '{}': {}", action.name, action.template_name,
                                 describe(made.error())));
  }
  context_.caches.services->observe(*made);
  view.world.templates[action.template_name].service = action.name;
  co_return {};
}

loop::Task<Result<void>> ExperimentActor::act(ExperimentView& view, const experiment::DeleteService& action) {
  Result<void> removed = unlessGone(co_await context_.api->remove(cluster::kServices, view.ns(), action.name));
  if (removed) view.world.templates[action.template_name].service.clear();
  co_return removed;
}

// ---- AnalysisRuns
// ----------------------------------------------------------------------------------------------------

loop::Task<Result<ObjectRef>> ExperimentActor::createRun(ExperimentView& view, Value run) {
  const std::string name(cluster::nameOf(run));
  for (int suffix = 0; suffix < kMaxNames; ++suffix) {
    std::string tried = suffix == 0 ? name : fmt::format("{}.{}", name, suffix);
    run["metadata"]["name"] = tried;
    Result<ObjectRef> made =
        co_await context_.api->create(cluster::kAnalysisRuns, run, {.field_manager = kFieldManager});
    if (made || made.error().kind != ErrorKind::kAlreadyExists) co_return made;
    Result<ObjectRef> existing = co_await context_.api->get(cluster::kAnalysisRuns, view.ns(), std::move(tried));
    if (!existing) co_return existing;
    if (isOurRun(view, *existing, run)) co_return existing;
  }
  co_return fail(ErrorKind::kInvalid, "no free name for AnalysisRun " + name);
}

loop::Task<Result<void>> ExperimentActor::act(ExperimentView& view, const experiment::StartAnalysis& action) {
  const auto analysis = std::ranges::find(view.world.spec.analyses, action.analysis, &model::ExperimentAnalysis::name);
  if (analysis == view.world.spec.analyses.end()) co_return fail(ErrorKind::kInternal, "there is no such analysis");
  const Result<FoundTemplates> templates = co_await findTemplates(context_, view.ns(), analysis->analysis_template);
  if (!templates) co_return std::unexpected(templates.error());
  Result<Value> run = makeAnalysisRun(view, *analysis, action.name, *templates);
  Result<ObjectRef> made = ObjectRef();
  if (run)
    made = co_await createRun(view, std::move(*run));
  else
    made = std::unexpected(run.error());
  if (!made && isFinal(made.error())) {
    view.world.feedback.analysis_errors[action.analysis] = describe(made.error());
    co_return {};
  }
  if (!made) co_return std::unexpected(made.error());
  context_.caches.analysis_runs->observe(*made);
  experiment::RunView started = readExperimentRun((*made)->parse());
  view.world.feedback.started[action.analysis] = started.name;
  view.world.runs.push_back(std::move(started));
  co_return {};
}

loop::Task<Result<void>> ExperimentActor::act(ExperimentView& view, const experiment::StopAnalysis& action) {
  Value patch;
  patch["spec"]["terminate"] = true;
  const Result<ObjectRef> written =
      co_await context_.api->patch(cluster::kAnalysisRuns, view.ns(), action.name, cluster::PatchType::kMerge,
                                   std::move(patch), {.field_manager = kFieldManager});
  if (!written && written.error().kind != ErrorKind::kNotFound) co_return std::unexpected(written.error());
  const auto known = std::ranges::find(view.world.runs, action.name, &experiment::RunView::name);
  if (known != view.world.runs.end()) known->terminate = true;
  if (written) context_.caches.analysis_runs->observe(*written);
  co_return {};
}

// ---- the Experiment itself
// -------------------------------------------------------------------------------------------

loop::Task<Result<void>> ExperimentActor::act(ExperimentView& view, const experiment::PatchStatus& action) {
  Value patch = experimentStatusPatch(view.object, action.next);
  view.world.status = action.next;
  if (patch.asObject().empty()) co_return {};
  // A person may clear the status to run it anew: what was decided for the old one must not come after that.
  patch["metadata"]["resourceVersion"] = view.ref->meta().resource_version;
  const Result<ObjectRef> written =
      co_await context_.api->patch(cluster::kExperiments, view.ns(), view.world.name, cluster::PatchType::kMerge,
                                   std::move(patch), {.field_manager = kFieldManager});
  if (!written) co_return std::unexpected(written.error());
  context_.caches.experiments->observe(*written);
  view.ref = *written;
  view.object = view.ref->parse();
  co_return {};
}

loop::Task<Result<void>> ExperimentActor::act(ExperimentView& view, const experiment::EmitEvent& action) {
  const bool normal = action.type == experiment::EventType::kNormal;
  context_.events->record(cluster::subjectOf(cluster::kExperiments, view.ref->meta()),
                          normal ? cluster::EventType::kNormal : cluster::EventType::kWarning, action.reason,
                          action.message);
  if (action.also_on_rollout && view.rollout) {
    context_.events->record(cluster::subjectOf(cluster::kRollouts, view.rollout->meta()), cluster::EventType::kWarning,
                            action.reason, action.message);
  }
  co_return {};
}

}  // namespace towpath::control
