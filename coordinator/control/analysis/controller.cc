#include "control/analysis/controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "api/analysis_arguments.h"
#include "api/analysis_view.h"
#include "base/base64.h"
#include "base/log.h"
#include "control/objects/patches.h"
#include "engine/analysis/assess.h"
#include "loop/timeout.h"
#include "metrics/job_names.h"

namespace towpath::control {
namespace {

constexpr Duration kResync = 15min;
constexpr const char* kManager = "rollouts-controller";
constexpr const char* kTerminated = "Metric Terminated";
// Stands for a secret wherever nothing is measured.
constexpr const char* kPlaceholder = "secret";

model::Measurement lastMeasurement(const model::AnalysisRunStatus& status, const std::string& metric) {
  const auto result = std::ranges::find(status.metric_results, metric, &model::MetricResult::name);
  if (result == status.metric_results.end() || result->measurements.empty()) return {};
  return result->measurements.back();
}

bool asksProviders(const analysis::RunDecision& decision) {
  return std::ranges::any_of(decision.actions, [](const analysis::RunAction& action) {
    return !std::holds_alternative<analysis::PatchRunStatus>(action) &&
           !std::holds_alternative<analysis::RunEvent>(action) && !std::holds_alternative<analysis::DeleteRun>(action);
  });
}

bool hasEnded(const Value& job) {
  return std::ranges::any_of(job["status"]["conditions"].asArray(), [](const Value& condition) {
    const std::string_view type = condition["type"].asStringView();
    return type == "Complete" || type == "Failed";
  });
}

// It has ended, or has gone on: whatever a provider said, a measurement that was called off is over.
void endTerminated(model::Measurement& measurement, WallTime now) {
  if (!model::isCompleted(measurement.phase)) measurement.phase = model::AnalysisPhase::kInconclusive;
  if (!measurement.finished_at) measurement.finished_at = std::chrono::floor<std::chrono::seconds>(now);
  const bool well = measurement.phase == model::AnalysisPhase::kSuccessful ||
                    measurement.phase == model::AnalysisPhase::kInconclusive;
  if (well) measurement.message = kTerminated;
}

void redact(analysis::Outcome& outcome, const std::vector<std::string>& secrets) {
  if (secrets.empty()) return;
  model::Measurement& measurement = outcome.measurement;
  measurement.message = api::redacted(std::move(measurement.message), secrets);
  measurement.value = api::redacted(std::move(measurement.value), secrets);
  for (auto* metadata : {&measurement.metadata, &outcome.metadata}) {
    for (auto& [name, text] : *metadata) text = api::redacted(std::move(text), secrets);
  }
}

}  // namespace

// One run with its arguments in place.
struct AnalysisController::Prepared {
  cluster::ObjectRef ref;
  Value object;                // as stored
  api::ArgumentValues values;  // placeholders for secrets
  std::vector<model::Argument> secret_args;
  Value metrics;                     // arguments substituted; once readSecrets() has been, for providers only
  std::vector<std::string> secrets;  // in all their forms
  analysis::AnalysisWorld world;
};

// What is under way for a run, and what came in since its status was written.
struct AnalysisController::Active {
  std::set<std::string> in_flight;
  std::set<std::string> woken;
  std::vector<analysis::Outcome> outcomes;
};

AnalysisController::AnalysisController(AnalysisContext context, int workers)
    : context_(std::move(context)),
      controller_(*context_.loop, {.name = "analysis", .workers = workers},
                  [this](cluster::ObjectKey key) { return pass(std::move(key)); }),
      scope_(*context_.loop, "analysis controller") {}

AnalysisController::~AnalysisController() = default;

void AnalysisController::start() { scope_.spawn(begin()); }

loop::Task<void> AnalysisController::begin() {
  co_await context_.analysis_runs->waitSynced();
  listeners_.push_back(context_.analysis_runs->listen([this](const cluster::CacheChange& change) {
    if (!change.after) active_.erase(change.meta().uid);
    controller_.queue().add(change.key());
  }));
  if (context_.jobs) {
    listeners_.push_back(context_.jobs->listen([this](const cluster::CacheChange& change) { jobChanged(change); }));
  }
  controller_.start();
}

// A job that has ended, or was taken away, is looked at without waiting for its time.
void AnalysisController::jobChanged(const cluster::CacheChange& change) {
  const Value job = (change.after ? change.after : change.before)->parse();
  if (change.after && !hasEnded(job)) return;
  const std::string ns(cluster::annotationOf(job, metrics::kJobRunNamespace));
  const std::string name(cluster::annotationOf(job, metrics::kJobRunName));
  const cluster::ObjectRef run = context_.analysis_runs->find(ns.empty() ? change.meta().ns : ns, name);
  if (!run || run->meta().uid != cluster::labelOf(job, metrics::kJobRunUid)) return;
  active_[run->meta().uid].woken.insert(std::string(cluster::annotationOf(job, metrics::kJobMetric)));
  controller_.queue().add({run->meta().ns, run->meta().name});
}

loop::Task<Result<cluster::PassEnd>> AnalysisController::pass(cluster::ObjectKey key) {
  const cluster::ObjectRef ref = context_.analysis_runs->find(key.ns, key.name);
  if (!ref || ref->meta().deleting) co_return cluster::PassEnd{};
  Prepared run = prepare(ref);
  const WallTime now = context_.loop->steadyNow();
  if (model::isCompleted(run.world.status.phase)) letGoOfLate(run);
  analysis::RunDecision decision = analysis::decide(run.world, now);
  if (asksProviders(decision)) {
    Result<std::optional<std::string>> problem = co_await readSecrets(run);
    if (!problem) co_return std::unexpected(problem.error());
    if (*problem) {
      run.world.resolve_error = std::move(**problem);
      decision = analysis::decide(run.world, now);
    }
  }
  const std::optional<WallTime> look_again_at = decision.look_again_at;
  const Result<void> done = co_await carryOut(run, std::move(decision));
  if (!done) co_return std::unexpected(done.error());
  Duration again = kResync;
  if (look_again_at) again = std::clamp(Duration(*look_again_at - now), Duration(1ms), again);
  co_return cluster::PassEnd{again};
}

AnalysisController::Prepared AnalysisController::prepare(const cluster::ObjectRef& ref) const {
  Prepared run{.ref = ref, .object = ref->parse()};
  run.world.name = ref->meta().name;
  run.world.status = api::decodeAnalysisRunStatus(run.object);
  run.metrics = run.object["spec"]["metrics"];
  for (const model::Argument& argument : api::decodeAnalysisRunSpec(run.object).args) {
    if (argument.value && argument.secret) {
      run.world.resolve_error = fmt::format("arg '{}' has both Value and ValueFrom fields", argument.name);
    } else if (argument.value) {
      run.values[argument.name] = *argument.value;
    } else if (argument.secret) {
      run.values[argument.name] = kPlaceholder;
      run.secret_args.push_back(argument);
    } else {
      run.world.resolve_error = fmt::format("argument \"{}\" was not supplied", argument.name);
    }
    if (run.world.resolve_error) break;
  }
  if (!run.world.resolve_error) {
    Result<Value> metrics = api::substituteArguments(run.metrics, run.values);
    if (metrics)
      run.metrics = std::move(*metrics);
    else
      run.world.resolve_error = metrics.error().message;
  }
  Value resolved = run.object;
  resolved["spec"]["metrics"] = run.metrics;
  run.world.spec = api::decodeAnalysisRunSpec(resolved);
  if (const auto active = active_.find(ref->meta().uid); active != active_.end()) {
    run.world.in_flight.assign(active->second.in_flight.begin(), active->second.in_flight.end());
    run.world.woken.assign(active->second.woken.begin(), active->second.woken.end());
    run.world.outcomes = active->second.outcomes;
  }
  return run;
}

loop::Task<Result<std::optional<std::string>>> AnalysisController::readSecrets(Prepared& run) {
  if (run.secret_args.empty()) co_return std::nullopt;
  api::ArgumentValues values = run.values;
  for (const model::Argument& argument : run.secret_args) {
    const model::SecretKeyRef& wanted = *argument.secret;
    const auto secret = co_await context_.api->get(cluster::kSecrets, run.ref->meta().ns, wanted.name);
    if (!secret && secret.error().kind != ErrorKind::kNotFound) co_return std::unexpected(secret.error());
    if (!secret) co_return fmt::format("secret '{}' not found", wanted.name);
    const Value object = (*secret)->parse();
    const Value& encoded = object["data"][wanted.key];
    const auto decoded = encoded.isString() ? decodeBase64(encoded.asStringView()) : std::nullopt;
    if (!decoded) co_return fmt::format("key '{}' does not exist in secret '{}'", wanted.key, wanted.name);
    values[argument.name] = *decoded;
    std::ranges::move(api::formsOfSecret(*decoded), std::back_inserter(run.secrets));
  }
  Result<Value> metrics = api::substituteArguments(run.object["spec"]["metrics"], values);
  if (!metrics) co_return metrics.error().message;
  run.metrics = std::move(*metrics);
  co_return std::nullopt;
}

loop::Task<Result<void>> AnalysisController::carryOut(const Prepared& run, analysis::RunDecision decision) {
  const cluster::ObjectMeta& meta = run.ref->meta();
  for (const analysis::RunAction& action : decision.actions) {
    if (const auto* start = std::get_if<analysis::StartMeasurement>(&action)) {
      measure(run, start->metric, start->attempt, Call::kStart);
    } else if (const auto* resume = std::get_if<analysis::ResumeMeasurement>(&action)) {
      measure(run, resume->metric, 1, Call::kResume);
    } else if (const auto* stop = std::get_if<analysis::TerminateMeasurement>(&action)) {
      measure(run, stop->metric, 1, Call::kTerminate);
    } else if (const auto* garbage = std::get_if<analysis::CollectGarbage>(&action)) {
      if (auto request = requestFor(run, garbage->metric, 1)) {
        scope_.spawn(collectGarbage(std::move(*request), garbage->limit));
      }
    } else if (const auto* patch = std::get_if<analysis::PatchRunStatus>(&action)) {
      const Result<void> written = co_await patchStatus(run, patch->next);
      if (!written) co_return written;
    } else if (const auto* event = std::get_if<analysis::RunEvent>(&action)) {
      context_.events->record(cluster::subjectOf(cluster::kAnalysisRuns, meta),
                              event->warning ? cluster::EventType::kWarning : cluster::EventType::kNormal,
                              event->reason, event->message);
    } else if (std::holds_alternative<analysis::DeleteRun>(action)) {
      const Result<void> removed =
          co_await context_.api->remove(cluster::kAnalysisRuns, meta.ns, meta.name, {.uid = meta.uid});
      if (!removed && removed.error().kind != ErrorKind::kNotFound) co_return removed;
    }
  }
  co_return {};
}

loop::Task<Result<void>> AnalysisController::patchStatus(const Prepared& run, const model::AnalysisRunStatus& next) {
  const cluster::ObjectMeta& meta = run.ref->meta();
  Value patch = analysisRunStatusPatch(run.object, next);
  if (!patch.asObject().empty()) {
    const Result<cluster::ObjectRef> written =
        co_await context_.api->patch(cluster::kAnalysisRuns, meta.ns, meta.name, cluster::PatchType::kMerge,
                                     std::move(patch), {.field_manager = kManager});
    if (!written) co_return std::unexpected(written.error());
    context_.analysis_runs->observe(*written);
  }
  // What went into the status is told once; what came in since then waits for the next pass.
  const auto active = active_.find(meta.uid);
  if (active != active_.end()) {
    auto& outcomes = active->second.outcomes;
    outcomes.erase(outcomes.begin(), outcomes.begin() + static_cast<std::ptrdiff_t>(
                                                            std::min(outcomes.size(), run.world.outcomes.size())));
    if (!outcomes.empty()) controller_.queue().add({meta.ns, meta.name});
  }
  co_return {};
}

// What came in after the run had ended counts for nothing; what it started is stopped.
void AnalysisController::letGoOfLate(const Prepared& run) {
  const auto active = active_.find(run.ref->meta().uid);
  if (active == active_.end()) return;
  for (analysis::Outcome& late : std::exchange(active->second.outcomes, {})) {
    auto request = late.measurement.finished_at ? std::nullopt : requestFor(run, late.metric, 1);
    if (!request) continue;
    scope_.spawn(runMeasurement({.uid = {},
                                 .key = {},
                                 .request = std::move(*request),
                                 .call = Call::kTerminate,
                                 .last = std::move(late.measurement),
                                 .secrets = {}}));
  }
}

std::optional<metrics::MetricRequest> AnalysisController::requestFor(const Prepared& run, const std::string& metric,
                                                                     int attempt) const {
  // Names are those of the placeholders' metrics: both lists are in the same order.
  const std::vector<model::Metric>& known = run.world.spec.metrics;
  const auto found = std::ranges::find(known, metric, &model::Metric::name);
  if (found == known.end()) return std::nullopt;
  const Value& resolved = run.metrics[static_cast<std::size_t>(found - known.begin())];
  metrics::MetricRequest request{.ns = run.ref->meta().ns,
                                 .run_name = run.ref->meta().name,
                                 .run_uid = run.ref->meta().uid,
                                 .attempt = attempt,
                                 .metric = api::decodeMetric(resolved),
                                 .provider = resolved["provider"],
                                 .config = resolved,
                                 .run = run.ref};
  request.metric.name = metric;
  return request;
}

void AnalysisController::measure(const Prepared& run, const std::string& metric, int attempt, Call call) {
  std::optional<metrics::MetricRequest> request = requestFor(run, metric, attempt);
  Active& active = active_[run.ref->meta().uid];
  if (!request || !active.in_flight.insert(metric).second) return;
  active.woken.erase(metric);
  scope_.spawn(runMeasurement({.uid = run.ref->meta().uid,
                               .key = {run.ref->meta().ns, run.ref->meta().name},
                               .request = std::move(*request),
                               .call = call,
                               .last = lastMeasurement(run.world.status, metric),
                               .secrets = run.secrets}));
}

loop::Task<void> AnalysisController::runMeasurement(Measuring measuring) {
  const std::string uid = measuring.uid;
  const cluster::ObjectKey key = measuring.key;
  analysis::Outcome outcome = co_await ask(std::move(measuring));
  const auto active = active_.find(uid);
  if (active == active_.end()) co_return;
  active->second.in_flight.erase(outcome.metric);
  active->second.outcomes.push_back(std::move(outcome));
  controller_.queue().add(key);
}

loop::Task<analysis::Outcome> AnalysisController::ask(Measuring measuring) {
  const Call kind = measuring.call;
  const std::vector<std::string> secrets = measuring.secrets;
  analysis::Outcome outcome{measuring.request.metric.name, measuring.last, {}};
  const WallTime started = outcome.measurement.started_at && kind != Call::kStart ? *outcome.measurement.started_at
                                                                                  : context_.loop->steadyNow();
  std::string wrong;
  try {
    const Result<std::unique_ptr<metrics::Provider>> provider =
        metrics::makeProvider(measuring.request.provider, context_.providers);
    if (!provider) {
      wrong = describe(provider.error());
    } else {
      if (kind == Call::kStart) outcome.metadata = (*provider)->metadata(measuring.request);
      Result<model::Measurement> answer = co_await loop::withTimeout(*context_.loop, context_.measurement_timeout,
                                                                     call(**provider, std::move(measuring)));
      if (answer)
        outcome.measurement = std::move(*answer);
      else
        wrong = answer.error().message;
    }
  } catch (const std::exception& exception) {
    wrong = exception.what();
  }
  const WallTime now = context_.loop->steadyNow();
  if (!wrong.empty()) {
    model::Measurement failed = analysis::failedMeasurement(wrong, started, now);
    if (kind != Call::kStart) failed.metadata = std::move(outcome.measurement.metadata);
    outcome.measurement = std::move(failed);
  } else if (kind == Call::kTerminate) {
    endTerminated(outcome.measurement, now);
  }
  redact(outcome, secrets);
  co_return outcome;
}

loop::Task<model::Measurement> AnalysisController::call(metrics::Provider& provider, Measuring measuring) {
  switch (measuring.call) {
    case Call::kStart:
      co_return co_await provider.start(std::move(measuring.request));
    case Call::kResume:
      co_return co_await provider.resume(std::move(measuring.request), std::move(measuring.last));
    case Call::kTerminate:
      co_return co_await provider.terminate(std::move(measuring.request), std::move(measuring.last));
  }
  co_return measuring.last;
}

loop::Task<void> AnalysisController::collectGarbage(metrics::MetricRequest request, int limit) {
  const std::string run = request.ns + "/" + request.run_name;
  const auto provider = metrics::makeProvider(request.provider, context_.providers);
  if (!provider) co_return;
  const Result<void> done = co_await loop::withTimeout(*context_.loop, context_.measurement_timeout,
                                                       (*provider)->collectGarbage(std::move(request), limit));
  // The next trimming tries again.
  if (!done) log::warning("old measurements are left behind", {{"run", run}, {"error", describe(done.error())}});
}

}  // namespace towpath::control
