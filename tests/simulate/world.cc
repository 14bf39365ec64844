#include "simulate/world.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace towpath::simulate {
namespace {

constexpr const char* kNamespace = "default";

Value serviceObject(const std::string& name) {
  Value service;
  service["apiVersion"] = "v1";
  service["kind"] = "Service";
  service["metadata"] = Object{{"name", name}, {"namespace", kNamespace}};
  service["spec"]["selector"] = Object{{"app", "shop"}};
  service["spec"]["ports"] = Array{Object{{"port", 80}}};
  return service;
}

Value routeObject() {
  Value route;
  route["apiVersion"] = "gateway.networking.k8s.io/v1";
  route["kind"] = "HTTPRoute";
  route["metadata"] = Object{{"name", "shop"}, {"namespace", kNamespace}};
  route["spec"]["rules"] =
      Array{Object{{"backendRefs", Array{Object{{"name", "shop-stable"}, {"port", 80}, {"weight", 100}},
                                         Object{{"name", "shop-canary"}, {"port", 80}, {"weight", 0}}}}}};
  return route;
}

}  // namespace

World::Process::Process(FaultyApi::Parts parts, ControllersFor controllers_for)
    : api(std::move(parts)), controllers(controllers_for(api)) {}

World::World(const Scenario& scenario, Trace trace)
    : scenario_(scenario),
      trace_(trace),
      loop_(scenario.seed),
      api_(loop_),
      cluster_(loop_, api_, scenario),
      person_(loop_, api_, scenario),
      monitor_({.loop = loop_,
                .api = api_,
                .scenario = scenario,
                .writer = writer_,
                .staleness = [this] { return staleness(); },
                .two_at_once = [this] { return loop_.now() < second_until_ + 30s; }}),
      start_(loop_.now()) {
  log::setLevel(log::Level::kError);
}

World::~World() = default;

void World::say(std::string text) {
  if (trace_ == Trace::kNo) return;
  const double seconds = std::chrono::duration<double>(loop_.now() - start_).count();
  outcome_.timeline.push_back(fmt::format("{:9.3f}  {}", seconds, text));
}

void World::sayStatus() {
  if (trace_ == Trace::kNo) return;
  const Value& rollout = api_.peek(cluster::kRollouts, kNamespace, "shop");
  const Value& status = rollout["status"];
  std::string sets;
  for (const Value* set : api_.peekAll(cluster::kReplicaSets)) {
    sets += fmt::format(" {}:{}/{}", set->at({"spec", "template", "spec"})["containers"][0]["image"].asStringView(),
                        (*set)["spec"]["replicas"].asInt(), (*set)["status"]["availableReplicas"].asInt());
  }
  std::string text =
      fmt::format("          {} \"{}\" step {} weight {}{}{}{} |{}", status["phase"].asStringView(),
                  status["message"].asStringView(), status["currentStepIndex"].asInt(-1),
                  status["canary"]["weights"]["canary"]["weight"].asInt(-1), status["abort"].asBool() ? " abort" : "",
                  status["controllerPause"].asBool() ? " controllerPause" : "",
                  status["pauseConditions"].asArray().empty() ? "" : " paused", sets);
  if (text == shown_) return;
  shown_ = text;
  say(std::move(text));
}

void World::after(Duration delay, std::function<void()> call) {
  timers_.push_back(loop_.startTimer(delay, [call = std::move(call)] { call(); }));
}

Duration World::staleness() const {
  Duration age = 2s;
  const MonoTime now = loop_.now();
  if (now < faults_.late_until + 30s) age += 2 * *std::ranges::max_element(faults_.late);
  if (now < faults_.slow_until + 30s) age += 20 * faults_.slow;
  if (now < cut_at_ + 1min) age += 25s;
  return age;
}

void World::create() {
  for (const std::string& name : scenario_.services) (void)api_.createNow(cluster::kServices, serviceObject(name));
  if (scenario_.routed) (void)api_.createNow(cluster::kHttpRoutes, routeObject());
  for (const Value& made : scenario_.templates) (void)api_.createNow(cluster::kAnalysisTemplates, made);
  writer_ = Writer::kPerson;
  (void)api_.createNow(cluster::kRollouts, scenario_.rollout);
  writer_ = Writer::kCluster;
}

control::Controllers::Parts World::controllersFor(FaultyApi& api) {
  return {.loop = loop_,
          .api = api,
          .providers = {.loop = &loop_,
                        .fetch = [this](http::ClientRequest request) { return measure(std::move(request)); }},
          .reports = scenario_.reports,
          .observe_decision = [this](const rollout::World& world, const rollout::Decision& decision, WallTime now) {
            decided(world, decision, now);
          }};
}

void World::decided(const rollout::World& world, const rollout::Decision& decision, WallTime now) {
  outcome_.coverage.decided(world, decision);
  if (trace_ == Trace::kYes) {
    for (const rollout::Action& action : decision.actions) say("  decides to " + rollout::toString(action));
  }
  monitor_.decided(world, decision, now);
  if (monitor_.first()) loop_.stop();
}

void World::wrote(const std::string& what) {
  std::uint64_t& print = outcome_.fingerprint;
  for (const char c : what) print = (print ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  print ^= static_cast<std::uint64_t>(loop_.now().time_since_epoch().count());
  if (what == "patch rollouts/shop status" && !in_between_.empty()) {
    Act next = in_between_.front();
    in_between_.erase(in_between_.begin());
    next.in_between = false;
    act(next);
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
  after(1ms, [&process, dead = process.get()] {
    if (process.get() == dead) process.reset();
  });
  const bool again = &process == &first_;
  if (again)
    after(1ms + Random(scenario_.seed).fork("restart").between(100ms, 8s), [this] {
      if (!first_) start(first_);
    });
}

Outcome World::run() {
  create();
  start(first_);
  for (const Act& each : scenario_.acts) after(each.at, [this, each] { act(each); });
  if (scenario_.diligent) after(30s, [this] { beDiligent(); });
  if (runUntil(start_ + scenario_.active) && calm() && rest()) wayOut();
  outcome_.breach = monitor_.first();
  if (outcome_.breach) say(fmt::format("BROKEN {}: {}", rule(outcome_.breach->rule).name, outcome_.breach->text));
  return std::move(outcome_);
}

}  // namespace towpath::simulate
