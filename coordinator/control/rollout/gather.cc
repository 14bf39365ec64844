#include "control/rollout/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <utility>

#include "api/extensions.h"
#include "api/keys.h"
#include "api/rollout_view.h"
#include "api/validate.h"
#include "api/workload_view.h"
#include "cluster/kinds.h"
#include "control/objects/patches.h"
#include "control/rollout/experiments.h"
#include "control/rollout/pod_metadata.h"
#include "control/rollout/replica_sets.h"
#include "control/rollout/workload.h"
#include "engine/rollout/decide.h"

namespace towpath::control {
namespace {

using rollout::ServiceRole;

struct ServiceUse {
  ServiceRole role;
  std::string name;
};

std::vector<ServiceUse> servicesOf(const model::RolloutSpec& spec) {
  std::vector<ServiceUse> uses;
  if (const model::BlueGreenStrategy* strategy = spec.blueGreen()) {
    uses = {{ServiceRole::kActive, strategy->active_service}, {ServiceRole::kPreview, strategy->preview_service}};
  }
  if (const model::CanaryStrategy* strategy = spec.canary()) {
    uses = {{ServiceRole::kStable, strategy->stable_service}, {ServiceRole::kCanary, strategy->canary_service}};
    if (const std::optional<model::PingPong>& turns = strategy->ping_pong) {
      uses.push_back({ServiceRole::kPing, turns->ping_service});
      uses.push_back({ServiceRole::kPong, turns->pong_service});
    }
  }
  std::erase_if(uses, [](const ServiceUse& use) { return use.name.empty(); });
  return uses;
}

std::vector<const model::AnalysisRef*> analysesOf(const model::RolloutSpec& spec) {
  std::vector<const model::AnalysisRef*> refs;
  if (const model::BlueGreenStrategy* strategy = spec.blueGreen()) {
    if (strategy->pre_promotion_analysis) refs.push_back(&*strategy->pre_promotion_analysis);
    if (strategy->post_promotion_analysis) refs.push_back(&*strategy->post_promotion_analysis);
  }
  if (const model::CanaryStrategy* strategy = spec.canary()) {
    for (const model::Step& step : strategy->steps) {
      if (const auto* analysis = std::get_if<model::AnalysisStep>(&step)) refs.push_back(&analysis->analysis);
    }
    if (strategy->analysis) refs.push_back(&strategy->analysis->analysis);
  }
  return refs;
}

// Objects of the caches for the time of a look, each read once.
class Parsed {
 public:
  // nullptr if it is not there.
  const Value* find(const cluster::Cache* cache, std::string_view ns, std::string_view name) {
    for (const Entry& entry : entries_) {
      if (entry.cache == cache && entry.name == name) return &entry.object;
    }
    const cluster::ObjectRef found = cache->find(ns, name);
    return found ? &entries_.emplace_back(cache, std::string(name), found->parse()).object : nullptr;
  }

 private:
  struct Entry {
    const cluster::Cache* cache = nullptr;  // and with it the namespace
    std::string name;
    Value object;
  };
  std::list<Entry> entries_;
};

void noteInvalid(View& view, std::optional<std::string> error) {
  if (!view.world.invalid) view.world.invalid = std::move(error);
}

void gatherServices(const RolloutContext& context, View& view, Parsed& parsed) {
  for (const ServiceUse& use : servicesOf(view.world.spec)) {
    const Value* found = parsed.find(context.caches.services, view.world.namespace_name, use.name);
    if (found) view.world.services.push_back({use.role, api::decodeService(*found)});
  }
}

// A step that a router cannot carry out would be skipped in silence: the Rollout is refused instead.
void checkSteps(View& view, const std::string& key, const traffic::Router& router) {
  const std::vector<model::Step>& steps = view.world.spec.canary()->steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Result<void> can = router.supports(steps[i]);
    if (can) continue;
    const std::string why = fmt::format("the traffic router {} cannot do this step: {}", key, describe(can.error()));
    noteInvalid(view, api::describe(api::invalidValue(fmt::format("spec.strategy.canary.steps[{}]", i),
                                                      toString(steps[i]), why)));
  }
}

void checkPlugins(const RolloutContext& context, View& view) {
  const std::vector<model::Step>& steps = view.world.spec.canary()->steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto* plugin = std::get_if<model::PluginStep>(&steps[i]);
    if (!plugin || (context.step_plugins && context.step_plugins->knows(plugin->name))) continue;
    noteInvalid(view, api::describe(api::invalidValue(
                          fmt::format("spec.strategy.canary.steps[{}].plugin.name", i), plugin->name,
                          fmt::format("there is no such step plugin; name its command at [plugins.steps.\"{}\"] in "
                                      "coordinator.toml",
                                      plugin->name))));
  }
}

