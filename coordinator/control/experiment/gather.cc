#include "control/experiment/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "api/analysis_view.h"
#include "api/experiment_view.h"
#include "api/rollout_view.h"
#include "api/workload_view.h"
#include "cluster/kinds.h"
#include "control/experiment/objects.h"

namespace towpath::control {
namespace {

using cluster::ObjectRef;

// From the cache, or, since a cache may be behind, from the API; nullptr if there is none.
loop::Task<Result<ObjectRef>> look(const ExperimentContext& context, const cluster::Cache& cache, std::string ns,
                                   std::string name) {
  if (ObjectRef found = cache.find(ns, name)) co_return found;
  Result<ObjectRef> asked = co_await context.api->get(cache.resource(), std::move(ns), std::move(name));
  if (!asked && asked.error().kind == ErrorKind::kNotFound) co_return ObjectRef();
  co_return asked;
}

loop::Task<Result<ObjectRef>> lookForTemplate(const ExperimentContext& context, std::string ns,
                                              model::TemplateRef ref) {
  const cluster::Cache& cache =
      ref.cluster_scope ? *context.caches.cluster_analysis_templates : *context.caches.analysis_templates;
  co_return co_await look(context, cache, ref.cluster_scope ? "" : std::move(ns), ref.name);
}

Result<void> gatherReplicaSets(const ExperimentContext& context, ExperimentView& view) {
  for (const ObjectRef& ref : context.caches.replica_sets->controlledBy(view.ref->meta().uid)) {
    Value object = ref->parse();
    const std::string name(templateNameOf(object, view.world.name));
    if (templateOf(view.object, name).isNull()) continue;
    if (view.replica_sets.contains(name)) {
      return fail(ErrorKind::kConflict, fmt::format("multiple ReplicaSets match single experiment template: {}", name));
    }
    view.world.templates[name].replica_set = api::decodeReplicaSet(object);
    view.replica_sets[name] = std::move(object);
  }
  return {};
}

// The weights are recorded after the route is set, and both before the experiment is forgotten: a Rollout that still
// names it as the current one may have set a route that it did not live to record.
bool getsTraffic(const Value& rollout, std::string_view experiment, std::string_view service) {
  const Value& status = rollout["status"];
  const Array& destinations = status.at({"canary", "weights", "additional"}).asArray();
  const auto is_service = [&](const Value& one) { return one["serviceName"].asStringView() == service; };
  if (std::ranges::any_of(destinations, is_service)) return true;
  const auto has_judged = [](const Value& pause) { return pause["reason"].asStringView() == "InconclusiveExperiment"; };
  return status["canary"]["currentExperiment"].asStringView() == experiment &&
         std::ranges::none_of(status["pauseConditions"].asArray(), has_judged);
}

void gatherServices(const ExperimentContext& context, ExperimentView& view) {
  const Value rollout = view.rollout ? view.rollout->parse() : Value();
  for (const ObjectRef& ref : context.caches.services->controlledBy(view.ref->meta().uid)) {
    if (ref->meta().deleting) continue;
    const Value object = ref->parse();
    const std::string name(templateNameOf(object, view.world.name));
    if (templateOf(view.object, name).isNull()) continue;
    experiment::TemplateView& known = view.world.templates[name];
    known.service = ref->meta().name;
    known.gets_traffic = getsTraffic(rollout, view.world.name, known.service);
  }
}

loop::Task<Result<void>> gatherRuns(const ExperimentContext& context, ExperimentView& view) {
  for (const model::ExperimentAnalysisStatus& status : view.world.status.analyses) {
    if (status.run.empty() || model::isCompleted(status.phase)) continue;
    const Result<ObjectRef> run = co_await look(context, *context.caches.analysis_runs, view.ns(), status.run);
    if (!run) co_return std::unexpected(run.error());
    if (*run) view.world.runs.push_back(readExperimentRun((*run)->parse()));
  }
  co_return {};
}

// Asked before there is anything to measure: a missing template is told at once.
loop::Task<Result<void>> verifyAnalyses(const ExperimentContext& context, ExperimentView& view) {
  const model::ExperimentStatus& status = view.world.status;
  if (status.available_at || model::isCompleted(status.phase)) co_return {};
  for (const model::ExperimentAnalysis& analysis : view.world.spec.analyses) {
    const Result<ObjectRef> found = co_await lookForTemplate(context, view.ns(), analysis.analysis_template);
    if (!found) co_return std::unexpected(found.error());
    if (*found) continue;
    const cluster::Resource& resource =
        analysis.analysis_template.cluster_scope ? cluster::kClusterAnalysisTemplates : cluster::kAnalysisTemplates;
    view.world.missing_analyses[analysis.name] =
        fmt::format("{} \"{}\" not found", resource.storageName(), analysis.analysis_template.name);
  }
  co_return {};
}

ObjectRef rolloutOf(const ExperimentContext& context, const ObjectRef& experiment) {
  const cluster::OwnerRef* owner = experiment->meta().controllerOwner();
  if (owner == nullptr || owner->kind != cluster::kRollouts.kind) return nullptr;
  ObjectRef rollout = context.caches.rollouts->find(experiment->meta().ns, owner->name);
  return rollout && rollout->meta().uid == owner->uid && !rollout->meta().deleting ? rollout : nullptr;
}

}  // namespace

void FoundTemplates::add(const model::TemplateRef& ref, Value object) {
  objects_[{ref.cluster_scope, ref.name}] = std::move(object);
}

Value FoundTemplates::operator()(const model::TemplateRef& ref) const {
  const auto found = objects_.find({ref.cluster_scope, ref.name});
  return found == objects_.end() ? Value() : found->second;
}

loop::Task<Result<FoundTemplates>> findTemplates(const ExperimentContext& context, std::string ns,
                                                 model::TemplateRef ref) {
  FoundTemplates templates;
  std::set<std::pair<bool, std::string>> seen;
  std::vector<model::TemplateRef> open{std::move(ref)};
  while (!open.empty()) {
    const model::TemplateRef next = std::move(open.back());
    open.pop_back();
    if (!seen.insert({next.cluster_scope, next.name}).second) continue;
    const Result<ObjectRef> found = co_await lookForTemplate(context, ns, next);
    if (!found) co_return std::unexpected(found.error());
    if (!*found) continue;
    Value object = (*found)->parse();
    for (model::TemplateRef& nested : api::decodeAnalysisRef(object["spec"]).templates)
      open.push_back(std::move(nested));
    templates.add(next, std::move(object));
  }
  co_return templates;
}

experiment::RunView readExperimentRun(const Value& run) {
  return {.name = std::string(cluster::nameOf(run)),
          .phase = model::parseAnalysisPhase(run["status"]["phase"].asStringView()),
          .message = run["status"]["message"].asString(),
          .terminate = run["spec"]["terminate"].asBool()};
}

loop::Task<Result<ExperimentView>> gatherExperiment(const ExperimentContext& context, ObjectRef ref) {
  ExperimentView view;
  view.object = ref->parse();
  view.rollout = rolloutOf(context, ref);
  view.ref = std::move(ref);
  view.world.name = view.ref->meta().name;
  view.world.spec = api::decodeExperimentSpec(view.object);
  view.world.status = api::decodeExperimentStatus(view.object);
  if (auto done = gatherReplicaSets(context, view); !done) co_return std::unexpected(done.error());
  gatherServices(context, view);
  if (auto done = co_await gatherRuns(context, view); !done) co_return std::unexpected(done.error());
  if (auto done = co_await verifyAnalyses(context, view); !done) co_return std::unexpected(done.error());
  co_return view;
}

}  // namespace towpath::control
