#include "edge/job_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace towpath::edge {
namespace {

constexpr const char* kBackoffExceeded = "BackoffLimitExceeded";
constexpr const char* kDeadlineExceeded = "DeadlineExceeded";
constexpr std::int64_t kLongestSeconds = std::int64_t{100} * 365 * 86400;

std::optional<WallTime> timeAt(const Value& object, std::string_view member) {
  return parseRfc3339(object[member].asStringView());
}

std::optional<Duration> secondsAt(const Value& spec, std::string_view member) {
  if (!spec[member].isNumber()) return std::nullopt;
  return std::chrono::seconds(std::clamp<std::int64_t>(spec[member].asInt(), 0, kLongestSeconds));
}

// When the last container of a failed pod ended; when it was made, if nobody says.
WallTime failedAt(const PodFacts& pod) {
  WallTime latest = pod.created.value_or(WallTime{});
  const Value object = pod.object ? pod.object->parse() : Value();
  for (const Value& container : object["status"]["containerStatuses"].asArray()) {
    latest = std::max(latest, timeAt(container["state"]["terminated"], "finishedAt").value_or(latest));
  }
  return latest;
}

struct Counts {
  std::int64_t active = 0, terminating = 0, ready = 0, succeeded = 0, failed = 0, restarts = 0;
  std::optional<WallTime> last_failure;
};

Counts countPods(const JobWorld& world) {
  Counts counts;
  for (const PodFacts* pod : world.pods) {
    counts.succeeded += pod->phase == PodPhase::kSucceeded;
    counts.failed += pod->phase == PodPhase::kFailed;
    counts.active += pod->active();
    counts.terminating += pod->deleting && !pod->finished();
    counts.ready += pod->active() && pod->ready;
    counts.restarts += pod->active() ? pod->restarts : 0;
    if (pod->phase != PodPhase::kFailed) continue;
    const WallTime at = failedAt(*pod);
    if (!counts.last_failure || at > *counts.last_failure) counts.last_failure = at;
  }
  // Finished pods may have been cleared away.
  const Value& status = world.job["status"];
  counts.succeeded = std::max(counts.succeeded, status["succeeded"].asInt());
  counts.failed = std::max(counts.failed, status["failed"].asInt());
  return counts;
}

class Planner {
 public:
  Planner(const JobWorld& world, WallTime now)
      : world_(world), spec_(std::as_const(world.job)["spec"]), now_(now), counts_(countPods(world)) {}

  JobPlan plan() {
    plan_.status = world_.job["status"].isObject() ? world_.job["status"] : Value(Object());
    if (isFinishedJob(world_.job)) {
      eraseActive();
      expire();
    } else if (!world_.job["metadata"]["deletionTimestamp"].isNull()) {
      // Its pods go with it: the collector sees to that.
    } else if (spec_["suspend"].asBool()) {
      suspend();
    } else {
      work();
    }
    writeCounts();
    return std::move(plan_);
  }

 private:
  void lookAgain(Duration after) {
    after = std::max<Duration>(after, 1ms);
    if (!plan_.look_again || after < *plan_.look_again) plan_.look_again = after;
  }

  void work() {
    if (timeAt(plan_.status, "startTime") == std::nullopt) plan_.status["startTime"] = formatRfc3339(now_);
    unsuspend();
    if (spec_["completionMode"].asStringView("NonIndexed") != "NonIndexed") {
      finish("Failed", "Unsupported", "completion mode Indexed is not supported here: use NonIndexed");
    } else if (pastBackoffLimit()) {
      finish("Failed", kBackoffExceeded, "Job has reached the specified backoff limit");
    } else if (pastDeadline()) {
      finish("Failed", kDeadlineExceeded, "Job was active longer than specified deadline");
    } else if (isComplete()) {
      finish("Complete", "CompletionsReached", "Reached expected number of succeeded pods");
    } else {
      keepWorking();
    }
  }

  // With OnFailure the containers are started again within their pod: their restarts count.
  bool pastBackoffLimit() const {
    const std::int64_t limit = spec_["backoffLimit"].asInt(6);
    if (counts_.failed > limit) return true;
    if (spec_["template"]["spec"]["restartPolicy"].asStringView() != "OnFailure") return false;
    return limit == 0 ? counts_.restarts > 0 : counts_.restarts >= limit;
  }

  bool pastDeadline() {
    const auto deadline = secondsAt(spec_, "activeDeadlineSeconds");
    const auto started = timeAt(plan_.status, "startTime");
    if (!deadline || !started) return false;
    const Duration left = *started + *deadline - now_;
    if (left <= Duration::zero()) return true;
    lookAgain(left);
    return false;
  }

  // Without completions, one success is enough once no pod works any more.
  bool isComplete() const {
    if (spec_["completions"].isNumber()) return counts_.succeeded >= spec_["completions"].asInt();
    return counts_.succeeded > 0 && counts_.active == 0 && counts_.terminating == 0;
  }

