#include "simulate/world.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "simulate/draw.h"

namespace towpath::simulate {
namespace {

Value serviceObject(const Scenario& scenario, const std::string& name) {
  Value service;
  service["apiVersion"] = "v1";
  service["kind"] = "Service";
  service["metadata"] = Object{{"name", name}, {"namespace", scenario.ns}};
  service["spec"]["selector"] = Object{{"app", appOf(scenario)}};
  service["spec"]["ports"] = Array{Object{{"port", 80}}};
  return service;
}

// The first of the two services has no weight yet: canary, or ping.
Value routeObject(const Scenario& scenario) {
  Value route;
  route["apiVersion"] = "gateway.networking.k8s.io/v1";
  route["kind"] = "HTTPRoute";
  route["metadata"] = Object{{"name", "shop"}, {"namespace", scenario.ns}};
  route["spec"]["rules"] =
      Array{Object{{"backendRefs", Array{Object{{"name", scenario.services[1]}, {"port", 80}, {"weight", 100}},
                                         Object{{"name", scenario.services[0]}, {"port", 80}, {"weight", 0}}}}}};
  return route;
}

}  // namespace

World::Process::Process(FaultyApi::Parts parts, ControllersFor controllers_for)
    : api(std::move(parts)), controllers(controllers_for(api)) {}

World::Tenant::Tenant(World& world, const Scenario& given)
    : scenario(given),
      cluster(world.loop_, world.api_, given),
      nodes(world.loop_, world.api_, given),
      experiments(world.loop_, world.api_, given),
      person(world.loop_, world.api_, given),
      monitor({.loop = world.loop_,
               .api = world.api_,
               .scenario = given,
               .writer = world.writer_,
               .cluster = cluster,
               .nodes = nodes,
               .experiments = experiments,
               .plugins = world.plugins_,
               .person = person,
               .staleness = [&world] { return world.staleness(); },
               .two_at_once = [&world] { return world.loop_.now() < world.second_until_ + 30s; }}) {
  nodes.listen([this](const Split& before, MonoTime asked_at) { monitor.checkLive(before, asked_at); });
}

World::World(const Scenario& scenario, Trace trace)
    : scenario_(scenario),
      trace_(trace),
      loop_(scenario.seed),
      api_(loop_),
      plugins_(loop_, scenario.seed, [this](const std::string&, const std::string& hash) { return qualityOf(hash); }),
      start_(loop_.now()),
      agenda_(loop_) {
  log::setLevel(log::Level::kError);
  tenants_.push_back(std::make_unique<Tenant>(*this, scenario));
  for (const Scenario& neighbour : scenario.neighbours) {
    tenants_.push_back(std::make_unique<Tenant>(*this, neighbour));
    if (neighbour.poison == Poison::kDeafPlugin) plugins_.deafen(neighbour.ns);
    if (neighbour.poison == Poison::kNoQuota) faults_.no_quota = neighbour.ns;
  }
}

World::~World() = default;

void World::say(std::string text) {
  if (trace_ == Trace::kNo) return;
  const double seconds = std::chrono::duration<double>(loop_.now() - start_).count();
  outcome_.timeline.push_back(fmt::format("{:9.3f}  {}", seconds, text));
}

void World::sayStatus(Tenant& tenant) {
  if (trace_ == Trace::kNo) return;
  const Value& rollout = api_.peek(cluster::kRollouts, tenant.scenario.ns, "shop");
  const Value& status = rollout["status"];
  std::string sets;
  for (const Value* set : api_.peekAll(cluster::kReplicaSets)) {
    if (cluster::namespaceOf(*set) != tenant.scenario.ns) continue;
    sets += fmt::format(" {}:{}/{}", set->at({"spec", "template", "spec"})["containers"][0]["image"].asStringView(),
                        (*set)["spec"]["replicas"].asInt(), (*set)["status"]["availableReplicas"].asInt());
  }
  const bool own = tenant.scenario.ns == "default";
  std::string text = fmt::format(
      "          {}{} \"{}\" step {} weight {}{}{}{} |{}", own ? "" : tenant.scenario.ns + ": ",
      status["phase"].asStringView(), status["message"].asStringView(), status["currentStepIndex"].asInt(-1),
      status["canary"]["weights"]["canary"]["weight"].asInt(-1), status["abort"].asBool() ? " abort" : "",
      status["controllerPause"].asBool() ? " controllerPause" : "",
      status["pauseConditions"].asArray().empty() ? "" : " paused", sets);
  if (text == tenant.shown) return;
  tenant.shown = text;
  say(std::move(text));
}

Duration World::staleness() const {
  Duration age = 2s;
  const MonoTime now = loop_.now();
  if (now < faults_.late_until + 30s) age += 2 * *std::ranges::max_element(faults_.late);
  if (now < faults_.slow_until + 30s) age += 20 * faults_.slow;
  if (now < cut_at_ + 1min) age += 25s;
  return age;
}

void World::create(const Tenant& tenant) {
  const Scenario& scenario = tenant.scenario;
  for (const std::string& name : scenario.services)
    (void)api_.createNow(cluster::kServices, serviceObject(scenario, name));
  const bool routed = scenario.routed && scenario.poison != Poison::kNoRoute;
  if (routed) (void)api_.createNow(cluster::kHttpRoutes, routeObject(scenario));
  for (const Value& made : scenario.templates) (void)api_.createNow(cluster::kAnalysisTemplates, made);
  if (scenario.workload_kind) (void)api_.createNow(*scenario.workload_kind, scenario.workload);
  writer_ = Writer::kPerson;
  (void)api_.createNow(cluster::kRollouts, scenario.rollout);
  writer_ = Writer::kCluster;
  ++outcome_.rollouts;
}

control::Controllers::Parts World::controllersFor(FaultyApi& api) {
  return {.loop = loop_,
          .api = api,
          .providers = {.loop = &loop_,
                        .fetch = [this](http::ClientRequest request) { return measure(std::move(request)); }},
          .step_plugins = &plugins_,
          .reports = scenario_.reports,
          .observe_decision = [this](const rollout::World& world, const rollout::Decision& decision,
                                     WallTime now) { decided(world, decision, now); },
          .experiments = control::ExperimentsBy::kPlayers,
          .status_delay = scenario_.status_delay};
}

void World::decided(const rollout::World& world, const rollout::Decision& decision, WallTime now) {
  outcome_.coverage.decided(world, decision);
  const auto found =
      std::ranges::find_if(tenants_, [&](const auto& each) { return each->scenario.ns == world.namespace_name; });
  if (trace_ == Trace::kYes) {
    const std::string who = found == tenants_.begin() ? "" : world.namespace_name + ": ";
    for (const rollout::Action& action : decision.actions) say("  " + who + "decides to " + rollout::toString(action));
  }
  (*found)->monitor.decided(world, decision, now);
  if (broken()) loop_.stop();
}

void World::wrote(const std::string& what) {
  std::uint64_t& print = outcome_.fingerprint;
  for (const char c : what) print = (print ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  print ^= static_cast<std::uint64_t>(loop_.now().time_since_epoch().count());
  if (what == "patch rollouts/shop status" && !in_between_.empty()) {
    Between next = in_between_.front();
    in_between_.erase(in_between_.begin());
    next.act.in_between = false;
    act(*next.tenant, next.act);
  }
  if (trace_ == Trace::kYes && !what.contains(" events/")) say("  " + what);
}

void World::start(std::unique_ptr<Process>& process) {
  FaultyApi::Parts parts{.loop = loop_,
                         .cluster = api_,
                         .faults = faults_,
                         .writer = writer_,
                         .log = [this](const std::string& what) { wrote(what); },
                         .died = [this, &process] { died(process); }};
  process = std::make_unique<Process>(std::move(parts), [this](FaultyApi& api) { return controllersFor(api); });
}

// It is called by the process itself, which therefore goes a little later, and is followed by another one.
void World::died(std::unique_ptr<Process>& process) {
  say("the coordinator dies");
  for (const auto& tenant : tenants_) tenant->monitor.noteDeath();
  agenda_.after(1ms, [&process, dead = process.get()] {
    if (process.get() == dead) process.reset();
  });
  const bool again = &process == &first_;
  if (again)
    agenda_.after(1ms + Random(scenario_.seed).fork("restart").between(100ms, 8s), [this] {
      if (!first_) start(first_);
    });
}

Outcome World::run() {
  for (const auto& tenant : tenants_) create(*tenant);
  start(first_);
  for (const auto& tenant : tenants_) {
    for (const Act& each : tenant->scenario.acts) {
      agenda_.after(each.at, [this, who = tenant.get(), each] { act(*who, each); });
    }
    if (tenant->scenario.diligent) agenda_.after(30s, [this, who = tenant.get()] { beDiligent(*who); });
  }
  if (runUntil(start_ + scenario_.active) && calm() && rest()) wayOut();
  for (const auto& tenant : tenants_) {
    if (!outcome_.breach) outcome_.breach = tenant->monitor.first();
  }
  if (outcome_.breach) say(fmt::format("BROKEN {}: {}", rule(outcome_.breach->rule).name, outcome_.breach->text));
  return std::move(outcome_);
}

}  // namespace towpath::simulate
