// Plays of whole updates: what a person would see in the end, and when.

#include "play/player.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "examples.h"
#include "play/risks.h"

namespace towpath::play {
namespace {

using examples::errorTemplate;
using examples::rollout;

Setup setupOf(Value rollout, std::vector<Value> more = {}) {
  more.push_back(std::move(rollout));
  const Manifests manifests = Manifests::read(std::move(more), "").value();
  REQUIRE(manifests.check());
  Setup setup{.stable = manifests.rollout, .update = manifests.rollout, .find = {}, .trace = {}, .faults = {}};
  setup.update.mutableAt({"spec", "template", "metadata", "annotations", "release"}) = "2";
  setup.find = [templates = manifests.templates](const model::TemplateRef& reference) {
    for (const Value& object : templates) {
      if (object["metadata"]["name"].asStringView() == reference.name) return object;
    }
    return Value();
  };
  return setup;
}

Outcome played(Setup setup) {
  const Result<Outcome> outcome = play(std::move(setup));
  REQUIRE_MESSAGE(outcome.has_value(), outcome.error().message);
  // What holds in every play.
  REQUIRE_FALSE(outcome->moments.empty());
  Duration last = 0s;
  for (const Moment& moment : outcome->moments) {
    CHECK(moment.at >= last);
    CHECK(moment.new_share >= 0);
    CHECK(moment.new_share <= 100);
    CHECK(moment.old_version.pods + moment.new_version.pods <= outcome->peak_pods);
    last = moment.at;
  }
  return *outcome;
}

// The first moment with that step.
const Moment& atStep(const Outcome& outcome, std::string_view step) {
  const auto found = std::ranges::find(outcome.moments, step, &Moment::step);
  REQUIRE_MESSAGE(found != outcome.moments.end(), step);
  return *found;
}

bool noted(const Outcome& outcome, std::string_view part) {
  return std::ranges::any_of(outcome.moments, [&](const Moment& moment) {
    return std::ranges::any_of(moment.notes, [&](const std::string& note) { return note.contains(part); });
  });
}

constexpr const char* kCanary =
    "{canary: {maxSurge: 1, maxUnavailable: 0, steps: [{setWeight: 25}, {pause: {duration: 60s}}, {setWeight: 50}, "
    "{pause: {}}]}}";
constexpr const char* kRouted = R"({canary: {stableService: stable, canaryService: canary,
    trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}},
    analysis: {startingStep: 1, templates: [{templateName: errors}],
               args: [{name: hash, valueFrom: {podTemplateHashValue: Latest}}]},
    steps: [{setWeight: 20}, {pause: {duration: 60s}}, {setWeight: 60}, {pause: {duration: 60s}}]}})";

TEST_CASE("a basic canary: steps at their times, one pod above the replicas, healthy in the end") {
  const Outcome outcome = played(setupOf(rollout(kCanary)));
  CHECK(outcome.ending == Ending::kHealthy);
  CHECK(outcome.replicas == 4);
  CHECK(outcome.peak_pods == 5);
  CHECK(outcome.peak_at == 0s);
  // The first pod is ready after 5 s; then the pause of a minute, one more pod, and the pause that a person ends.
  CHECK(atStep(outcome, "1/4").at == 5s);
  CHECK(atStep(outcome, "2/4").at == 65s);
  CHECK(atStep(outcome, "3/4").at == 70s);
  CHECK(noted(outcome, "promoted by a person"));
  CHECK(atStep(outcome, "4/4").at == 100s);
  CHECK(outcome.ended_at == 110s);
  const Moment& end = outcome.moments.back();
  CHECK(end.new_version == Version{4, 4});
  CHECK(end.old_version == Version{0, 0});
  CHECK(end.new_share == 100);
}

TEST_CASE("the same play gives the same outcome, and pods that start slower a later one") {
  Setup slow = setupOf(rollout(kCanary));
  slow.ready_after = 20s;
  const Outcome one = played(slow);
  const Outcome two = played(slow);
  CHECK(one.ended_at == two.ended_at);
  CHECK(one.moments.size() == two.moments.size());
  CHECK(one.ended_at > 110s);
}