void checkReferences(const RolloutContext& context, View& view, Parsed& parsed) {
  const std::string& ns = view.world.namespace_name;
  const auto finder = [&parsed](const cluster::Cache* cache, std::string in) {
    return [&parsed, cache, in](std::string_view name) { return parsed.find(cache, in, name); };
  };
  const api::FieldErrors errors = api::validateReferences(
      view.object, {.service = finder(context.caches.services, ns),
                    .analysis_template = finder(context.caches.analysis_templates, ns),
                    .cluster_analysis_template = finder(context.caches.cluster_analysis_templates, "")});
  if (!errors.empty()) noteInvalid(view, api::describe(errors.front()));
  const model::CanaryStrategy* canary = view.world.spec.canary();
  if (canary) checkPlugins(context, view);
  if (!canary || !canary->traffic_routing) return;
  for (const std::string& key : canary->traffic_routing->routers) {
    const auto router = traffic::makeRouter(key, routerConfig(view.object, key), routerContext(context));
    if (router) {
      checkSteps(view, key, **router);
      continue;
    }
    noteInvalid(view, api::describe(api::invalidValue("spec.strategy.trafficRouting", key, describe(router.error()))));
  }
}

void gatherReplicaSets(const RolloutContext& context, View& view) {
  std::vector<const Value*> objects;
  for (const cluster::ObjectRef& ref : context.caches.replica_sets->controlledBy(view.world.uid)) {
    if (!ref->meta().label(api::kHashLabel)) continue;
    const auto place = view.replica_sets.insert_or_assign(ref->meta().name, ref->parse()).first;
    model::ReplicaSet& set = view.world.replica_sets.emplace_back(api::decodeReplicaSet(place->second));
    set.pods_lag = podsLag(context, view.world.spec, place->second);
    objects.push_back(&place->second);
  }
  const Value* fresh = findNewReplicaSet(view.object, view.world.computed_hash, objects, context.facts);
  view.world.new_rs.reset();
  if (!fresh) return;
  view.world.new_rs = std::string(cluster::nameOf(*fresh));
  view.world.new_rs_in_sync = inSync(view.object, *fresh);
}

void gatherRuns(const RolloutContext& context, View& view) {
  for (const cluster::ObjectRef& ref : context.caches.analysis_runs->controlledBy(view.world.uid)) {
    view.world.analysis_runs.push_back(readRunView(ref->parse()));
  }
}

void gatherExperiments(const RolloutContext& context, View& view) {
  if (!context.caches.experiments) return;
  for (const cluster::ObjectRef& ref : context.caches.experiments->controlledBy(view.world.uid)) {
    view.world.experiments.push_back(readExperimentView(ref->parse()));
  }
}

bool podAvailable(const Value& pod, std::int32_t min_ready_seconds, WallTime now) {
  for (const Value& condition : pod["status"]["conditions"].asArray()) {
    if (condition["type"].asStringView() != "Ready" || condition["status"].asStringView() != "True") continue;
    const std::optional<WallTime> since = parseRfc3339(condition["lastTransitionTime"].asStringView());
    return min_ready_seconds == 0 || (since && *since + std::chrono::seconds(min_ready_seconds) <= now);
  }
  return false;
}

void gatherPods(const RolloutContext& context, View& view) {
  const WallTime now = context.loop->steadyNow();
  view.world.wall_ahead = std::chrono::round<std::chrono::seconds>(context.loop->wallNow() - now);
  if (!context.caches.pods || !rollout::restartPending(view.world, now)) return;
  for (const model::ReplicaSet& set : view.world.replica_sets) {
    for (const cluster::ObjectRef& ref : context.caches.pods->controlledBy(set.uid)) {
      const Value pod = ref->parse();
      view.world.pods.push_back({ref->meta().name, creationTime(pod),
                                 podAvailable(pod, view.world.spec.min_ready_seconds, now), ref->meta().deleting});
    }
  }
}

// From here on the object has the workload's template, as if it were the Rollout's own.
void readWorkload(const RolloutContext& context, View& view) {
  Result<rollout::WorkloadView> workload = resolveWorkload(context.caches, view.object);
  if (!workload) {
    noteInvalid(view, workload.error().message);
    return;
  }
  view.world.workload = std::move(*workload);
  Value resolved = view.object;
  resolved.eraseAt({"spec", "workloadRef"});
  noteInvalid(view, context.facts.validate(resolved));
}

}  // namespace

traffic::RouterContext routerContext(const RolloutContext& context) {
  cluster::Cache* routes = context.caches.http_routes;
  traffic::RouterContext router{
      .api = context.api, .loop = context.loop, .http_routes = routes, .reports = context.route_reports};
  if (routes) router.observe_route = [routes](const cluster::ObjectRef& route) { routes->observe(route); };
  return router;
}

traffic::Target routerTarget(const View& view, std::string_view router) {
  const model::CanaryStrategy& canary = *view.world.spec.canary();
  const auto choice = router == "alb" ? model::ServiceChoice::kPreferPingPong : model::ServiceChoice::kPreferNamed;
  model::ServicePair services = routedServices(canary, view.world.status.canary.stable_ping_pong, choice);
  return {.ns = view.world.namespace_name,
          .rollout = view.world.name,
          .canary_service = std::move(services.canary),
          .stable_service = std::move(services.stable),
          .managed_routes = canary.traffic_routing->managed_routes,
          .max_weight = canary.maxWeight()};
}

