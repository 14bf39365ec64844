// Job metrics: what the controller makes of the lives of their Jobs. The Jobs themselves are ended by the test.

#include "harness.h"
#include "metrics/job_names.h"

namespace towpath::control {
namespace {

constexpr const char* kRun = R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: run, namespace: default}
spec:
  args: [{name: target, value: shop}]
  metrics:
  - name: smoke
    provider:
      job:
        metadata: {labels: {"for-{{args.target}}": "yes"}, annotations: {team: a}}
        spec:
          backoffLimit: 0
          template:
            metadata: {labels: {app: smoke}}
            spec:
              restartPolicy: Never
              containers: [{name: test, image: busybox, command: [test, "{{args.target}}"]}]
)";

struct Jobs : Harness {
  std::vector<Value> jobs() { return list(cluster::kJobs); }
  Value status() { return get(cluster::kAnalysisRuns, "run")["status"]; }
  Value metric() {
    const Value status_now = status();
    return status_now["metricResults"][0];
  }
  Value measurement() {
    const Value now = metric();
    return now["measurements"][0];
  }
  std::string runPhase() { return status()["phase"].asString(); }
  void begin(std::string_view run = kRun) {
    apply(cluster::kAnalysisRuns, run);
    start();
    settle(1s);
  }
  void end(const std::string& job, const char* condition, const char* message = "") {
    patch(cluster::kJobs, job,
          fmt::format("status: {{conditions: [{{type: {}, status: 'True', message: '{}'}}]}}", condition, message),
          "status");
  }
};

}  // namespace

TEST_CASE("job: made for the measurement, with the names that clients look for") {
  Jobs harness;
  harness.begin();
  const std::vector<Value> jobs = harness.jobs();
  REQUIRE(jobs.size() == 1);
  const Value run = harness.get(cluster::kAnalysisRuns, "run");
  const std::string uid = run["metadata"]["uid"].asString();
  CHECK(cluster::nameOf(jobs[0]) == uid + ".smoke.1");
  CHECK(cluster::labelOf(jobs[0], metrics::kJobRunUid) == uid);
  CHECK(cluster::labelOf(jobs[0], "for-shop") == "yes");
  CHECK(cluster::annotationOf(jobs[0], "team") == "a");
  CHECK(cluster::annotationOf(jobs[0], metrics::kJobRunName) == "run");
  CHECK(cluster::annotationOf(jobs[0], metrics::kJobMetric) == "smoke");
  CHECK(jobs[0]["metadata"]["ownerReferences"][0]["uid"].asString() == uid);
  CHECK(jobs[0].at({"spec", "template", "metadata", "labels"})[metrics::kJobRunUid].asString() == uid);
  CHECK(jobs[0].at({"spec", "template", "spec"})["containers"][0]["command"][1].asString() == "shop");
  const Value measurement = harness.measurement();
  CHECK(measurement["phase"].asString() == "Running");
  CHECK(measurement["metadata"]["job-name"].asString() == uid + ".smoke.1");
  CHECK(measurement["metadata"]["job-namespace"].asString() == "default");
}

TEST_CASE("job: its end is the measurement's") {
  for (const auto& [condition, phase] : {std::pair("Complete", "Successful"), std::pair("Failed", "Failed")}) {
    Jobs harness;
    harness.begin();
    harness.settle(20s);
    CHECK(harness.runPhase() == "Running");
    const std::string name(cluster::nameOf(harness.jobs()[0]));
    harness.end(name, condition, "it ran");
    harness.settle(200ms);  // without waiting for the time of the next look
    CHECK(harness.runPhase() == phase);
    CHECK(harness.jobs().size() == 1);
  }
}

TEST_CASE("job: a coordinator that died after creating it is followed by one that takes it on") {
  Jobs harness;
  harness.apply(cluster::kAnalysisRuns, kRun);
  harness.start();
  bool died = false;
  harness.coordinator->api.fail_write = [&](const std::string& what) -> std::optional<Error> {
    died = died || (what.starts_with("patch analysisruns") && !harness.jobs().empty());
    if (died) return Error{ErrorKind::kUnavailable, "dead", ""};
    return std::nullopt;
  };
  harness.settle(2s);
  REQUIRE(died);
  harness.crash();
  harness.start();
  harness.settle(2s);
  REQUIRE(harness.jobs().size() == 1);
  harness.end(std::string(cluster::nameOf(harness.jobs()[0])), "Complete");
  harness.settle(1s);
  CHECK(harness.runPhase() == "Successful");
}

TEST_CASE("job: one of the same name that is somebody else's is an error, not a measurement") {
  Jobs harness;
  harness.apply(cluster::kAnalysisRuns, kRun);
  const std::string uid = harness.get(cluster::kAnalysisRuns, "run")["metadata"]["uid"].asString();
  harness.apply(cluster::kJobs, fmt::format(R"(
apiVersion: batch/v1
kind: Job
metadata: {{name: {}.smoke.1, namespace: default}}
spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: i}}]}}}}}}
)",
                                            uid));
  harness.start();
  harness.settle(1s);
  const Value measurement = harness.measurement();
  CHECK(measurement["phase"].asString() == "Error");
  CHECK(measurement["message"].asString().find("already exists") != std::string::npos);
}