TEST_CASE("without a person the play waits at the pause") {
  Setup setup = setupOf(rollout(kCanary));
  setup.promote_after.reset();
  const Outcome outcome = played(setup);
  CHECK(outcome.ending == Ending::kWaitsForPerson);
  CHECK(outcome.ended_at == 70s);
  CHECK(outcome.moments.back().step == "3/4");
}

TEST_CASE("a play that waits for nobody ends although an analysis in the background would go on for ever") {
  Setup setup =
      setupOf(rollout(R"({canary: {analysis: {templates: [{templateName: errors}], args: [{name: hash, value: x}]},
    steps: [{setWeight: 25}, {pause: {}}]}})"),
              {errorTemplate()});
  setup.promote_after.reset();
  const Outcome outcome = played(setup);
  CHECK(outcome.ending == Ending::kWaitsForPerson);
  CHECK(outcome.moments.back().at < 1min);
  // A bad measurement after the pause began still ends it.
  setup.trace = Trace::parse("time,error-ratio\n0,0.01\n3000,0.9\n", "t").value();
  CHECK(played(setup).ending == Ending::kDegraded);
}

TEST_CASE("a routed canary gets the weights of its steps, and needs its pods on top") {
  const Outcome outcome = played(setupOf(rollout(kRouted), {errorTemplate()}));
  CHECK(outcome.ending == Ending::kHealthy);
  CHECK(atStep(outcome, "1/4").new_share == 20);
  CHECK(atStep(outcome, "3/4").new_share == 60);
  CHECK(outcome.peak_pods == 8);
  CHECK(outcome.assumed_good == std::vector<std::string>{"error-ratio"});
}

TEST_CASE("a trace with a bad hour rolls the update back when its limit is passed") {
  Setup setup = setupOf(rollout(kRouted), {errorTemplate()});
  setup.trace = Trace::parse("time,error-ratio\n0,0.01\n30,0.4\n", "t").value();
  const Outcome outcome = played(setup);
  CHECK(outcome.ending == Ending::kDegraded);
  CHECK(outcome.assumed_good.empty());
  CHECK(noted(outcome, "error-ratio Failed: 0.4"));
  CHECK(outcome.message.contains("aborted"));
  // Measured each 10 s from 5 s on: bad at 35 s and 45 s.
  CHECK(outcome.ended_at == 45s);
  CHECK(outcome.moments.back().new_share == 0);
  CHECK(outcome.moments.back().old_version == Version{4, 4});
}

TEST_CASE("a metric that cannot be read is an error, and five in a row end the update") {
  Setup setup = setupOf(rollout(kRouted), {errorTemplate()});
  setup.faults = {parseFault("metric-error@20s").value()};
  const Outcome outcome = played(setup);
  CHECK(outcome.ending == Ending::kDegraded);
  CHECK(noted(outcome, "error-ratio Error"));
}

TEST_CASE("pods that never become ready stop the update at its deadline, and old ones go on serving") {
  Setup setup = setupOf(rollout(kCanary, "progressDeadlineSeconds: 60"));
  setup.faults = {parseFault("canary-never-ready").value()};
  const Outcome outcome = played(setup);
  CHECK(outcome.ending == Ending::kDegraded);
  CHECK(outcome.ended_at >= 60s);
  CHECK(outcome.ended_at <= 62s);
  CHECK(outcome.moments.back().old_version == Version{4, 4});
  CHECK(outcome.moments.back().new_version.ready == 0);
}

TEST_CASE("a pod that crashes delays the step, and an abort by a person goes back") {
  Setup crash = setupOf(rollout(kCanary));
  crash.faults = {parseFault("pod-crash@67s").value()};
  CHECK(played(crash).ended_at > 110s);
  Setup abort = setupOf(rollout(kCanary));
  abort.faults = {parseFault("abort@30s").value()};
  const Outcome outcome = played(abort);
  CHECK(outcome.ending == Ending::kDegraded);
  CHECK(outcome.ended_at == 30s);
  CHECK(outcome.moments.back().new_version.pods == 0);
}

TEST_CASE("blue-green switches when a person promotes, doubles the pods, and clears up later") {
  const Outcome outcome = played(
      setupOf(rollout("{blueGreen: {activeService: active, previewService: preview, autoPromotionEnabled: false}}")));
  CHECK(outcome.ending == Ending::kHealthy);
  CHECK(outcome.peak_pods == 8);
  CHECK(outcome.ended_at == 35s);
  CHECK(outcome.moments.back().at == 65s);  // the old pods go 30 s after the switch
  CHECK(outcome.moments.back().old_version.pods == 0);
  CHECK(outcome.moments.back().new_share == 100);
}

