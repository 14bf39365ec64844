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

namespace towpath::control {
namespace {

constexpr Duration kResync = 15min;
constexpr const char* kManager = "rollouts-controller";

const Value* findMetric(const Value& run, std::string_view name) {
  for (const Value& metric : run["spec"]["metrics"].asArray()) {
    if (metric["name"].asStringView() == name) return &metric;
  }
  return nullptr;
}

model::Measurement lastMeasurement(const model::AnalysisRunStatus& status, const std::string& metric) {
  const auto result = std::ranges::find(status.metric_results, metric, &model::MetricResult::name);
  if (result == status.metric_results.end() || result->measurements.empty()) return {};
  return result->measurements.back();
}

}  // namespace

// One run with its arguments in place.
struct AnalysisController::Prepared {
  cluster::ObjectRef ref;
  Value object;    // as stored
  Value resolved;  // arguments substituted; may hold secrets, so it goes to providers only
  std::vector<std::string> secrets;
  analysis::AnalysisWorld world;
};

// What is under way for a run, and what came in since its status was written.
struct AnalysisController::Active {
  std::set<std::string> in_flight;
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
  controller_.start();
}

loop::Task<Result<cluster::PassEnd>> AnalysisController::pass(cluster::ObjectKey key) {
  const cluster::ObjectRef ref = context_.analysis_runs->find(key.ns, key.name);
  if (!ref || ref->meta().deleting) co_return cluster::PassEnd{};
  Result<Prepared> run = co_await prepare(ref);
  if (!run) co_return std::unexpected(run.error());
  const WallTime now = context_.loop->steadyNow();
  analysis::RunDecision decision = analysis::decide(run->world, now);
  const std::optional<WallTime> look_again_at = decision.look_again_at;
  const Result<void> done = co_await carryOut(*run, std::move(decision));
  if (!done) co_return std::unexpected(done.error());
  Duration again = kResync;
  if (look_again_at) again = std::clamp(Duration(*look_again_at - now), Duration(1ms), again);
  co_return cluster::PassEnd{again};
}

loop::Task<Result<AnalysisController::Prepared>> AnalysisController::prepare(const cluster::ObjectRef& ref) {
  Prepared run{.ref = ref, .object = ref->parse()};
  run.world.name = ref->meta().name;
  run.world.status = api::decodeAnalysisRunStatus(run.object);
  run.resolved = run.object;
  if (!model::isCompleted(run.world.status.phase)) {
    api::ArgumentValues values;
    for (const model::Argument& argument : api::decodeAnalysisRunSpec(run.object).args) {
      if (argument.value) {
        values[argument.name] = *argument.value;
        continue;
      }
      if (!argument.secret) {
        run.world.resolve_error = fmt::format("argument \"{}\" was not supplied", argument.name);
        break;
      }
      const auto secret = co_await context_.api->get(cluster::kSecrets, ref->meta().ns, argument.secret->name);
      if (!secret && secret.error().kind != ErrorKind::kNotFound) co_return std::unexpected(secret.error());
      const Value object = secret ? (*secret)->parse() : Value();
      const Value& encoded = object["data"][argument.secret->key];
      const auto decoded = encoded.isString() ? decodeBase64(encoded.asStringView()) : std::nullopt;
      if (!decoded) {
        run.world.resolve_error =
            secret ? fmt::format("key '{}' does not exist in secret '{}'", argument.secret->key, argument.secret->name)
                   : fmt::format("secret '{}' not found", argument.secret->name);
        break;
      }
      values[argument.name] = *decoded;
      run.secrets.push_back(*decoded);
    }
    if (!run.world.resolve_error) {
      Result<Value> metrics = api::substituteArguments(run.object["spec"]["metrics"], values);
      if (metrics)
        run.resolved["spec"]["metrics"] = std::move(*metrics);
      else
        run.world.resolve_error = metrics.error().message;
    }
  }
  run.world.spec = api::decodeAnalysisRunSpec(run.resolved);
  if (const auto active = active_.find(ref->meta().uid); active != active_.end()) {
    run.world.in_flight.assign(active->second.in_flight.begin(), active->second.in_flight.end());
    run.world.outcomes = active->second.outcomes;
  }
  co_return run;
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

void AnalysisController::measure(const Prepared& run, const std::string& metric, int attempt, Call call) {
  const Value* resolved = findMetric(run.resolved, metric);
  Active& active = active_[run.ref->meta().uid];
  if (!resolved || !active.in_flight.insert(metric).second) return;
  metrics::MetricRequest request{.ns = run.ref->meta().ns,
                                 .run_name = run.ref->meta().name,
                                 .run_uid = run.ref->meta().uid,
                                 .attempt = attempt,
                                 .metric = api::decodeMetric(*resolved),
                                 .provider = (*resolved)["provider"]};
  scope_.spawn(runMeasurement(run.ref->meta().uid, {run.ref->meta().ns, run.ref->meta().name}, std::move(request), call,
                              lastMeasurement(run.world.status, metric), run.secrets));
}

loop::Task<void> AnalysisController::runMeasurement(std::string uid, cluster::ObjectKey key,
                                                    metrics::MetricRequest request, Call call, model::Measurement last,
                                                    std::vector<std::string> secrets) {
  const std::string metric = request.metric.name;
  const WallTime started = context_.loop->steadyNow();
  model::Measurement measurement;
  std::string thrown;
  try {
    Result<model::Measurement> answer = co_await loop::withTimeout(
        *context_.loop, context_.measurement_timeout, callProvider(std::move(request), call, std::move(last)));
    if (answer)
      measurement = std::move(*answer);
    else
      thrown = answer.error().message;
  } catch (const std::exception& exception) {
    thrown = exception.what();
  }
  if (!thrown.empty()) measurement = analysis::failedMeasurement(thrown, started, context_.loop->steadyNow());
  measurement.message = api::redacted(std::move(measurement.message), secrets);
  measurement.value = api::redacted(std::move(measurement.value), secrets);
  for (auto& [name, text] : measurement.metadata) text = api::redacted(std::move(text), secrets);
  const auto active = active_.find(uid);
  if (active == active_.end()) co_return;
  active->second.in_flight.erase(metric);
  active->second.outcomes.push_back({metric, std::move(measurement)});
  controller_.queue().add(key);
}

loop::Task<model::Measurement> AnalysisController::callProvider(metrics::MetricRequest request, Call call,
                                                                model::Measurement last) {
  const WallTime started = context_.loop->steadyNow();
  const Result<std::unique_ptr<metrics::Provider>> provider =
      metrics::makeProvider(request.provider, context_.providers);
  if (!provider) co_return analysis::failedMeasurement(describe(provider.error()), started, started);
  switch (call) {
    case Call::kStart:
      co_return co_await (*provider)->start(std::move(request));
    case Call::kResume:
      co_return co_await (*provider)->resume(std::move(request), std::move(last));
    case Call::kTerminate:
      co_return co_await (*provider)->terminate(std::move(request), std::move(last));
  }
  co_return last;
}

}  // namespace towpath::control