TEST_CASE("job: terminating the run deletes it, and is inconclusive") {
  Jobs harness;
  harness.begin();
  harness.patch(cluster::kAnalysisRuns, "run", "spec: {terminate: true}");
  harness.settle(1s);
  CHECK(harness.runPhase() == "Inconclusive");
  CHECK(harness.measurement()["message"].asString() == "Metric Terminated");
  for (const Value& job : harness.jobs()) CHECK(!job["metadata"]["deletionTimestamp"].isNull());
}

TEST_CASE("job: one that is deleted by somebody is an error, and made once more") {
  Jobs harness;
  harness.begin();
  const std::string name(cluster::nameOf(harness.jobs()[0]));
  CHECK(harness.run(harness.api.remove(cluster::kJobs, "default", name)).has_value());
  harness.settle(300ms);
  CHECK(harness.metric()["error"].asInt() == 1);
  harness.settle(12s);
  REQUIRE(harness.jobs().size() == 1);
  CHECK(cluster::nameOf(harness.jobs()[0]).ends_with(".smoke.2"));
}

TEST_CASE("job: an image that cannot be had is inconclusive, and says which") {
  Jobs harness;
  harness.begin();
  const Value job = harness.jobs()[0];
  harness.apply(cluster::kPods, fmt::format(R"(
apiVersion: v1
kind: Pod
metadata:
  name: smoke-x
  namespace: default
  labels: {{batch.kubernetes.io/controller-uid: {}}}
spec: {{containers: [{{name: test, image: busybox}}]}}
)",
                                            job["metadata"]["uid"].asString()));
  harness.patch(cluster::kPods, "smoke-x",
                "status: {containerStatuses: [{name: test, state: {waiting: {reason: ErrImagePull, message: none}}}]}",
                "status");
  harness.settle(10s);
  CHECK(harness.runPhase() == "Inconclusive");
  CHECK(harness.status()["message"].asString().find(
            "Pod smoke-x, container test has terminal error (ErrImagePull): none") != std::string::npos);
}

TEST_CASE("job: only as many are kept as measurements are, each metric its own") {
  Jobs harness;
  harness.begin(R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: run, namespace: default}
spec:
  measurementRetention: [{metricName: many, limit: 2}]
  metrics:
  - name: many
    interval: 1s
    count: 5
    provider: &job
      job: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}
  - name: one
    provider: *job
)");
  harness.until("the run has ended", [&] {
    for (const Value& job : harness.jobs()) {
      if (job["metadata"]["deletionTimestamp"].isNull()) harness.end(std::string(cluster::nameOf(job)), "Complete");
    }
    return harness.runPhase() == "Successful";
  });
  harness.settle(1s);
  std::vector<std::string> kept;
  for (const Value& job : harness.jobs()) {
    if (!job["metadata"]["deletionTimestamp"].isNull()) continue;
    const std::string name(cluster::nameOf(job));
    kept.push_back(name.substr(name.find('.') + 1));
  }
  std::ranges::sort(kept);
  CHECK(kept == std::vector<std::string>{"many.4", "many.5", "one.1"});
}

TEST_CASE("towpath/exec: a short form of a job") {
  Jobs harness;
  harness.begin(R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: run, namespace: default}
spec:
  metrics:
  - name: smoke
    provider: {plugin: {towpath/exec: {image: i, command: [./smoke], env: {A: b}, timeout: 90s, nodeSelector: {site: one}}}}
)");
  const std::vector<Value> jobs = harness.jobs();
  REQUIRE(jobs.size() == 1);
  const Value& spec = jobs[0]["spec"];
  CHECK(spec["backoffLimit"] == Value(0));
  CHECK(spec["activeDeadlineSeconds"] == Value(90));
  CHECK(spec["template"]["spec"]["nodeSelector"]["site"].asString() == "one");
  CHECK(spec["template"]["spec"]["containers"][0]["env"][0]["name"].asString() == "A");
  harness.end(std::string(cluster::nameOf(jobs[0])), "Complete");
  harness.settle(1s);
  CHECK(harness.runPhase() == "Successful");
}

TEST_CASE("towpath/exec: what is missing is named") {
  for (const auto& [settings, field] : {std::pair("image: i", "command: "), std::pair("command: [a]", "image: "),
                                        std::pair("image: i, command: [a], timeout: 0s", "timeout: "),
                                        std::pair("image: i, command: [a], retries: -1", "retries: ")}) {
    Jobs harness;
    harness.begin(fmt::format(R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {{name: run, namespace: default}}
spec: {{metrics: [{{name: m, provider: {{plugin: {{towpath/exec: {{{}}}}}}}}}]}}
)",
                              settings));
    CHECK(harness.measurement()["message"].asString().starts_with(field));
    CHECK(harness.jobs().empty());
  }
}

}  // namespace towpath::control
