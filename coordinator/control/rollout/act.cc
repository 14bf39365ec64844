#include "control/rollout/act.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/keys.h"
#include "api/workload_view.h"
#include "base/log.h"
#include "control/objects/patches.h"
#include "control/objects/writes.h"
#include "control/rollout/analysis_runs.h"
#include "control/rollout/gather.h"
#include "control/rollout/replica_sets.h"
#include "engine/rollout/decide.h"
#include "engine/rollout/effects.h"

namespace towpath::control {
namespace {

Value annotation(const char* key, Value value) {
  Value patch;
  patch["metadata"]["annotations"][key] = std::move(value);
  return patch;
}

// Services of an experiment that is over: they lose their share.
std::vector<std::string> formerDestinations(const View& view, const rollout::TrafficSetting& setting) {
  std::vector<std::string> names;
  if (!view.world.status.canary.weights) return names;
  for (const model::WeightDestination& before : view.world.status.canary.weights->additional) {
    const bool stays = std::ranges::any_of(setting.additional, [&before](const model::WeightDestination& now) {
      return now.service_name == before.service_name;
    });
    if (!stays) names.push_back(before.service_name);
  }
  return names;
}

bool refused(const View& view, const rollout::Action& action) {
  const auto* eviction = std::get_if<rollout::EvictPod>(&action);
  return eviction && std::ranges::any_of(view.world.pods, [eviction](const rollout::PodView& pod) {
           return pod.name == eviction->name && pod.eviction_refused;
         });
}

// What a decision was made about. Each write of the Rollout reads it and its workload anew: what somebody has changed
// meanwhile was not decided upon, and a new ReplicaSet would get a template that its name does not tell of.
struct Basis {
  std::int64_t generation = 0;
  std::optional<std::int32_t> collision_count;
  std::string hash;

