// Experiments, alone and as a canary's step, with the registry, the store and the caches.

#include "harness.h"

namespace towpath::control {
namespace {

constexpr const char* kErrors = R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors, namespace: default}
spec:
  args: [{name: hash}, {name: other, value: none}]
  metrics:
  - name: errors
    interval: 5s
    count: 3
    successCondition: result < 0.05
    provider: {web: {url: "http://metrics/{{args.hash}}/{{args.other}}", jsonPath: "{$.errors}"}}
)";

constexpr const char* kTrial = R"(
apiVersion: argoproj.io/v1alpha1
kind: Experiment
metadata: {name: trial, namespace: default}
spec:
  duration: 30s
  templates:
  - name: base
    replicas: 2
    selector: {matchLabels: {app: trial, role: base}}
    template:
      metadata: {labels: {app: trial, role: base, rollouts-pod-template-hash: copied}}
      spec: {containers: [{name: web, image: v1, ports: [{containerPort: 8080}]}]}
  - name: new
    service: {}
    selector: {matchLabels: {app: trial, role: new}}
    template:
      metadata: {labels: {app: trial, role: new}}
      spec: {containers: [{name: web, image: v2, ports: [{containerPort: 8080}, {containerPort: 9090, name: admin}]}]}
  analyses:
  - name: errors
    templateName: errors
    args: [{name: hash, value: "{{templates.new.podTemplateHash}}"}, {name: other, value: "{{ templates.base.replicaset.name }}"}]
  analysisRunMetadata: {labels: {team: shop}}
)";

// Answers every question of a metric with this share of errors.
Value& nth(Value& list, std::size_t index) { return list.makeArray()[index]; }

struct Measured : Harness {
  Measured() {
    providers.fetch = [this](http::ClientRequest request) -> loop::Task<Result<http::Response>> {
      asked.push_back(request.url);
      co_return http::Response{.status = 200, .headers = {}, .body = fmt::format("{{\"errors\": {}}}", errors)};
    };
    apply(cluster::kAnalysisTemplates, kErrors);
  }

  Value experiment(const std::string& name = "trial") { return get(cluster::kExperiments, name); }
  void untilExperiment(const std::string& wanted, const std::string& name = "trial") {
    until(name + " is " + wanted, [&] { return experiment(name)["status"]["phase"].asStringView() == wanted; });
  }
  std::int64_t size(const std::string& set) { return get(cluster::kReplicaSets, set)["spec"]["replicas"].asInt(-1); }
  std::vector<std::string> names(const cluster::Resource& resource) {
    std::vector<std::string> all;
    for (const Value& object : list(resource)) all.emplace_back(cluster::nameOf(object));
    return all;
  }
  std::string reasons(const std::string& subject) {
    std::string text;
    for (const Value& event : list(cluster::kEvents)) {
      if (event["involvedObject"]["name"].asStringView() == subject) text += event["reason"].asString() + " ";
    }
    return text;
  }