const Value& routerConfig(const Value& rollout, const std::string& key) {
  const Value& routing = rollout.at({"spec", "strategy", "canary", "trafficRouting"});
  if (key.starts_with("plugins/")) return routing["plugins"][key.substr(8)];
  return routing[key];
}

std::string referenceId(const cluster::Resource& resource, std::string_view ns, std::string_view name) {
  return fmt::format("{}/{}/{}", resource.storageName(), ns, name);
}

bool usesService(const Value& rollout, std::string_view name) {
  return std::ranges::any_of(servicesOf(api::decodeRolloutSpec(rollout)),
                             [name](const ServiceUse& use) { return use.name == name; });
}

std::set<std::string> references(const View& view) {
  const std::string& ns = view.world.namespace_name;
  std::set<std::string> ids;
  for (const ServiceUse& use : servicesOf(view.world.spec)) ids.insert(referenceId(cluster::kServices, ns, use.name));
  const Value& workload = view.object["spec"]["workloadRef"];
  if (const cluster::Resource* resource = workloadResource(workload)) {
    ids.insert(referenceId(*resource, ns, workload["name"].asStringView()));
  }
  for (const model::AnalysisRef* analysis : analysesOf(view.world.spec)) {
    for (const model::TemplateRef& ref : analysis->templates) {
      ids.insert(ref.cluster_scope ? referenceId(cluster::kClusterAnalysisTemplates, "", ref.name)
                                   : referenceId(cluster::kAnalysisTemplates, ns, ref.name));
    }
  }
  const model::CanaryStrategy* canary = view.world.spec.canary();
  if (!canary || !canary->traffic_routing) return ids;
  for (const std::string& key : canary->traffic_routing->routers) {
    const Value& config = routerConfig(view.object, key);
    const std::string route_ns = config["namespace"].asString(ns);
    if (config["httpRoute"].isString()) {
      ids.insert(referenceId(cluster::kHttpRoutes, route_ns, config["httpRoute"].asStringView()));
    }
    for (const Value& route : config["httpRoutes"].asArray()) {
      ids.insert(referenceId(cluster::kHttpRoutes, route_ns, route["name"].asStringView()));
    }
  }
  return ids;
}

rollout::AnalysisRunView readRunView(const Value& run) {
  rollout::AnalysisRunView view;
  view.name = std::string(cluster::nameOf(run));
  view.type = rollout::parseAnalysisType(cluster::labelOf(run, api::kRolloutType));
  const Value& index = run["metadata"]["labels"][api::kStepIndex];
  view.step_index = numberIn(index);
  view.hash = std::string(cluster::labelOf(run, api::kHashLabel));
  const Value& revision = run["metadata"]["annotations"][api::kRevision];
  view.revision = numberIn(revision);
  view.phase = model::parseAnalysisPhase(run["status"]["phase"].asStringView());
  view.message = run["status"]["message"].asString();
  view.creation_time = creationTime(run);
  view.terminate = run["spec"]["terminate"].asBool();
  view.deleting = !run["metadata"]["deletionTimestamp"].isNull();
  return view;
}

void readRollout(const RolloutContext& context, View& view) {
  rollout::World& world = view.world;
  const Value& object = view.object;
  const cluster::ObjectMeta& meta = view.ref->meta();
  world.name = meta.name;
  world.namespace_name = meta.ns;
  world.uid = meta.uid;
  world.generation = meta.generation;
  const Value& revision = object["metadata"]["annotations"][api::kRevision];
  world.revision = numberIn(revision);
  world.recreate = cluster::annotationOf(object, api::kStrategyAnnotation) == "recreate";
  world.extensions = api::decodeExtensions(object);
  world.noted_workload_generation = cluster::annotationOf(object, api::kWorkloadGeneration);
  world.status = api::decodeRolloutStatus(object);
  world.invalid.reset();
  world.spec = api::decodeRolloutSpec(object);
  world.workload.reset();
  if (world.spec.workload_ref) {
    readWorkload(context, view);
  } else {
    noteInvalid(view, context.facts.validate(object));
  }
  world.computed_hash = context.facts.template_hash(object["spec"]["template"], world.status.collision_count);
  const Value& strategy = object["spec"]["strategy"];
  world.step_hash = strategy["canary"].isObject() ? context.facts.step_hash(strategy["canary"]["steps"]) : "";
  world.selector_text = api::selectorText(object["spec"]["selector"]);
}

View gather(const RolloutContext& context, cluster::ObjectRef ref, Value object) {
  View view;
  view.object = std::move(object);
  view.ref = std::move(ref);
  Parsed parsed;
  readRollout(context, view);
  gatherServices(context, view, parsed);
  checkReferences(context, view, parsed);
  gatherReplicaSets(context, view);
  gatherRuns(context, view);
  gatherExperiments(context, view);
  gatherPods(context, view);
  return view;
}

}  // namespace towpath::control
