// The job provider: a Kubernetes Job that ends well or badly (metric-providers reference, 3; core-semantics 8.11). The
// same on a cluster and on the edge, where coordinator/edge runs Jobs.
//
//   provider:
//     job:
//       metadata: {labels: {…}, annotations: {…}}
//       spec:
//         backoffLimit: 1
//         template:
//           spec:
//             restartPolicy: Never
//             containers: [{name: test, image: example/smoke-test, command: [/test, "{{args.url}}"]}]
//
// A measurement lasts as long as its Job: Complete is Successful, Failed is Failed; conditions of the metric are not
// asked.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cluster/kinds.h"
#include "engine/analysis/assess.h"
#include "metrics/exec_job.h"
#include "metrics/job_names.h"
#include "metrics/providers.h"
#include "metrics/surroundings.h"

namespace towpath::metrics {
namespace {

constexpr std::size_t kNameLimit = 63;  // the name becomes a label of the pods
constexpr const char* kExec = "towpath/exec";
constexpr const char* kNameKey = "job-name";
constexpr const char* kNamespaceKey = "job-namespace";

std::string jobName(const MetricRequest& request) {
  const std::string suffix = fmt::format(".{}", request.attempt);
  const std::size_t taken = request.run_uid.size() + 1 + suffix.size();
  const std::string metric = request.metric.name.substr(0, taken < kNameLimit ? kNameLimit - taken : 0);
  return fmt::format("{}.{}{}", request.run_uid, metric, suffix);
}

// `wanted` is what `provider.job` holds.
Value jobOf(const MetricRequest& request, const Value& wanted, const std::string& ns) {
  Value job = Object{{"apiVersion", cluster::kJobs.apiVersion()}, {"kind", cluster::kJobs.kind}};
  Value& metadata = job["metadata"];
  metadata["name"] = jobName(request);
  metadata["namespace"] = ns;
  for (const char* member : {"labels", "annotations"}) {
    if (wanted["metadata"][member].isObject()) metadata[member] = wanted["metadata"][member];
  }
  metadata["labels"][kJobRunUid] = request.run_uid;
  metadata["annotations"][kJobRunName] = request.run_name;
  metadata["annotations"][kJobRunNamespace] = request.ns;
  metadata["annotations"][kJobMetric] = request.metric.name;
  // Owners in another namespace are no owners to Kubernetes.
  if (ns == request.ns) {
    metadata["ownerReferences"] = Array{Object{{"apiVersion", cluster::kAnalysisRuns.apiVersion()},
                                               {"kind", cluster::kAnalysisRuns.kind},
                                               {"name", request.run_name},
                                               {"uid", request.run_uid},
                                               {"controller", true},
                                               {"blockOwnerDeletion", true}}};
  }
  job["spec"] = wanted["spec"];
  job["spec"]["template"]["metadata"]["labels"][kJobRunUid] = request.run_uid;
  return job;
}

// The condition of that type, if it holds.
const Value* heldCondition(const Value& job, std::string_view type) {
  for (const Value& condition : job["status"]["conditions"].asArray()) {
    if (condition["type"].asStringView() == type && condition["status"].asStringView() == "True") return &condition;
  }
  return nullptr;
}

// An image that cannot be had will not be had by waiting: "Pod P, container C has terminal error (R): msg".
std::optional<std::string> hopeless(const Value& pod) {
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const Value& container : pod["status"][list].asArray()) {
      const Value& waiting = container["state"]["waiting"];
      const std::string_view reason = waiting["reason"].asStringView();
      if (reason != "ErrImagePull" && reason != "ImagePullBackOff" && reason != "InvalidImageName") continue;
      return fmt::format("Pod {}, container {} has terminal error ({}): {}", cluster::nameOf(pod),
                         container["name"].asStringView(), reason, waiting["message"].asStringView());
    }
  }
  return std::nullopt;
}