  double errors = 0.01;
  std::vector<std::string> asked;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("an experiment of its own: ReplicaSets, a Service and a run, named and labelled as clients know them") {
  Measured harness;
  harness.apply(cluster::kExperiments, kTrial);
  harness.start();
  harness.untilExperiment("Running");
  const Value set = harness.get(cluster::kReplicaSets, "trial-base");
  const std::string hash(cluster::labelOf(set, "rollouts-pod-template-hash"));
  CHECK(hash != "copied");
  CHECK(cluster::labelOf(set, "app") == "trial");
  CHECK(cluster::annotationOf(set, "experiment.argoproj.io/name") == "trial");
  CHECK(cluster::annotationOf(set, "experiment.argoproj.io/template-name") == "base");
  CHECK(set["metadata"]["ownerReferences"][0]["uid"] == harness.experiment()["metadata"]["uid"]);
  CHECK(set["spec"]["replicas"].asInt() == 2);
  CHECK(set["spec"]["selector"]["matchLabels"]["rollouts-pod-template-hash"].asStringView() == hash);
  CHECK(set.at({"spec", "template", "metadata"})["labels"]["rollouts-pod-template-hash"].asStringView() == hash);

  CHECK(harness.names(cluster::kServices) == Names{"trial-new"});
  const Value service = harness.get(cluster::kServices, "trial-new");
  const Value fresh = harness.get(cluster::kReplicaSets, "trial-new");
  CHECK(service["spec"]["selector"] == fresh["metadata"]["labels"]);
  CHECK(service["spec"]["ports"][0]["name"].asString() == "tcp-8080");
  CHECK(service["spec"]["ports"][1]["name"].asString() == "admin");
  const Value status = harness.experiment()["status"];
  CHECK(status["templateStatuses"][0]["serviceName"].isNull());
  CHECK(status["templateStatuses"][1]["serviceName"].asString() == "trial-new");
  const std::string new_hash(cluster::labelOf(fresh, "rollouts-pod-template-hash"));
  CHECK(status["templateStatuses"][1]["podTemplateHash"].asString() == new_hash);

  harness.until("a run", [&] { return !harness.asked.empty(); });
  CHECK(harness.asked.front() == "http://metrics/" + new_hash + "/trial-base");
  const Value run = harness.get(cluster::kAnalysisRuns, "trial-errors");
  CHECK(cluster::labelOf(run, "team") == "shop");
  CHECK(run["metadata"]["ownerReferences"][0]["kind"].asString() == "Experiment");

  harness.untilExperiment("Successful");
  CHECK(harness.size("trial-base") == 2);
  harness.until("the pods go", [&] { return harness.size("trial-base") == 0 && harness.size("trial-new") == 0; });
  harness.until("the service goes", [&] { return harness.list(cluster::kServices).empty(); });
  CHECK(harness.names(cluster::kAnalysisRuns) == Names{"trial-errors"});
  CHECK(harness.reasons("trial").contains("AnalysisRunSuccessful"));
}

TEST_CASE("a bad verdict, pods that crash, a missing template and a service of another's") {
  Measured harness;
  Value trial = yaml(kTrial);
  std::string phase = "Error";
  std::string message;
  SUBCASE("the measurements are bad") {
    harness.errors = 0.3;
    phase = "Failed";
    message = "Metric \"errors\" assessed Failed due to failed (1) > failureLimit (0)";
  }
  SUBCASE("the pods crash") {
    harness.broken_image = "v2";
    trial["spec"]["progressDeadlineSeconds"] = 20;
    phase = "Failed";
    message = "Template 'new' exceeded its progressDeadlineSeconds (20)";
  }
  SUBCASE("there is no such analysis template") {
    nth(trial["spec"]["analyses"], 0)["templateName"] = "lost";
    message =
        "AnalysisTemplate verification failed for analysis 'errors': analysistemplates.argoproj.io \"lost\" not found";
  }
  SUBCASE("an argument stands for nothing") {
    nth(nth(trial["spec"]["analyses"], 0)["args"], 0)["value"] = "{{templates.old.podTemplateHash}}";
    message = "Failed to create AnalysisRun for analysis 'errors': failed to resolve {{templates.old.podTemplateHash}}";
  }
  SUBCASE("the service is another's") {
    harness.apply(cluster::kServices, serviceYaml("taken"));
    nth(trial["spec"]["templates"], 1)["service"]["name"] = "taken";
    message =
        "Failed to create Service taken for template 'new': service taken already exists and is not owned by "
        "experiment "
        "template new";
  }
  harness.apply(cluster::kExperiments, json::serialize(trial));
  harness.start();
  harness.untilExperiment(phase);
  CHECK(harness.experiment()["status"]["message"].asString() == message);
  harness.until("the pods go", [&] { return harness.size("trial-base") == 0 && harness.size("trial-new") == 0; });
}

TEST_CASE("a coordinator that dies after any number of writes makes nothing twice") {
  for (int writes = 0; writes < 16; ++writes) {
    CAPTURE(writes);
    Measured harness;
    harness.apply(cluster::kExperiments, kTrial);
    harness.start();
    harness.coordinator->api.silent_after = writes;
    harness.settle(2s);
    harness.crash();
    harness.start();
    harness.untilExperiment("Successful");
    CHECK(harness.names(cluster::kReplicaSets) == Names{"trial-base", "trial-new"});
    CHECK(harness.names(cluster::kAnalysisRuns) == Names{"trial-errors"});
    harness.until("the pods go", [&] { return harness.size("trial-base") == 0 && harness.size("trial-new") == 0; });
    harness.until("the service goes", [&] { return harness.list(cluster::kServices).empty(); });
  }
}

TEST_CASE("watches that break and writes that conflict make nothing twice either") {
  Measured harness;
  harness.apply(cluster::kExperiments, kTrial);
  harness.start();
  int events = 0;
  harness.coordinator->api.cut_watch = [&events]() -> std::optional<Error> {
    if (++events % 3 != 0) return std::nullopt;
    return Error{events % 2 == 0 ? ErrorKind::kGone : ErrorKind::kUnavailable, "cut", ""};
  };
  int refused = 0;
  harness.coordinator->api.fail_write = [&refused](const std::string&) -> std::optional<Error> {
    if (++refused % 3 != 0) return std::nullopt;
    return Error{ErrorKind::kConflict, "somebody else was faster", ""};
  };
  harness.untilExperiment("Successful");
  CHECK(harness.names(cluster::kReplicaSets) == Names{"trial-base", "trial-new"});
  CHECK(harness.names(cluster::kAnalysisRuns) == Names{"trial-errors"});
}

TEST_CASE("terminated, then run anew: the same ReplicaSets, another run") {
  Measured harness;
  harness.apply(cluster::kExperiments, kTrial);
  harness.start();
  harness.until("a run", [&] { return !harness.list(cluster::kAnalysisRuns).empty(); });
  harness.patch(cluster::kExperiments, "trial", "spec: {terminate: true}");
  harness.untilExperiment("Successful");
  harness.until("its run is told",
                [&] { return harness.get(cluster::kAnalysisRuns, "trial-errors")["spec"]["terminate"].asBool(); });
  harness.until("the pods go", [&] { return harness.size("trial-base") == 0; });
  harness.patch(cluster::kExperiments, "trial", "{spec: {terminate: false}, status: null}");
  harness.until("another run", [&] { return harness.list(cluster::kAnalysisRuns).size() == 2; });
  CHECK(harness.names(cluster::kAnalysisRuns) == Names{"trial-errors", "trial-errors.1"});
  CHECK(harness.size("trial-base") == 2);
  harness.untilExperiment("Successful");
  CHECK(harness.names(cluster::kReplicaSets) == Names{"trial-base", "trial-new"});
}

TEST_CASE("made again under its old name while what it had is still being removed") {
  Measured harness;
  harness.apply(cluster::kExperiments, kTrial);
  harness.start();
  harness.untilExperiment("Running");
  REQUIRE(harness.run(harness.api.remove(cluster::kExperiments, "default", "trial")).has_value());
  harness.apply(cluster::kExperiments, kTrial);
  harness.untilExperiment("Pending");
  harness.settle(5s);
  CHECK(harness.experiment()["status"]["phase"].asString() == "Pending");
  for (const char* set : {"trial-base", "trial-new"})
    REQUIRE(harness.run(harness.api.remove(cluster::kReplicaSets, "default", set)).has_value());
  REQUIRE(harness.run(harness.api.remove(cluster::kServices, "default", "trial-new")).has_value());
  harness.untilExperiment("Running");
  const Value set = harness.get(cluster::kReplicaSets, "trial-base");
  CHECK(set["metadata"]["ownerReferences"][0]["uid"] == harness.experiment()["metadata"]["uid"]);
}

TEST_CASE("an invalid experiment says why in a condition, and nothing is made") {
  Measured harness;
  Value trial = yaml(kTrial);
  nth(trial["spec"]["templates"], 1)["name"] = "base";
  harness.apply(cluster::kExperiments, json::serialize(trial));
  harness.start();
  harness.settle();
  const Value experiment = harness.experiment();
  const Value& condition = experiment["status"]["conditions"][0];
  CHECK(condition["type"].asString() == "InvalidSpec");
  CHECK(condition["message"].asString() == "Experiment trial has repeated template name 'base' in templates");
  CHECK(harness.list(cluster::kReplicaSets).empty());
}

namespace {

constexpr const char* kExperimentCanary =
    "{canary: {stableService: shop-stable, canaryService: shop-canary,"
    " trafficRouting: {plugins: {argoproj-labs/gatewayAPI: {httpRoute: shop}}}, steps: [{setWeight: 20}, {experiment:"
    " {duration: 20s, scaleDownDelaySeconds: 0, templates: [{name: trial, specRef: canary, weight: 5, metadata:"
    " {labels: {role: trial}}}, {name: base, specRef: stable, replicas: 2}], analyses: [{name: errors,"
    " templateName: errors, args: [{name: hash, value: '{{templates.trial.podTemplateHash}}'}, {name: other,"
    " valueFrom: {podTemplateHashValue: Stable}}]}]}}, {pause: {}}]}}";

struct Stepped : Measured {
  Stepped() {
    Value rollout = yaml(rolloutYaml("shop", kExperimentCanary));
    Value& container = rollout["spec"]["template"]["spec"]["containers"].makeArray().front();
    container["ports"] = Array{Object{{"containerPort", 8080}}};
    apply(cluster::kServices, serviceYaml("shop-stable"));
    apply(cluster::kServices, serviceYaml("shop-canary"));
    apply(cluster::kHttpRoutes, kRouteYaml);
    apply(cluster::kRollouts, json::serialize(rollout));
    start();
    untilPhase("Healthy");
    CHECK(list(cluster::kExperiments).empty());
    patch(cluster::kRollouts, "shop",
          "spec: {template: {spec: {containers: [{name: web, image: v2, ports: [{containerPort: 8080}]}]}}}");
    until("an experiment", [&] { return !list(cluster::kExperiments).empty(); });
    name = std::string(cluster::nameOf(list(cluster::kExperiments).front()));
  }
  Value backend() {
    const Value route = get(cluster::kHttpRoutes, "shop");
    return Value(route["spec"]["rules"][0]["backendRefs"][2]);
  }
  std::string name;
};

}  // namespace

TEST_CASE("an experiment of a step is made of both versions, owned and labelled, with its arguments resolved") {
  Stepped harness;
  const Value rollout = harness.get(cluster::kRollouts, "shop");
  const Value experiment = harness.experiment(harness.name);
  const std::string hash = rollout["status"]["currentPodHash"].asString();
  CHECK(harness.name == "shop-" + hash + "-2-1");
  CHECK(cluster::labelOf(experiment, "rollouts-pod-template-hash") == hash);
  CHECK(cluster::annotationOf(experiment, "rollout.argoproj.io/revision") == "2");
  CHECK(experiment["metadata"]["ownerReferences"][0]["uid"] == rollout["metadata"]["uid"]);
  const Value& trial = experiment["spec"]["templates"][0];
  CHECK(trial["template"]["spec"]["containers"][0]["image"].asString() == "v2");
  CHECK(trial["template"]["metadata"]["labels"]["role"].asString() == "trial");
  CHECK(trial["selector"]["matchLabels"]["role"].asString() == "trial");
  CHECK(trial["selector"]["matchLabels"]["app"].asString() == "shop");
  CHECK(trial["service"].isObject());
  const Value& base = experiment["spec"]["templates"][1];
  CHECK(base["template"]["spec"]["containers"][0]["image"].asString() == "v1");
  CHECK(base["replicas"].asInt() == 2);
  CHECK(base["service"].isNull());
  CHECK(experiment["spec"]["analyses"][0]["args"][1]["value"] == rollout["status"]["stableRS"]);

  harness.until("both run", [&] { return harness.size(harness.name + "-base") == 2; });
  const Value set = harness.get(cluster::kReplicaSets, harness.name + "-trial");
  // The label of the step makes it another template than the canary's.
  CHECK(cluster::labelOf(set, "rollouts-pod-template-hash") != hash);
  const Value of_stable = harness.get(cluster::kReplicaSets, harness.name + "-base");
  CHECK(cluster::labelOf(of_stable, "rollouts-pod-template-hash") == rollout["status"]["stableRS"].asStringView());
}

TEST_CASE("an experiment of a step gets its share of the route while it runs, and keeps its pods until it has none") {
  Stepped harness;
  harness.until("the share", [&] { return harness.backend()["weight"].asInt() == 5; });
  CHECK(harness.backend()["name"].asString() == harness.name + "-trial");
  CHECK(harness.backend()["port"].asInt() == 8080);
  CHECK(harness.rolloutStatus()["canary"]["weights"]["stable"]["weight"].asInt() == 75);
  bool served = true;
  SUBCASE("all the while") {}
  SUBCASE("and no other is made after a crash") {
    harness.crash();
    harness.settle(25s);
    harness.start();
  }
  for (int i = 0; i < 600 && !harness.backend().isNull(); ++i) {
    const bool whole = harness.size(harness.name + "-trial") == 1;
    served = served && (whole || harness.backend().isNull());
    harness.settle(100ms);
  }
  CHECK(served);
  CHECK(harness.backend().isNull());
  harness.untilPhase("Paused");
  CHECK(harness.experiment(harness.name)["status"]["phase"].asString() == "Successful");
  CHECK(harness.list(cluster::kExperiments).size() == 1);
  CHECK(harness.rolloutStatus()["canary"]["currentExperiment"].isNull());
  harness.until("the pods go", [&] { return harness.size(harness.name + "-trial") == 0; });
  harness.until("the service goes", [&] { return harness.list(cluster::kServices).size() == 2; });
}

TEST_CASE("a failed experiment aborts the rollout and tells it why, an abort ends a running one") {
  Stepped harness;
  SUBCASE("failed") {
    harness.errors = 0.5;
    harness.untilPhase("Degraded");
    CHECK(harness.rolloutStatus()["abort"].asBool());
    CHECK(harness.rolloutStatus()["message"].asString().contains("Metric \"errors\" assessed Failed"));
    CHECK(harness.reasons("shop").contains("AnalysisRunFailed"));
  }
  SUBCASE("aborted") {
    harness.untilExperiment("Running", harness.name);
    harness.abort();
    harness.untilPhase("Degraded");
    CHECK(harness.experiment(harness.name)["spec"]["terminate"].asBool());
  }
  CHECK(harness.weight() == 0);
  CHECK(harness.backend().isNull());
  harness.until("the pods go", [&] { return harness.sizes().starts_with("v1 5"); });
  CHECK(harness.size(harness.name + "-base") == 0);
}

}  // namespace towpath::control
