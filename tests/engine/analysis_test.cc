#include <doctest/doctest.h>

#include "engine/analysis/assess.h"
#include "engine/analysis/decide.h"
#include "engine/analysis/validate.h"

namespace towpath::analysis {
namespace {

using model::AnalysisPhase;

const WallTime kStart = WallTime(std::chrono::seconds(1'700'000'000));

model::Metric metric(const std::string& name = "errors") {
  model::Metric metric;
  metric.name = name;
  metric.success_condition = "result < 0.05";
  metric.providers = {"web"};
  return metric;
}

// Carries decisions out at once; `answers` are the values that the provider gives, the last one again and again.
class Run {
 public:
  explicit Run(std::vector<model::Metric> metrics) {
    world.name = "run";
    world.spec.metrics = std::move(metrics);
  }

  AnalysisWorld world;
  WallTime now = kStart;
  std::vector<std::string> events;
  std::vector<std::string> asked;
  int patches = 0;
  std::optional<WallTime> next_look;
  bool deleted = false;

  void decideOnce() {
    const RunDecision decision = decide(world, now);
    CHECK(decide(world, now) == decision);
    next_look = decision.look_again_at;
    for (const RunAction& action : decision.actions) {
      if (const auto* patch = std::get_if<PatchRunStatus>(&action)) {
        CHECK(patch->next != world.status);
        world.status = patch->next;
        world.outcomes.clear();
        ++patches;
      } else if (const auto* event = std::get_if<RunEvent>(&action)) {
        events.push_back(event->reason + ": " + event->message);
      } else if (const auto* start = std::get_if<StartMeasurement>(&action)) {
        world.in_flight.push_back(start->metric);
        asked.push_back(start->metric + "/" + std::to_string(start->attempt));
      } else if (std::holds_alternative<DeleteRun>(action)) {
        deleted = true;
      } else {
        asked.push_back(toString(action));
      }
    }
  }

  void answer(const std::string& name, const Value& value) {
    const auto found = std::ranges::find(world.spec.metrics, name, &model::Metric::name);
    const Verdict verdict = assessResult(value, *found, now);
    deliver(name, finishedMeasurement(verdict, valueText(value), now, now));
  }
  void fail(const std::string& name, const std::string& message) {
    deliver(name, failedMeasurement(message, now, now));
  }
  void deliver(const std::string& name, model::Measurement measurement) {
    std::erase(world.in_flight, name);
    world.outcomes.push_back({name, std::move(measurement)});
    decideOnce();
  }
  // Asks, answers, waits for the next time; until the run is over.
  void play(const std::vector<Value>& answers) {
    decideOnce();
    for (std::size_t i = 0; i < 50 && !isCompleted(world.status.phase); ++i) {
      const std::vector<std::string> open = world.in_flight;
      for (const std::string& name : open) answer(name, answers[std::min(i, answers.size() - 1)]);
      if (next_look) now = std::max(now, *next_look);
      decideOnce();
    }
  }
  const model::MetricResult& result(std::size_t i = 0) { return world.status.metric_results.at(i); }
  std::string phase() { return toString(world.status.phase); }
};

TEST_CASE("one measurement, good or bad") {
  Run good({metric()});
  good.play({Value(0.01)});
  CHECK(good.phase() == "Successful");
  CHECK(good.world.status.completed_at == kStart);
  CHECK(good.result().measurements[0].value == "0.01");
  CHECK(good.world.status.run_summary == model::RunSummary{1, 1, 0, 0, 0});
  CHECK(good.events == std::vector<std::string>{"MetricSuccessful: Metric 'errors' Completed. Result: Successful",
                                                "AnalysisRunSuccessful: Analysis Completed. Result: Successful"});
  CHECK(decide(good.world, good.now + 3600s).actions.empty());

  Run bad({metric()});
  bad.play({Value(0.1)});
  CHECK(bad.phase() == "Failed");
  CHECK(bad.world.status.message == "Metric \"errors\" assessed Failed due to failed (1) > failureLimit (0)");
}

TEST_CASE("count and interval: one after the other, each at its time") {
  model::Metric thrice = metric();
  thrice.count = 3;
  thrice.interval = "30s";
  thrice.failure_limit = 1;
  Run run({thrice});
  run.decideOnce();
  CHECK(run.world.status.phase == AnalysisPhase::kRunning);
  CHECK(run.asked == std::vector<std::string>{"errors/1"});
  run.decideOnce();  // the answer is under way: nothing is asked twice
  CHECK(run.asked.size() == 1);
  run.answer("errors", Value(0.1));
  CHECK(run.next_look == kStart + 30s);
  run.now += 29s;
  run.decideOnce();
  CHECK(run.asked.size() == 1);
  run.now += 1s;
  run.decideOnce();
  CHECK(run.asked.back() == "errors/2");
  run.answer("errors", Value(0.0));
  run.now += 30s;
  run.decideOnce();
  run.answer("errors", Value(0.0));
  CHECK(run.phase() == "Successful");
  CHECK(run.result().failed == 1);
  CHECK(run.result().count == 3);
}

TEST_CASE("an interval without a count goes on until it is terminated") {
  model::Metric endless = metric();
  endless.interval = "10s";
  Run run({endless});
  run.decideOnce();
  for (int i = 0; i < 15; ++i) {
    run.answer("errors", Value(0.0));
    run.now += 10s;
    run.decideOnce();
  }
  CHECK(run.phase() == "Running");
  CHECK(run.result().count == 15);
  CHECK(run.result().measurements.size() == 10);
  CHECK(std::ranges::count(run.asked, "keep 10 of errors") > 0);
  run.world.spec.terminate = true;
  run.decideOnce();
  CHECK(run.phase() == "Running");  // an answer is still to come
  run.answer("errors", Value(0.0));
  CHECK(run.phase() == "Successful");
  CHECK(run.world.status.message == "Run Terminated");
}

TEST_CASE("a bad last answer of a terminated run is not lost") {
  model::Metric endless = metric();
  endless.interval = "10s";
  Run run({endless});
  run.decideOnce();
  run.world.spec.terminate = true;
  run.decideOnce();
  run.answer("errors", Value(1.0));
  CHECK(run.phase() == "Failed");
}

TEST_CASE("an interval of nothing does not measure without a break") {
  for (const char* interval : {"0s", "-1h", "1ms"}) {
    model::Metric metric_now = metric();
    metric_now.interval = interval;
    Run run({metric_now});
    run.decideOnce();
    run.answer("errors", Value(0.0));
    CHECK(run.next_look == kStart + 1s);
    CHECK(run.asked.size() == 1);
  }
}

TEST_CASE("times of a thousand years stay in range") {
  model::Metric late = metric();
  late.initial_delay = "2500000h";
  Run run({late});
  run.decideOnce();
  CHECK(*run.next_look > kStart);
}

TEST_CASE("initialDelay") {
  model::Metric later = metric();
  later.initial_delay = "1m";
  Run run({later});
  run.decideOnce();
  CHECK(run.asked.empty());
  CHECK(run.next_look == kStart + 60s);
  CHECK(run.world.status.started_at == kStart);
  run.now += 60s;
  run.decideOnce();
  CHECK(run.asked.size() == 1);
}

TEST_CASE("errors are retried after 10 seconds, and end the metric when they go on") {
  model::Metric one = metric();
  one.interval = "5m";
  one.count = 1;
  Run run({one});
  run.decideOnce();
  for (int i = 0; i < 4; ++i) {
    run.fail("errors", "connection refused");
    CHECK(run.phase() == "Running");
    CHECK(run.next_look == run.now + 10s);
    run.now += 10s;
    run.decideOnce();
  }
  CHECK(run.asked.back() == "errors/5");
  run.fail("errors", "connection refused");
  CHECK(run.phase() == "Error");
  CHECK(run.world.status.message ==
        "Metric \"errors\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): \"Error Message: "
        "connection refused\"");
  CHECK(run.result().count == 0);
  CHECK(run.result().error == 5);
}

TEST_CASE("inconclusive results and consecutive successes") {
  model::Metric both = metric();
  both.failure_condition = "result > 0.5";
  Run run({both});
  run.play({Value(0.1)});
  CHECK(run.phase() == "Inconclusive");
  CHECK(run.world.status.message ==
        "Metric \"errors\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)");

  model::Metric streak = metric();
  streak.interval = "1s";
  streak.failure_limit = -1;
  streak.consecutive_success_limit = 3;
  Run good({streak});
  good.play({Value(0.0), Value(0.0), Value(1.0), Value(0.0)});
  CHECK(good.phase() == "Successful");
  CHECK(good.result().count == 6);

  streak.count = 4;
  Run bad({streak});
  bad.play({Value(0.0), Value(1.0)});
  CHECK(bad.phase() == "Failed");
}

TEST_CASE("one failed metric ends the run at once and calls the others off") {
  model::Metric job = metric("job");
  job.success_condition = "";
  Run run({metric(), job});
  run.decideOnce();
  model::Measurement open;
  open.phase = AnalysisPhase::kRunning;
  open.started_at = kStart;
  open.resume_at = kStart + 60s;
  run.deliver("job", open);
  CHECK(run.next_look == kStart + 60s);
  run.answer("errors", Value(1.0));
  CHECK(run.phase() == "Failed");
  CHECK(run.asked.back() == "terminate job");
  CHECK(run.result(0).measurements[0].message == "Metric Terminated");
}

TEST_CASE("what is called off has told nothing: the metric is inconclusive, and the run what made it end") {
  Run run({metric(), metric("job")});
  run.decideOnce();
  model::Measurement open;
  open.phase = AnalysisPhase::kRunning;
  open.started_at = kStart;
  open.resume_at = kStart + 60s;
  run.deliver("job", open);
  run.answer("errors", Value(1.0));
  const model::MetricResult& job = run.result(0);
  CHECK(job.phase == AnalysisPhase::kInconclusive);
  CHECK(job.inconclusive == 1);
  CHECK(job.message == "Metric Terminated");
  CHECK(run.world.status.run_summary == model::RunSummary{2, 0, 1, 1, 0});
  CHECK(run.world.status.message == "Metric \"errors\" assessed Failed due to failed (1) > failureLimit (0)");
}

TEST_CASE("a failure waits for no answer that is still under way") {
  Run run({metric(), metric("slow")});
  run.decideOnce();
  CHECK(run.world.in_flight.size() == 2);
  run.answer("errors", Value(1.0));
  CHECK(run.phase() == "Failed");
  CHECK(run.world.status.completed_at.has_value());
}

TEST_CASE("what an inconclusive metric leaves open can still fail") {
  model::Metric both = metric();
  both.failure_condition = "result > 0.5";
  Run run({both, metric("slow")});
  run.decideOnce();
  run.answer("errors", Value(0.1));
  CHECK(run.phase() == "Running");
  run.answer("slow", Value(1.0));
  CHECK(run.phase() == "Failed");
}

TEST_CASE("a metric keeps what its provider tells of it at first") {
  model::Metric twice = metric();
  twice.count = 2;
  twice.interval = "1s";
  Run run({twice});
  run.decideOnce();
  for (const char* query : {"up", "down"}) {
    std::erase(run.world.in_flight, "errors");
    run.world.outcomes.push_back(
        {"errors", finishedMeasurement({AnalysisPhase::kSuccessful, ""}, "1", run.now, run.now), {{"query", query}}});
    run.decideOnce();
    run.now += 1s;
    run.decideOnce();
  }
  CHECK(run.result().count == 2);
  CHECK(run.result().metadata == std::map<std::string, std::string>{{"query", "up"}});
}

TEST_CASE("a running measurement is looked at before its time when it is worth it") {
  Run run({metric("job")});
  run.decideOnce();
  model::Measurement open;
  open.phase = AnalysisPhase::kRunning;
  open.started_at = kStart;
  open.resume_at = kStart + 3600s;
  run.deliver("job", open);
  run.decideOnce();
  CHECK(run.asked == std::vector<std::string>{"job/1"});
  run.world.woken = {"job"};
  run.decideOnce();
  CHECK(run.asked.back() == "resume job");
}

TEST_CASE("a job is resumed at its time, and terminated when the run is") {
  model::Metric job = metric("job");
  job.success_condition = "";
  Run run({job});
  run.decideOnce();
  model::Measurement open;
  open.phase = AnalysisPhase::kRunning;
  open.started_at = kStart;
  open.resume_at = kStart + 5s;
  run.deliver("job", open);
  run.now += 5s;
  run.decideOnce();
  CHECK(run.asked.back() == "resume job");
  open.resume_at = kStart + 20s;
  run.deliver("job", open);
  run.world.spec.terminate = true;
  run.decideOnce();
  CHECK(run.asked.back() == "terminate job");
  open.phase = AnalysisPhase::kInconclusive;
  open.finished_at = run.now;
  run.deliver("job", open);
  CHECK(run.phase() == "Inconclusive");
  CHECK(run.result().measurements.size() == 1);
}

TEST_CASE("dry runs count for nothing") {
  Run run({metric(), metric("latency")});
  run.world.spec.dry_run = {{"lat.*"}};
  run.decideOnce();
  run.answer("latency", Value(1.0));
  CHECK(run.phase() == "Running");
  run.answer("errors", Value(0.0));
  CHECK(run.phase() == "Successful");
  CHECK(run.world.status.run_summary == model::RunSummary{1, 1, 0, 0, 0});
  CHECK(run.world.status.dry_run_summary == model::RunSummary{1, 0, 1, 0, 0});
  CHECK(run.result(0).dry_run);
  CHECK(run.result(0).message == "Metric assessed Failed due to failed (1) > failureLimit (0)");
}

TEST_CASE("across metrics failed is worse than error") {
  model::Metric erring = metric("erring");
  erring.consecutive_error_limit = 0;
  Run run({erring, metric()});
  run.decideOnce();
  run.world.outcomes.push_back({"erring", failedMeasurement("away", kStart, kStart)});
  run.world.in_flight.clear();
  run.answer("errors", Value(1.0));
  CHECK(run.phase() == "Failed");
}

TEST_CASE("an answer that comes twice counts once") {
  model::Metric endless = metric();
  endless.interval = "10s";
  Run run({endless});
  run.decideOnce();
  const model::Measurement answer = finishedMeasurement({AnalysisPhase::kSuccessful, ""}, "0", kStart, kStart + 1s);
  run.deliver("errors", answer);
  run.deliver("errors", answer);
  CHECK(run.result().count == 1);
}

TEST_CASE("time to live") {
  Run run({metric()});
  run.world.spec.ttl = model::TtlStrategy{std::nullopt, std::nullopt, 60};
  run.play({Value(0.0)});
  run.decideOnce();
  CHECK(run.next_look == *run.world.status.completed_at + 61s);
  run.now = *run.next_look;
  run.decideOnce();
  CHECK(run.deleted);
}

TEST_CASE("impossible runs end in Error with the reason") {
  struct Row {
    void (*change)(AnalysisWorld&);
    const char* message;
  };
  const Row rows[] = {
      {[](AnalysisWorld& w) { w.spec.metrics.clear(); }, "Analysis spec invalid: no metrics specified"},
      {[](AnalysisWorld& w) { w.spec.metrics.push_back(metric()); },
       "Analysis spec invalid: metrics[1]: duplicate name 'errors'"},
      {[](AnalysisWorld& w) { w.spec.metrics[0].count = 2; },
       "Analysis spec invalid: metrics[0]: interval must be specified when count > 1"},
      {[](AnalysisWorld& w) {
         w.spec.metrics[0].count = 3;
         w.spec.metrics[0].interval = "1s";
         w.spec.metrics[0].failure_limit = 5;
       },
       "Analysis spec invalid: metrics[0]: count (3) must be >= failureLimit + consecutiveSuccessLimit (5 + 0) if both "
       ">= 0"},
      {[](AnalysisWorld& w) { w.spec.metrics[0].failure_limit = -2; },
       "Analysis spec invalid: metrics[0]: failureLimit must be >= 0, or -1 to be disabled"},
      {[](AnalysisWorld& w) { w.spec.metrics[0].providers.clear(); },
       "Analysis spec invalid: metrics[0]: no provider specified"},
      {[](AnalysisWorld& w) { w.spec.metrics[0].providers.push_back("job"); },
       "Analysis spec invalid: metrics[0]: multiple providers specified"},
      {[](AnalysisWorld& w) { w.spec.dry_run = {{"nothing"}}; },
       "Analysis spec invalid: dryRun[0]: Rule didn't match any metric name(s)"},
      {[](AnalysisWorld& w) { w.resolve_error = "failed to resolve {{args.x}}"; },
       "Unable to resolve metric arguments: failed to resolve {{args.x}}"},
  };
  for (const Row& row : rows) {
    Run run({metric()});
    row.change(run.world);
    run.decideOnce();
    CHECK(run.phase() == "Error");
    CHECK(run.world.status.message == row.message);
    CHECK(run.asked.empty());
  }
  Run interval({metric()});
  interval.world.spec.metrics[0].interval = "5 minutes";
  interval.decideOnce();
  CHECK(interval.world.status.message.starts_with("Analysis spec invalid: metrics[0]: invalid interval string: "));
  Run rule({metric()});
  rule.world.spec.measurement_retention = {{"(", 3}};
  rule.decideOnce();
  CHECK(rule.world.status.message.find("is no regular expression") != std::string::npos);
}

TEST_CASE("a rule whose pattern would run for ever in a backtracking matcher is harmless") {
  Run run({metric(std::string(60, 'a'))});
  run.world.spec.dry_run = {{"(a*)*b"}};
  run.decideOnce();
  CHECK(run.phase() == "Error");
}

TEST_CASE("a rule whose pattern would be written out without end is refused, and says why") {
  Run run({metric()});
  run.world.spec.measurement_retention = {{"((e{90}){90}){90}", 5}};
  run.decideOnce();
  CHECK(run.phase() == "Error");
  CHECK(run.world.status.message.starts_with("Analysis spec invalid: measurementRetention[0]: "));
}

TEST_CASE("rules are found anywhere in a name, as RE2 finds them") {
  Run run({metric("http-errors"), metric("latency")});
  run.world.spec.dry_run = {{"^lat.*y$"}};
  run.world.spec.measurement_retention = {{"rror", 3}, {"(?i)HTTP", 4}};
  const auto rules = matchRules(run.world.spec);
  REQUIRE(rules.has_value());
  CHECK((*rules)[0] == MetricRules{.dry_run = false, .retention = 4});
  CHECK((*rules)[1] == MetricRules{.dry_run = true, .retention = 10});
}

}  // namespace
}  // namespace towpath::analysis