TEST_CASE("what is no update is refused") {
  Setup setup = setupOf(rollout(kCanary));
  setup.update = setup.stable;
  CHECK(play(setup).error().message.contains("nothing would be rolled out"));
}

TEST_CASE("the risks of an update are read off its manifest") {
  const Setup setup = setupOf(rollout(kRouted, "progressDeadlineAbort: true"), {errorTemplate()});
  const std::vector<std::string> risks = risksOf(setup.update, setup.find);
  REQUIRE(risks.size() == 2);
  CHECK(risks[0] == "no progress for 600 s (spec.progressDeadlineSeconds): it aborts");
  CHECK(
      risks[1] ==
      "error-ratio of errors, in the background from step 1: more than 1 failed measurements (good is: result < 0.05), "
      "or more than 4 errors in a row; it aborts");
}

constexpr const char* kSteps = R"({canary: {stableService: stable, canaryService: canary,
    trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}},
    steps: [{setWeight: 20}, {plugin: {name: acme/migrate}},
            {experiment: {duration: 60s, templates: [{name: baseline, specRef: stable, replicas: 2, weight: 5},
                                                     {name: trial, specRef: canary}]}}]}})";

TEST_CASE("step plugins and experiments take their time, and the pods of experiments count") {
  const Outcome outcome = played(setupOf(rollout(kSteps)));
  CHECK(outcome.ending == Ending::kHealthy);
  // Pods after 5 s, the plugin for 10 s, the experiment's pods after 5 s more, and its minute.
  CHECK(atStep(outcome, "1/3").at == 5s);
  CHECK(atStep(outcome, "2/3").at == 15s);
  CHECK(atStep(outcome, "3/3").at == 80s);
  CHECK(noted(outcome, "step plugin acme/migrate: Run"));
  CHECK(noted(outcome, "step plugin acme/migrate: Successful"));
  CHECK(noted(outcome, "begins, with 3 pods"));
  CHECK(noted(outcome, "Successful"));
  // Four of the old version, one canary, three of the experiment; or both versions whole.
  CHECK(outcome.peak_pods == 8);
}

TEST_CASE("a step plugin that fails, or an experiment, ends the update") {
  Setup setup = setupOf(rollout(kSteps));
  setup.faults = {parseFault("plugin-fails").value()};
  const Outcome plugin = played(setup);
  CHECK(plugin.ending == Ending::kDegraded);
  CHECK(plugin.message.contains("Step Plugin 2 (acme/migrate) failed"));
  CHECK(plugin.ended_at == 15s);
  setup.faults = {parseFault("experiment-fails").value()};
  const Outcome experiment = played(setup);
  CHECK(experiment.ending == Ending::kDegraded);
  CHECK(experiment.ended_at == 80s);
  CHECK(experiment.moments.back().new_share == 0);
}

TEST_CASE("what would end an update early names its plugins and experiments") {
  const Setup setup = setupOf(rollout(kSteps));
  const std::vector<std::string> risks = risksOf(setup.update, setup.find);
  const auto has = [&risks](std::string_view part) {
    return std::ranges::any_of(risks, [part](const std::string& risk) { return risk.contains(part); });
  };
  CHECK(has("plugin acme/migrate in step 1"));
  CHECK(has("the experiment in step 2"));
}

TEST_CASE("our own switches hold in a play as well") {
  // Half of the pods for all of the weight: with the switch the weight waits for them.
  Value manifest = rollout(R"({canary: {stableService: stable, canaryService: canary,
    trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}},
    steps: [{setCanaryScale: {replicas: 1}}, {setWeight: 100}, {pause: {}}]}})");
  Setup setup = setupOf(manifest);
  setup.promote_after.reset();
  CHECK(played(setup).moments.back().new_share == 100);
  manifest["metadata"]["annotations"]["towpath.dev/weight-limit"] = "ready";
  Setup limited = setupOf(manifest);
  limited.promote_after.reset();
  CHECK(played(limited).moments.back().new_share == 25);
}

}  // namespace
}  // namespace towpath::play