  explicit Basis(const rollout::World& world)
      : generation(world.generation), collision_count(world.status.collision_count), hash(world.computed_hash) {}
  bool holds(const rollout::World& world) const {
    return generation == world.generation &&
           (collision_count != world.status.collision_count || hash == world.computed_hash);
  }
};

// What is aborted does not wait behind what goes on as planned.
cluster::Urgency urgencyOf(const View& view) {
  return view.world.status.abort ? cluster::Urgency::kUrgent : cluster::Urgency::kNormal;
}

}  // namespace

loop::Task<Result<ActEnd>> Actor::carryOut(View& view, rollout::Decision decision) {
  const Basis basis(view.world);
  for (const rollout::Action& action : decision.actions) {
    const bool outdated = !basis.holds(view.world);
    if (outdated && !std::holds_alternative<rollout::EmitEvent>(action)) co_return ActEnd{.outdated = true};
    const Result<void> done = co_await carryOut(view, action);
    if (done) {
      // The actions after it tell of a success.
      const bool creation = std::holds_alternative<rollout::CreateReplicaSet>(action);
      if (creation && view.world.create_failure) co_return ActEnd{.decide_again = true};
      // What waits for the pod to be gone does not wait for one that stays.
      if (refused(view, action)) decision.decide_again = true;
      continue;
    }
    const std::string what = rollout::toString(action);
    if (rollout::onFailure(action) == rollout::OnFailure::kEndPass) {
      co_return std::unexpected(withContext(done.error(), what));
    }
    log::warning("action failed, going on",
                 {{"rollout", toString(view.key())}, {"action", what}, {"error", describe(done.error())}});
  }
  co_return ActEnd{.decide_again = decision.decide_again, .outdated = !basis.holds(view.world)};
}

loop::Task<Result<void>> Actor::carryOut(View& view, const rollout::Action& action) {
  log::debug("action", {{"rollout", toString(view.key())}, {"action", rollout::toString(action)}});
  Result<void> done = co_await std::visit([this, &view](const auto& each) { return act(view, each); }, action);
  co_return done;
}

void Actor::event(const View& view, rollout::EventType type, const std::string& reason, const std::string& message) {
  const auto kind = type == rollout::EventType::kNormal ? cluster::EventType::kNormal : cluster::EventType::kWarning;
  context_.events->record(cluster::subjectOf(cluster::kRollouts, view.ref->meta()), kind, reason, message);
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::EmitEvent& action) {
  event(view, action.type, action.reason, action.message);
  co_return {};
}

// ---- ReplicaSets
// -----------------------------------------------------------------------------------------------------

void Actor::takeReplicaSet(View& view, const cluster::ObjectRef& ref) {
  context_.caches.replica_sets->observe(ref);
  Value& object = view.replica_sets[ref->meta().name];
  object = ref->parse();
  model::ReplicaSet set = api::decodeReplicaSet(object);
  const auto known = std::ranges::find(view.world.replica_sets, set.name, &model::ReplicaSet::name);
  if (known == view.world.replica_sets.end())
    view.world.replica_sets.push_back(std::move(set));
  else
    *known = std::move(set);
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::CreateReplicaSet& action) {
  Result<cluster::ObjectRef> made = co_await context_.api->create(
      cluster::kReplicaSets, makeReplicaSet(view.object, action), {.field_manager = kFieldManager});
  bool collision = false;
  if (!made && made.error().kind == ErrorKind::kAlreadyExists) {
    made = co_await context_.api->get(cluster::kReplicaSets, view.world.namespace_name, action.name);
    if (!made) co_return std::unexpected(made.error());
    const Value existing = (*made)->parse();
    collision = !controlledBy(*made, view.world.uid) ||
                !context_.facts.same_template(view.object["spec"]["template"], existing);
  }
  if (collision || !made) {
    const std::string message = made ? "it exists with another owner or template" : describe(made.error());
    view.world.create_failure = rollout::CreateFailure{action.name, message, collision};
    co_return {};
  }
  rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  takeReplicaSet(view, *made);
  co_return {};
}

loop::Task<Result<void>> Actor::patchReplicaSet(View& view, std::string name, Value patch) {
  const Result<cluster::ObjectRef> written = co_await context_.api->patch(
      cluster::kReplicaSets, view.world.namespace_name, std::move(name), cluster::PatchType::kMerge, std::move(patch),
      {.field_manager = kFieldManager, .urgency = urgencyOf(view)});
  if (!written) co_return std::unexpected(written.error());
  takeReplicaSet(view, *written);
  co_return {};
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::SyncReplicaSet& action) {
  Result<void> done =
      co_await patchReplicaSet(view, action.name, syncPatch(view.object, view.replica_sets[action.name], action));
  if (done) view.world.new_rs_in_sync = true;
  co_return done;
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::ScaleReplicaSet& action) {
  Value patch = annotation(api::kDesiredReplicas, std::to_string(action.desired_replicas));
  patch["spec"]["replicas"] = action.to;
  co_return co_await patchReplicaSet(view, action.name, std::move(patch));
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::SetScaleDownDeadline& action) {
  co_return co_await patchReplicaSet(view, action.name,
                                     annotation(api::kScaleDownDeadline, formatRfc3339(action.deadline)));
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::ClearScaleDownDeadline& action) {
  co_return co_await patchReplicaSet(view, action.name, annotation(api::kScaleDownDeadline, Value()));
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::DeleteReplicaSet& action) {
  const std::string uid(cluster::uidOf(view.replica_sets[action.name]));
  Result<void> removed =
      unlessGone(co_await context_.api->remove(cluster::kReplicaSets, view.world.namespace_name, action.name,
                                               {.propagation = cluster::Propagation::kBackground, .uid = uid}));
  if (removed) rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  co_return removed;
}

// ---- the Rollout itself
// -----------------------------------------------------------------------------------------------

loop::Task<Result<void>> Actor::patchRollout(View& view, Value patch, std::string subresource) {
  const Result<cluster::ObjectRef> written = co_await context_.api->patch(
      cluster::kRollouts, view.world.namespace_name, view.world.name, cluster::PatchType::kMerge, std::move(patch),
      {.field_manager = kFieldManager, .subresource = std::move(subresource), .urgency = urgencyOf(view)});
  if (!written) co_return std::unexpected(written.error());
  context_.caches.rollouts->observe(*written);
  view.ref = *written;
  view.object = view.ref->parse();
  // Referenced objects were checked when the pass began.
  std::optional<std::string> invalid = view.world.invalid;
  readRollout(context_, view);
  if (!view.world.invalid) view.world.invalid = std::move(invalid);
  co_return {};
}

// With the version that was read: what else was written meanwhile was not decided upon.
loop::Task<Result<void>> Actor::act(View& view, const rollout::SetRolloutRevision& action) {
  Value patch = annotation(api::kRevision, std::to_string(action.revision));
  patch["metadata"]["resourceVersion"] = view.ref->meta().resource_version;
  co_return co_await patchRollout(view, std::move(patch), "");
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::NoteWorkloadGeneration& action) {
  const Value noted = action.generation.empty() ? Value() : Value(action.generation);
  co_return co_await patchRollout(view, annotation(api::kWorkloadGeneration, noted), "");
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::NoteRejected& action) {
  const Value hash = action.hash.empty() ? Value() : Value(action.hash);
  co_return co_await patchRollout(view, annotation(api::kRejectedTemplate, hash), "");
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::SetReplicasDefault& action) {
  Value patch;
  patch["spec"]["replicas"] = action.replicas;
  patch["metadata"]["resourceVersion"] = view.ref->meta().resource_version;
  co_return co_await patchRollout(view, std::move(patch), "");
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::PatchStatus& action) {
  Value patch = rolloutStatusPatch(view.object, action.next);
  if (patch.asObject().empty()) co_return {};
  if (action.guarded) patch["metadata"]["resourceVersion"] = view.ref->meta().resource_version;
  co_return co_await patchRollout(view, std::move(patch), "status");
}

// ---- services and traffic
// -----------------------------------------------------------------------------------------------

loop::Task<Result<void>> Actor::act(View& view, const rollout::SwitchService& action) {
  Value patch;
  patch["spec"]["selector"][api::kHashLabel] = action.hash;
  const auto known = std::ranges::find_if(view.world.services, [&action](const rollout::ServiceView& service) {
    return service.service.name == action.service;
  });
  if (known == view.world.services.end() || known->service.managed_by.empty()) {
    patch["metadata"]["annotations"][api::kManagedBy] = view.world.name;
  }
  const Result<cluster::ObjectRef> written = co_await context_.api->patch(
      cluster::kServices, view.world.namespace_name, action.service, cluster::PatchType::kMerge, std::move(patch),
      {.field_manager = kFieldManager, .urgency = urgencyOf(view)});
  if (!written) co_return std::unexpected(written.error());
  context_.caches.services->observe(*written);
  rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  co_return {};
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::SetTraffic& action) {
  const traffic::Weights weights{action.setting.canary_weight, action.setting.additional,
                                 formerDestinations(view, action.setting)};
  const traffic::Hashes hashes{action.setting.canary_hash, action.setting.stable_hash};
  traffic::RouterContext router_context = routerContext(context_);
  router_context.urgency = action.setting.canary_weight == 0 ? cluster::Urgency::kUrgent : urgencyOf(view);
  for (const std::string& key : view.world.spec.canary()->traffic_routing->routers) {
    Result<std::unique_ptr<traffic::Router>> router =
        traffic::makeRouter(key, routerConfig(view.object, key), router_context);
    const traffic::Target target = routerTarget(view, key);
    Result<void> done;
    if (!router) done = std::unexpected(router.error());
    if (done) done = co_await (*router)->setManagedRoutes(target, action.setting.managed);
    if (done && action.weight_first) done = co_await (*router)->setWeight(target, weights);
    if (done) done = co_await (*router)->updateHash(target, hashes);
    if (done && !action.weight_first) done = co_await (*router)->setWeight(target, weights);
    if (done) continue;
    event(view, rollout::EventType::kWarning, "TrafficRoutingError", describe(done.error()));
    co_return std::unexpected(done.error());
  }
  rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  view.world.traffic.verified = co_await verifyTraffic(view);
  co_return {};
}

loop::Task<std::optional<bool>> Actor::verifyTraffic(View& view) {
  std::optional<bool> verified;
  const model::CanaryStrategy* canary = view.world.spec.canary();
  if (!canary || !canary->traffic_routing || !view.world.traffic.applied) co_return verified;
  const rollout::TrafficSetting setting = *view.world.traffic.applied;
  const traffic::Weights weights{setting.canary_weight, setting.additional, {}};
  for (const std::string& key : canary->traffic_routing->routers) {
    Result<std::unique_ptr<traffic::Router>> router =
        traffic::makeRouter(key, routerConfig(view.object, key), routerContext(context_));
    if (!router) co_return false;
    const Result<std::optional<bool>> answer = co_await (*router)->verifyWeight(routerTarget(view, key), weights);
    if (!answer) {
      // Not known is not live: the step waits, the pass goes on.
      event(view, rollout::EventType::kWarning, "WeightVerifyError",
            "Failed to verify weight: " + describe(answer.error()));
      co_return false;
    }
    if (*answer) verified = verified.value_or(true) && **answer;
  }
  co_return verified;
}

// ---- analysis
// -----------------------------------------------------------------------------------------------------------

loop::Task<Result<cluster::ObjectRef>> Actor::createRun(View& view, Value run) {
  const std::string name(cluster::nameOf(run));
  for (int suffix = 0; suffix < kMaxNames; ++suffix) {
    std::string tried = suffix == 0 ? name : fmt::format("{}.{}", name, suffix);
    run["metadata"]["name"] = tried;
    Result<cluster::ObjectRef> made =
        co_await context_.api->create(cluster::kAnalysisRuns, run, {.field_manager = kFieldManager});
    if (made || made.error().kind != ErrorKind::kAlreadyExists) co_return made;
    Result<cluster::ObjectRef> existing =
        co_await context_.api->get(cluster::kAnalysisRuns, view.world.namespace_name, std::move(tried));
    if (!existing) co_return existing;
    const Value object = (*existing)->parse();
    const bool finished = model::isCompleted(readRunView(object).phase) || object["spec"]["terminate"].asBool();
    if (!finished && controlledBy(*existing, view.world.uid) && sameRun(run, object)) co_return existing;
  }
  co_return fail(ErrorKind::kAlreadyExists, "no free name for AnalysisRun " + name);
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::StartAnalysis& action) {
  const model::AnalysisRef* reference = rollout::analysisRef(view.world.spec, action.type, action.step_index);
  if (!reference) co_return fail(ErrorKind::kInternal, "the Rollout has no such analysis");
  const FindTemplate find = [this, &view](const model::TemplateRef& ref) {
    const cluster::ObjectRef found =
        ref.cluster_scope ? context_.caches.cluster_analysis_templates->find("", ref.name)
                          : context_.caches.analysis_templates->find(view.world.namespace_name, ref.name);
    return found ? found->parse() : Value();
  };
  Result<Value> run = makeAnalysisRun(view.object, *reference, action, find);
  if (!run) co_return std::unexpected(run.error());
  const Result<cluster::ObjectRef> made = co_await createRun(view, std::move(*run));
  if (!made) co_return std::unexpected(made.error());
  context_.caches.analysis_runs->observe(*made);
  rollout::AnalysisRunView started = readRunView((*made)->parse());
  std::erase_if(view.world.analysis_runs,
                [&](const rollout::AnalysisRunView& run_view) { return run_view.name == started.name; });
  view.world.analysis_runs.push_back(std::move(started));
  co_return {};
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::StopAnalysis& action) {
  Value patch;
  patch["spec"]["terminate"] = true;
  const Result<cluster::ObjectRef> written =
      co_await context_.api->patch(cluster::kAnalysisRuns, view.world.namespace_name, action.name,
                                   cluster::PatchType::kMerge, std::move(patch), {.field_manager = kFieldManager});
  if (!written && written.error().kind != ErrorKind::kNotFound) co_return std::unexpected(written.error());
  if (written) context_.caches.analysis_runs->observe(*written);
  rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  co_return {};
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::DeleteAnalysisRun& action) {
  Result<void> removed =
      unlessGone(co_await context_.api->remove(cluster::kAnalysisRuns, view.world.namespace_name, action.name,
                                               {.propagation = cluster::Propagation::kBackground}));
  if (removed) rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  co_return removed;
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::RunStepPlugin& action) {
  const Value& steps = view.object.at({"spec", "strategy", "canary", "steps"});
  const Value& step = steps[static_cast<std::size_t>(action.index)]["plugin"];
  // The steps may be others by now than those that the plugin was called for.
  const Value config = step["name"].asStringView() == action.name ? step["config"] : Value();
  calls_.plugins.begin({.uid = view.world.uid, .wake = [this, key = view.key()] { wake_(key); }}, action,
                       {.name = action.name,
                        .operation = action.operation,
                        .index = action.index,
                        .config = config,
                        .status = action.status,
                        .rollout = view.object});
  rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  co_return {};
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::CallWebhook& action) {
  std::optional<api::WebhookSettings> settings = api::webhookSettings(view.object, action.name);
  if (!settings) co_return {};  // taken out meanwhile: the next pass knows nothing of it any more
  Value payload = webhookPayload(view.object, view.world, action, settings->metadata);
  calls_.webhooks.begin(
      {.uid = view.world.uid, .wake = [this, key = view.key()] { wake_(key); }}, action,
      {.ns = view.world.namespace_name, .settings = *std::move(settings), .payload = std::move(payload)});
  rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  co_return {};
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::NoteWebhookGate& action) {
  const Value point = action.point.empty() ? Value() : Value(action.point);
  co_return co_await patchRollout(view, annotation(api::kWebhookGate, point), "");
}

loop::Task<Result<void>> Actor::act(View& view, const rollout::EvictPod& action) {
  Value eviction = Object{{"apiVersion", "policy/v1"},
                          {"kind", "Eviction"},
                          {"metadata", Object{{"name", action.name}, {"namespace", view.world.namespace_name}}}};
  const Result<cluster::ObjectRef> asked =
      co_await context_.api->create(cluster::kPods, std::move(eviction), {.subresource = "eviction"});
  if (!asked && asked.error().kind == ErrorKind::kTooManyRequests) {
    // A disruption budget says "not now". The engine goes on without this pod and asks again with its next look.
    log::info("eviction refused",
              {{"rollout", toString(view.key())}, {"pod", action.name}, {"error", describe(asked.error())}});
    for (rollout::PodView& pod : view.world.pods) {
      if (pod.name == action.name) pod.eviction_refused = true;
    }
    co_return {};
  }
  if (!asked && asked.error().kind != ErrorKind::kNotFound) co_return std::unexpected(asked.error());
  rollout::applyEffect(view.world, action, context_.loop->steadyNow());
  co_return {};
}

}  // namespace towpath::control