std::string selectorText(const Value& job) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : job["spec"]["selector"]["matchLabels"].asObject()) {
    labels.push_back(key + "=" + value.asString());
  }
  return fmt::format("{}", fmt::join(labels, ","));
}

// Seldom for a job that lasts: after the square root of twice its age in seconds, at least one.
WallTime nextLook(const model::Measurement& measurement, WallTime now) {
  const double age = std::chrono::duration<double>(now - measurement.started_at.value_or(now)).count();
  const auto wait =
      std::chrono::seconds(static_cast<std::int64_t>(std::ceil(std::sqrt(2 * std::clamp(age, 0.5, 1e7)))));
  return std::chrono::ceil<std::chrono::seconds>(now + wait);
}

class Job final : public Provider {
 public:
  explicit Job(const ProviderContext& context) : context_(context), loop_(*context.loop), api_(*context.api) {}

  loop::Task<model::Measurement> start(MetricRequest request) override {
    const WallTime now = loop_.steadyNow();
    const Result<std::string> ns = namespaceFor(request);
    if (!ns) co_return analysis::failedMeasurement(describe(ns.error()), now, now);
    const Value& exec = request.provider["plugin"][kExec];
    const Result<Value> wanted = exec.isNull() ? Result<Value>(request.provider["job"]) : jobOfExec(exec);
    if (!wanted) co_return analysis::failedMeasurement(describe(wanted.error()), now, now);
    const Value job = jobOf(request, *wanted, *ns);
    const std::string name(cluster::nameOf(job));
    const auto created = co_await api_.create(cluster::kJobs, job);
    if (!created) {
      // A coordinator that came before us may have made it.
      const bool known = created.error().kind == ErrorKind::kAlreadyExists && co_await isOurs(request, *ns, name);
      if (!known) co_return analysis::failedMeasurement(describe(created.error()), now, loop_.steadyNow());
    }
    model::Measurement measurement;
    measurement.phase = model::AnalysisPhase::kRunning;
    measurement.started_at = std::chrono::floor<std::chrono::seconds>(now);
    measurement.resume_at = nextLook(measurement, now);
    measurement.metadata = {{kNameKey, name}, {kNamespaceKey, *ns}};
    co_return measurement;
  }

  loop::Task<model::Measurement> resume(MetricRequest request, model::Measurement measurement) override {
    const auto [ns, name] = placeOf(request, measurement);
    const Result<cluster::ObjectRef> found = co_await find(ns, name);
    if (!found) co_return failed(std::move(measurement), describe(found.error()));
    const Value job = (*found)->parse();
    if (heldCondition(job, "Complete")) co_return ended(std::move(measurement), model::AnalysisPhase::kSuccessful, "");
    if (const Value* condition = heldCondition(job, "Failed")) {
      co_return ended(std::move(measurement), model::AnalysisPhase::kFailed, (*condition)["message"].asString());
    }
    const auto pods = co_await api_.list(cluster::kPods, {.ns = ns, .label_selector = selectorText(job)});
    if (pods) {
      for (const cluster::ObjectRef& pod : pods->items) {
        if (std::optional<std::string> why = hopeless(pod->parse())) {
          co_return ended(std::move(measurement), model::AnalysisPhase::kInconclusive, std::move(*why));
        }
      }
    }
    measurement.resume_at = nextLook(measurement, loop_.steadyNow());
    co_return measurement;
  }

  loop::Task<model::Measurement> terminate(MetricRequest request, model::Measurement measurement) override {
    const auto [ns, name] = placeOf(request, measurement);
    const Result<void> removed = co_await remove(ns, name);
    if (!removed) co_return failed(std::move(measurement), describe(removed.error()));
    co_return ended(std::move(measurement), model::AnalysisPhase::kInconclusive, "");
  }

