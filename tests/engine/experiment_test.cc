// The experiment engine: templates, durations, deadlines, analyses, termination, refusals. Decisions are carried out at
// once; a kubelet makes the pods of every ReplicaSet available unless it is told that they crash.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/experiment/decide.h"

namespace towpath::experiment {
namespace {

using model::AnalysisPhase;
using model::TemplateStatusCode;

const WallTime kStart = WallTime(std::chrono::seconds(1'700'000'000));

model::ExperimentTemplate part(const std::string& name, std::int32_t replicas = 1) {
  model::ExperimentTemplate t;
  t.name = name;
  t.replicas = replicas;
  t.has_ports = true;
  return t;
}

model::ExperimentAnalysis analysis(const std::string& name, bool required = false) {
  model::ExperimentAnalysis a;
  a.name = name;
  a.analysis_template.name = name;
  a.required_for_completion = required;
  return a;
}

class Play {
 public:
  explicit Play(std::vector<model::ExperimentTemplate> templates, std::string duration = "") {
    world.name = "trial";
    world.spec.templates = std::move(templates);
    world.spec.duration = std::move(duration);
  }

  World world;
  WallTime now = kStart;
  std::set<std::string> crashing;
  std::set<std::string> refused;  // "service a": said no to for good
  std::vector<std::string> did;   // all but status and events
  std::vector<std::string> events;
  std::vector<std::string> phases;
  std::optional<WallTime> next_look;

  // Until nothing more is to be done now.
  void settle() {
    for (int i = 0; i < 30; ++i) {
      turn();
      if (!kubelet()) return;
    }
    FAIL("it does not come to rest");
  }
  void advance(Duration time) {
    now += time;
    settle();
  }
  // To the next time that was asked for.
  void wait() {
    REQUIRE(next_look.has_value());
    REQUIRE(*next_look > now);
    now = *next_look;
    settle();
  }
  void report(const std::string& run, AnalysisPhase phase, const std::string& message = "") {
    const auto found = std::ranges::find(world.runs, run, &RunView::name);
    REQUIRE_MESSAGE(found != world.runs.end(), run);
    found->phase = phase;
    found->message = message;
    settle();
  }

  std::string phase() const { return model::toString(world.status.phase); }
  const model::TemplateStatus& status(const std::string& name) const {
    return *model::findTemplate(world.status, name);
  }
  std::string code(const std::string& name) const { return model::toString(status(name).status); }
  std::int32_t size(const std::string& name) const { return world.templates.at(name).replica_set->replicas; }
  AnalysisPhase run(const std::string& name) const { return model::findAnalysis(world.status, name)->phase; }
  bool said(std::string_view text) const {
    return std::ranges::any_of(events, [text](const std::string& event) { return event.contains(text); });
  }
  std::string progressing() const {
    const model::Condition* found = model::findCondition(world.status.conditions, "Progressing");
    return found == nullptr ? "" : fmt::format("{} {}", model::toString(found->status), found->reason);
  }

 private:
  void turn() {
    world.feedback = {};
    for (int i = 0; i < kMaxDecisionsPerTurn; ++i) {
      const Decision decision = decide(world, now);
      CHECK(decide(world, now) == decision);
      next_look = decision.look_again_at;
      const std::size_t errors = world.feedback.template_errors.size();
      for (const Action& action : decision.actions) {
        std::visit([this](const auto& each) { act(each); }, action);
        if (world.feedback.template_errors.size() != errors) break;
      }
      if (!decision.decide_again && world.feedback.template_errors.size() == errors) {
        world.feedback = {};
        return;
      }
    }
    FAIL("too many decisions");
  }
  bool kubelet() {
    bool changed = false;
    for (auto& [name, view] : world.templates) {
      if (!view.replica_set) continue;
      model::ReplicaSet& set = *view.replica_set;
      const std::int32_t up = crashing.contains(name) ? 0 : set.replicas;
      if (set.current_replicas == set.replicas && set.available_replicas == up) continue;
      set.current_replicas = set.replicas;
      set.ready_replicas = set.available_replicas = up;
      changed = true;
    }
    return changed;
  }

  void act(const CreateReplicaSet& a) {
    did.push_back("create " + a.template_name);
    if (refused.contains("set " + a.template_name)) {
      world.feedback.template_errors[a.template_name] = "quota";
      return;
    }
    if (refused.contains("name " + a.template_name)) {
      world.feedback.occupied[a.template_name] = "taken";
      return;
    }
    model::ReplicaSet set;
    set.name = world.name + "-" + a.template_name;
    set.hash = "hash-" + a.template_name;
    world.templates[a.template_name].replica_set = set;
  }
  void act(const ScaleReplicaSet& a) {
    did.push_back(fmt::format("scale {} {}", a.template_name, a.to));
    world.templates[a.template_name].replica_set->replicas = a.to;
  }
  void act(const SetScaleDownDeadline& a) {
    did.push_back(fmt::format("deadline {} {}", a.template_name, a.deadline ? formatRfc3339(*a.deadline) : "none"));
    world.templates[a.template_name].replica_set->scale_down_deadline = a.deadline;
  }
  void act(const CreateService& a) {
    did.push_back("serve " + a.name);
    if (refused.contains("service " + a.template_name))
      world.feedback.template_errors[a.template_name] = "not owned";
    else
      world.templates[a.template_name].service = a.name;
  }
  void act(const DeleteService& a) {
    did.push_back("unserve " + a.name);
    world.templates[a.template_name].service.clear();
  }
  void act(const StartAnalysis& a) {
    did.push_back("measure " + a.name);
    if (refused.contains("analysis " + a.analysis)) {
      world.feedback.analysis_errors[a.analysis] = "args.x was not resolved";
      return;
    }
    world.feedback.started[a.analysis] = a.name;
    world.runs.push_back({.name = a.name});
  }
  void act(const StopAnalysis& a) {
    did.push_back("stop " + a.name);
    std::ranges::find(world.runs, a.name, &RunView::name)->terminate = true;
  }
  void act(const PatchStatus& a) {
    CHECK(a.next != world.status);
    world.status = a.next;
    const std::string name = phase();
    if (phases.empty() || phases.back() != name) phases.push_back(name);
  }
  void act(const EmitEvent& a) {
    const char* type = a.type == EventType::kWarning ? "! " : "";
    events.push_back(fmt::format("{}{}: {}{}", type, a.reason, a.message, a.also_on_rollout ? " (rollout)" : ""));
  }
};

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("an experiment runs for its duration from when all of it is available, and succeeds") {
  Play play({part("base", 2), part("trial")}, "5m");
  play.crashing = {"trial"};
  play.settle();
  CHECK(play.did == Words{"create base", "create trial", "scale base 2", "scale trial 1"});
  CHECK(play.phases == Words{"Pending"});
  CHECK(play.code("base") == "Running");
  CHECK(play.code("trial") == "Progressing");
  CHECK_FALSE(play.world.status.available_at.has_value());

  play.now += 100s;
  play.crashing.clear();
  play.settle();
  CHECK(play.phase() == "Running");
  CHECK(play.world.status.available_at == kStart + 100s);
  CHECK(play.progressing() == "True NewReplicaSetAvailable");
  CHECK(play.next_look == kStart + 400s);
  play.advance(299s);
  CHECK(play.phase() == "Running");
  play.wait();
  CHECK(play.phase() == "Successful");
  CHECK(play.code("base") == "Successful");
  CHECK(play.progressing() == "False ExperimentCompleted");
  CHECK(play.said("ExperimentSuccessful: Experiment transitioned from Running -> Successful"));
  CHECK(play.said("TemplateRunning: Template 'trial' transitioned from Progressing -> Running"));
}

TEST_CASE("the pods stay for the scale-down delay after the end") {
  Play play({part("a", 3)}, "1m");
  play.settle();
  play.did.clear();
  SUBCASE("the default of 30 seconds") {
    play.advance(60s);
    CHECK(play.phase() == "Successful");
    CHECK(play.did == Words{"deadline a " + formatRfc3339(kStart + 90s)});
    CHECK(play.size("a") == 3);
    play.advance(29s);
    CHECK(play.size("a") == 3);
    play.wait();
    CHECK(play.size("a") == 0);
    CHECK(play.status("a").replicas == 0);
    CHECK(play.phase() == "Successful");
  }
  SUBCASE("none") {
    play.world.spec.scale_down_delay_seconds = 0;
    play.advance(60s);
    CHECK(play.did == Words{"scale a 0"});
  }
  SUBCASE("longer while a route leads to it") {
    play.world.templates["a"].gets_traffic = true;
    play.advance(60s);
    play.advance(60s);
    CHECK(play.size("a") == 3);
    play.world.templates["a"].gets_traffic = false;
    play.settle();
    CHECK(play.size("a") == 0);
  }
}

TEST_CASE("a template gets its service while it is wanted") {
  Play play({part("a"), part("b"), part("plain")}, "1m");
  play.world.spec.scale_down_delay_seconds = 0;
  play.world.spec.templates[0].wants_service = play.world.spec.templates[1].wants_service = true;
  play.world.spec.templates[1].service_name = "named";
  play.settle();
  CHECK(play.status("a").service_name == "trial-a");
  CHECK(play.status("a").pod_template_hash == "hash-a");
  CHECK(play.status("b").service_name == "named");
  CHECK(play.status("plain").service_name == "");
  play.advance(60s);
  CHECK(play.did.back() == "unserve named");
  CHECK(play.status("a").service_name == "");
  CHECK(play.status("a").pod_template_hash == "");
}

TEST_CASE("a service without ports of the containers is not made, one that is refused is an error") {
  Play play({part("a")}, "1m");
  play.world.spec.templates[0].wants_service = true;
  SUBCASE("no ports") {
    play.world.spec.templates[0].has_ports = false;
    play.settle();
    CHECK(play.phase() == "Running");
    CHECK(play.status("a").service_name == "");
  }
  SUBCASE("refused") {
    play.refused = {"service a"};
    play.settle();
    CHECK(play.phase() == "Error");
    CHECK(play.status("a").message == "not owned");
    CHECK(play.world.status.message == "not owned");
    CHECK(play.said("! TemplateError: Template 'a' transitioned from  -> Error: not owned"));
  }
}

TEST_CASE("what does not become available in time has failed") {
  Play play({part("a"), part("b")}, "1h");
  play.world.spec.progress_deadline_seconds = 120;
  play.crashing = {"b"};
  play.settle();
  CHECK(play.next_look == kStart + 120s);
  play.advance(119s);
  CHECK(play.phase() == "Pending");
  play.wait();
  CHECK(play.phase() == "Failed");
  CHECK(play.world.status.message == "Template 'b' exceeded its progressDeadlineSeconds (120)");
  CHECK(play.said("! ExperimentFailed"));
  CHECK(play.code("a") == "Successful");
  play.wait();
  CHECK(play.size("a") == 0);
  CHECK(play.size("b") == 0);
}

TEST_CASE("pods that crash later: pending again, and failed at the deadline or running again before it") {
  Play play({part("a")}, "1h");
  play.settle();
  CHECK(play.phase() == "Running");
  play.now += 1000s;
  play.crashing = {"a"};
  play.settle();
  CHECK(play.phase() == "Pending");
  CHECK(play.world.status.available_at == kStart);
  SUBCASE("they recover") {
    play.crashing.clear();
    play.advance(500s);
    CHECK(play.phase() == "Running");
    play.advance(2100s);
    CHECK(play.phase() == "Successful");
  }
  SUBCASE("they do not") {
    play.advance(600s);
    CHECK(play.phase() == "Failed");
  }
  SUBCASE("the duration ends meanwhile: they are waited for until the deadline") {
    play.world.spec.progress_deadline_seconds = 5000;
    play.advance(3000s);
    CHECK(play.phase() == "Pending");
    CHECK(play.next_look == kStart + 6000s);
    play.crashing.clear();
    play.settle();
    CHECK(play.phase() == "Successful");
  }
}

TEST_CASE("a ReplicaSet that cannot be made") {
  Play play({part("a")}, "1h");
  SUBCASE("refused for good") {
    play.refused = {"set a"};
    play.settle();
    CHECK(play.phase() == "Error");
    CHECK(play.status("a").message == "quota");
  }
  SUBCASE("its name is another's: tried again, until the deadline") {
    play.refused = {"name a"};
    play.settle();
    CHECK(play.phase() == "Pending");
    CHECK(play.status("a").message == "taken");
    CHECK(play.next_look == kStart + 10s);
    play.advance(10s);
    CHECK(play.did == Words{"create a", "create a"});
    SUBCASE("it goes") {
      play.refused.clear();
      play.advance(10s);
      CHECK(play.phase() == "Running");
      CHECK(play.status("a").message == "");
    }
    SUBCASE("it stays") {
      play.advance(600s);
      CHECK(play.phase() == "Failed");
    }
  }
}

TEST_CASE("terminated by a person: successful, and everything goes") {
  Play play({part("a")});
  play.settle();
  CHECK(play.phase() == "Running");
  CHECK_FALSE(play.next_look.has_value());  // it has no end of its own
  play.world.spec.terminate = true;
  play.settle();
  CHECK(play.phase() == "Successful");
  play.wait();
  CHECK(play.size("a") == 0);
}

TEST_CASE("terminated before it began: nothing is made") {
  Play play({part("a")});
  play.world.spec.terminate = true;
  play.settle();
  CHECK(play.did.empty());
  CHECK(play.phases == Words{"Pending", "Successful"});
}

TEST_CASE("replicas that are changed while it runs") {
  Play play({part("a", 1)});
  play.settle();
  play.world.spec.templates[0].replicas = 3;
  play.settle();
  CHECK(play.size("a") == 3);
  CHECK(play.phase() == "Running");
  play.world.spec.templates[0].replicas = 0;
  play.settle();
  CHECK(play.size("a") == 0);
  CHECK(play.phase() == "Running");
}

TEST_CASE("analyses start once everything is available, their verdict is the experiment's") {
  Play play({part("a"), part("b")}, "10m");
  play.world.spec.analyses = {analysis("errors"), analysis("latency")};
  play.crashing = {"b"};
  play.settle();
  CHECK(play.world.status.analyses.empty());
  play.crashing.clear();
  play.settle();
  CHECK(play.did.back() == "measure trial-latency");
  CHECK(play.world.status.analyses[0].run == "trial-errors");
  CHECK(play.run("errors") == AnalysisPhase::kPending);
  CHECK(play.said("AnalysisRunPending: AnalysisRun 'errors' transitioned from  -> Pending (rollout)"));
  play.report("trial-errors", AnalysisPhase::kRunning);
  CHECK(play.phase() == "Running");
  play.report("trial-latency", AnalysisPhase::kSuccessful);
  CHECK(play.phase() == "Running");

  struct Case {
    AnalysisPhase verdict;
    const char* phase;
  };
  for (const Case& each : {Case{AnalysisPhase::kFailed, "Failed"}, Case{AnalysisPhase::kError, "Error"},
                           Case{AnalysisPhase::kInconclusive, "Inconclusive"}}) {
    CAPTURE(each.phase);
    Play copy = play;
    copy.report("trial-errors", each.verdict, "why");
    CHECK(copy.phase() == each.phase);
    CHECK(copy.world.status.message == "why");
    CHECK(copy.said(fmt::format("! AnalysisRun{}: AnalysisRun 'errors' transitioned from Running -> {}: why (rollout)",
                                each.phase, each.phase)));
    copy.wait();
    CHECK(copy.size("a") == 0);
  }
  play.advance(600s);
  CHECK(play.phase() == "Successful");
  CHECK(play.did.back() == "stop trial-errors");
  CHECK(play.said("AnalysisRunTerminating: Terminating errors (trial-errors)"));
  play.report("trial-errors", AnalysisPhase::kSuccessful, "Run Terminated");
  CHECK(play.run("errors") == AnalysisPhase::kSuccessful);
}

TEST_CASE("analyses that are required for completion decide when it ends") {
  Play play({part("a")}, "1m");
  play.world.spec.analyses = {analysis("long", true), analysis("other")};
  play.settle();
  play.report("trial-long", AnalysisPhase::kRunning);
  SUBCASE("passed before the duration: it ends with them, and the others are called off") {
    play.advance(10s);
    play.report("trial-long", AnalysisPhase::kSuccessful);
    CHECK(play.phase() == "Successful");
    CHECK(play.world.status.message == "Required AnalysisRuns completed");
    CHECK(play.did.back() == "stop trial-other");
    CHECK(play.world.templates["a"].replica_set->scale_down_deadline == kStart + 40s);
  }
  SUBCASE("longer than the duration: they are waited for") {
    play.advance(60s);
    CHECK(play.phase() == "Running");
    play.report("trial-long", AnalysisPhase::kFailed, "slow");
    CHECK(play.phase() == "Failed");
  }
  SUBCASE("terminated meanwhile: they are told to end, and their end is its end") {
    play.world.spec.terminate = true;
    play.settle();
    CHECK(play.phase() == "Running");
    CHECK(play.world.runs[0].terminate);
    play.report("trial-long", AnalysisPhase::kSuccessful, "Run Terminated");
    CHECK(play.phase() == "Successful");
  }
}

TEST_CASE("an analysis that cannot be done") {
  Play play({part("a")}, "1m");
  play.world.spec.analyses = {analysis("errors")};
  SUBCASE("its template is missing: told before anything is measured") {
    play.crashing = {"a"};
    play.world.missing_analyses["errors"] = "no such template";
    play.settle();
    CHECK(play.phase() == "Error");
    CHECK(play.world.status.message == "AnalysisTemplate verification failed for analysis 'errors': no such template");
  }
  SUBCASE("its run cannot be made") {
    play.refused = {"analysis errors"};
    play.settle();
    CHECK(play.phase() == "Error");
    CHECK(play.world.status.message == "Failed to create AnalysisRun for analysis 'errors': args.x was not resolved");
  }
  SUBCASE("its run was deleted") {
    play.settle();
    play.world.runs.clear();
    play.settle();
    CHECK(play.phase() == "Error");
  }
}

TEST_CASE("a spec that cannot be carried out is refused with its reason, and taken up when it is mended") {
  Play play({part("a"), part("b")}, "1m");
  const auto refusal = [&]() -> std::string {
    play.settle();
    const model::Condition* found = model::findCondition(play.world.status.conditions, "InvalidSpec");
    return found == nullptr ? "" : found->message;
  };
  SUBCASE("names") {
    play.world.spec.templates[1].name = "a";
    CHECK(refusal() == "Experiment trial has repeated template name 'a' in templates");
    play.world.spec.templates[1].name = "";
    CHECK(refusal() == "Experiment trial has empty template name at index 1");
    play.world.spec.templates[1].name = "b";
  }
  SUBCASE("selectors") {
    play.world.spec.templates[0].selector = model::SelectorKind::kMissing;
    CHECK(refusal() == "Rollout has missing field '.Spec.Templates[0].Selector'");
    play.world.spec.templates[0].selector = model::SelectorKind::kEmpty;
    CHECK(refusal() == "This experiment is selecting all pods at index 0. A non-empty selector is required.");
    play.world.spec.templates[0].selector = model::SelectorKind::kSelects;
  }
  SUBCASE("times") {
    play.world.spec.templates[0].min_ready_seconds = 601;
    CHECK(refusal() == "MinReadySeconds cannot be longer than ProgressDeadlineSeconds. Check template index 0");
    play.world.spec.templates[0].min_ready_seconds = 0;
    play.world.spec.duration = "ten minutes";
    CHECK(refusal().starts_with("spec.duration: "));
    play.world.spec.duration = "1m";
  }
  SUBCASE("analyses") {
    play.world.spec.analyses = {analysis("x"), analysis("x")};
    CHECK(refusal() == "Experiment trial has repeated analysis name 'x' in analyses");
    play.world.spec.analyses.clear();
  }
  CHECK(play.did.empty());
  CHECK(play.phases == Words{""});
  CHECK(refusal() == "");
  CHECK(play.phase() == "Running");
}

TEST_CASE("run anew after its end: the same ReplicaSets, without the deadline of the life before") {
  Play play({part("a")}, "1m");
  play.settle();
  play.advance(60s);
  play.wait();
  CHECK(play.size("a") == 0);
  play.world.status = {};
  play.did.clear();
  play.settle();
  CHECK(play.did == Words{"deadline a none", "scale a 1"});
  CHECK(play.phase() == "Running");
  play.advance(60s);
  CHECK(play.phase() == "Successful");
  CHECK(play.size("a") == 1);
}

}  // namespace towpath::experiment