  void keepWorking() {
    std::int64_t wanted = std::max<std::int64_t>(spec_["parallelism"].asInt(1), 0);
    if (spec_["completions"].isNumber()) {
      wanted = std::min(wanted, spec_["completions"].asInt() - counts_.succeeded);
    } else if (counts_.succeeded > 0) {
      wanted = std::min(wanted, counts_.active);
    }
    const std::int64_t present = counts_.active + counts_.terminating;
    if (counts_.active > wanted) {
      for (const PodFacts* pod : world_.pods) {
        if (pod->active() && std::ssize(plan_.erase) < counts_.active - wanted) plan_.erase.push_back(pod);
      }
    } else if (present < wanted) {
      const Duration wait = backoff();
      if (wait > Duration::zero())
        lookAgain(wait);
      else
        plan_.create = static_cast<std::int32_t>(wanted - present);
    }
  }

  Duration backoff() const {
    if (!counts_.last_failure) return Duration::zero();
    const std::int64_t doublings = std::clamp<std::int64_t>(counts_.failed - 1, 0, 10);
    const Duration pause = std::min<Duration>(kJobBackoffFirst * (std::int64_t{1} << doublings), kJobBackoffMost);
    return *counts_.last_failure + pause - now_;
  }

  void eraseActive() {
    for (const PodFacts* pod : world_.pods) {
      if (pod->active()) plan_.erase.push_back(pod);
    }
  }

  void finish(const char* type, const char* reason, const char* message) {
    eraseActive();
    setCondition(type, "True", reason, message);
    const bool complete = std::string_view(type) == "Complete";
    if (complete) plan_.status["completionTime"] = formatRfc3339(now_);
    plan_.event = complete ? "Completed" : reason;
    plan_.message = complete ? "Job completed" : message;
    if (const auto ttl = secondsAt(spec_, "ttlSecondsAfterFinished")) lookAgain(*ttl + 1s);
  }

  void suspend() {
    eraseActive();
    plan_.status.makeObject().erase("startTime");
    if (isSuspended()) return;
    setCondition("Suspended", "True", "JobSuspended", "Job suspended");
    plan_.event = "Suspended";
    plan_.message = "Job suspended";
  }

  bool isSuspended() const {
    return std::ranges::any_of(std::as_const(plan_.status)["conditions"].asArray(), [](const Value& condition) {
      return condition["type"].asStringView() == "Suspended" && condition["status"].asStringView() == "True";
    });
  }

  void unsuspend() {
    if (!isSuspended()) return;
    setCondition("Suspended", "False", "JobResumed", "Job resumed");
    plan_.status["startTime"] = formatRfc3339(now_);
  }

  void setCondition(const char* type, const char* status, const char* reason, const char* message) {
    Array conditions = std::as_const(plan_.status)["conditions"].asArray();
    std::erase_if(conditions, [&](const Value& one) { return one["type"].asStringView() == type; });
    const std::string stamp = formatRfc3339(now_);
    conditions.push_back(Object{{"type", type},
                                {"status", status},
                                {"lastProbeTime", stamp},
                                {"lastTransitionTime", stamp},
                                {"reason", reason},
                                {"message", message}});
    plan_.status["conditions"] = std::move(conditions);
  }

  void expire() {
    const auto ttl = secondsAt(spec_, "ttlSecondsAfterFinished");
    if (!ttl) return;
    std::optional<WallTime> ended;
    for (const Value& condition : std::as_const(plan_.status)["conditions"].asArray()) {
      const std::string_view type = condition["type"].asStringView();
      if (type == "Complete" || type == "Failed") ended = timeAt(condition, "lastTransitionTime");
    }
    if (!ended) return;
    const Duration left = *ended + *ttl - now_;
    if (left <= Duration::zero())
      plan_.expired = true;
    else
      lookAgain(left);
  }

  void writeCounts() {
    const bool ends = !plan_.erase.empty() && std::ssize(plan_.erase) == counts_.active;
    const auto set = [&](std::string_view name, std::int64_t number) {
      if (number != 0)
        plan_.status[name] = number;
      else
        plan_.status.makeObject().erase(name);
    };
    set("active", ends ? 0 : counts_.active + plan_.create);
    set("succeeded", counts_.succeeded);
    set("failed", counts_.failed);
    plan_.status["ready"] = ends ? 0 : counts_.ready;
    plan_.status["terminating"] = counts_.terminating + std::ssize(plan_.erase);
    plan_.status["uncountedTerminatedPods"] = Value(Object());
  }

  const JobWorld& world_;
  const Value& spec_;
  WallTime now_;
  Counts counts_;
  JobPlan plan_;
};

}  // namespace

bool isFinishedJob(const Value& job) {
  return std::ranges::any_of(job["status"]["conditions"].asArray(), [](const Value& condition) {
    const std::string_view type = condition["type"].asStringView();
    return condition["status"].asStringView() == "True" && (type == "Complete" || type == "Failed");
  });
}

JobPlan planJob(const JobWorld& world, WallTime now) { return Planner(world, now).plan(); }

}  // namespace towpath::edge