  loop::Task<Result<void>> collectGarbage(MetricRequest request, int limit) override {
    const Result<std::string> ns = namespaceFor(request);
    if (!ns) co_return std::unexpected(ns.error());
    const auto list = co_await api_.list(
        cluster::kJobs, {.ns = *ns, .label_selector = fmt::format("{}={}", kJobRunUid, request.run_uid)});
    if (!list) co_return std::unexpected(list.error());
    std::vector<std::pair<std::string, std::string>> jobs;  // creation time, name
    for (const cluster::ObjectRef& object : list->items) {
      const Value job = object->parse();
      if (cluster::annotationOf(job, kJobMetric) != request.metric.name) continue;
      jobs.emplace_back(job["metadata"]["creationTimestamp"].asString(), object->meta().name);
    }
    std::ranges::sort(jobs);
    const std::size_t kept = std::min(static_cast<std::size_t>(std::max(limit, 0)), jobs.size());
    jobs.resize(jobs.size() - kept);
    for (const auto& [created, name] : jobs) {
      if (Result<void> removed = co_await remove(*ns, name); !removed) co_return removed;
    }
    co_return {};
  }

 private:
  Result<std::string> namespaceFor(const MetricRequest& request) const {
    if (!environmentOf(context_, "ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG").empty()) {
      return fail(ErrorKind::kUnsupported,
                  "ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG is set, but jobs run where the rollout is; unset it");
    }
    std::string ns = environmentOf(context_, "ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE");
    return ns.empty() ? request.ns : ns;
  }

  // Where the job of a measurement is: as it was noted when it was started.
  static std::pair<std::string, std::string> placeOf(const MetricRequest& request,
                                                     const model::Measurement& measurement) {
    const auto at = [&](const char* key) {
      const auto found = measurement.metadata.find(key);
      return found == measurement.metadata.end() ? std::string() : found->second;
    };
    std::string ns = at(kNamespaceKey);
    return {ns.empty() ? request.ns : ns, at(kNameKey)};
  }

  loop::Task<Result<cluster::ObjectRef>> find(const std::string& ns, const std::string& name) {
    if (name.empty()) co_return fail(ErrorKind::kInvalid, "job metadata reference missing");
    if (context_.jobs) {
      if (cluster::ObjectRef cached = context_.jobs->find(ns, name)) co_return cached;
    }
    co_return co_await api_.get(cluster::kJobs, ns, name);
  }

  loop::Task<bool> isOurs(const MetricRequest& request, const std::string& ns, const std::string& name) {
    const auto found = co_await api_.get(cluster::kJobs, ns, name);
    if (!found) co_return false;
    if (ns != request.ns) co_return cluster::labelOf((*found)->parse(), kJobRunUid) == request.run_uid;
    const cluster::OwnerRef* owner = (*found)->meta().controllerOwner();
    co_return owner && owner->uid == request.run_uid;
  }

  loop::Task<Result<void>> remove(const std::string& ns, const std::string& name) {
    if (name.empty()) co_return fail(ErrorKind::kInvalid, "job metadata reference missing");
    Result<void> removed =
        co_await api_.remove(cluster::kJobs, ns, name, {.propagation = cluster::Propagation::kForeground});
    if (!removed && removed.error().kind == ErrorKind::kNotFound) co_return {};
    co_return removed;
  }

  model::Measurement ended(model::Measurement measurement, model::AnalysisPhase phase, std::string message) const {
    measurement.phase = phase;
    measurement.message = std::move(message);
    measurement.finished_at = std::chrono::floor<std::chrono::seconds>(loop_.steadyNow());
    return measurement;
  }
  model::Measurement failed(model::Measurement measurement, std::string message) const {
    return ended(std::move(measurement), model::AnalysisPhase::kError, std::move(message));
  }

  const ProviderContext& context_;
  loop::Loop& loop_;
  cluster::ObjectApi& api_;
};

}  // namespace

std::unique_ptr<Provider> makeJob(const ProviderContext& context) {
  if (!context.api || !context.runs_jobs) return nullptr;
  return std::make_unique<Job>(context);
}

}  // namespace towpath::metrics
