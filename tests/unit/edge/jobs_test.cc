// Jobs: what is to be done for one, as a table of worlds.
#include "edge/job_plan.h"
#include "support.h"

using namespace towpath;
using namespace towpath::edge;

namespace {

const WallTime kNow = *parseRfc3339("2026-01-01T12:00:00Z");

struct JobCase {
  explicit JobCase(const std::string& spec = "") {
    job = parsed(fmt::format(
        R"({{"metadata":{{"namespace":"default","name":"j","uid":"u"}},"spec":{{"backoffLimit":2,"completions":1,"parallelism":1,
           "template":{{"spec":{{"restartPolicy":"Never"}}}}}}}})"));
    const Value more = parsed("{" + spec + "}");
    for (const auto& [key, value] : more.asObject()) {
      if (value.isNull())
        job["spec"].makeObject().erase(key);
      else if (key == "restartPolicy")
        job["spec"]["template"]["spec"]["restartPolicy"] = value;
      else
        job["spec"][key] = value;
    }
  }
  PodFacts& add(PodPhase phase, Duration ended_ago = 0s) {
    PodFacts pod{.ns = "default", .name = fmt::format("p{}", pods.size()), .uid = fmt::format("{}", pods.size())};
    pod.phase = phase;
    pod.created = kNow - ended_ago;
    return pods.emplace_back(std::move(pod));
  }
  JobPlan plan(WallTime now = kNow) {
    JobWorld world{.job = job, .pods = {}};
    for (const PodFacts& pod : pods) world.pods.push_back(&pod);
    return planJob(world, now);
  }
  // Makes the plan's status the job's.
  JobPlan pass(WallTime now = kNow) {
    JobPlan made = plan(now);
    job["status"] = made.status;
    return made;
  }

  Value job;
  std::deque<PodFacts> pods;
};

std::string conditionsOf(const Value& status) {
  std::string text;
  for (const Value& condition : status["conditions"].asArray()) {
    text += fmt::format("{}={} {} ", condition["type"].asStringView(), condition["status"].asStringView(),
                        condition["reason"].asStringView());
  }
  return text;
}

}  // namespace

TEST_CASE("a job begins with as many pods as work beside each other") {
  JobCase one;
  const JobPlan plan = one.pass();
  CHECK(plan.create == 1);
  CHECK(plan.status["startTime"] == Value("2026-01-01T12:00:00Z"));
  CHECK(plan.status["active"] == Value(1));
  JobCase many(R"("completions":5,"parallelism":3)");
  CHECK(many.plan().create == 3);
  many.add(PodPhase::kRunning);
  many.add(PodPhase::kSucceeded);
  CHECK(many.plan().create == 2);
  for (int i = 0; i < 3; ++i) many.add(PodPhase::kSucceeded);
  CHECK(many.plan().create == 0);  // four have ended well, the fifth works
}

TEST_CASE("a pass over a settled job changes nothing") {
  JobCase one;
  one.pass();
  one.add(PodPhase::kRunning).ready = true;
  one.pass();
  const JobPlan again = one.plan(kNow + 1h);
  CHECK(again.status == one.job["status"]);
  CHECK(again.create == 0);
  CHECK(again.event.empty());
}

TEST_CASE("a job is complete when as many pods as wanted have ended well") {
  JobCase one;
  one.add(PodPhase::kSucceeded);
  const JobPlan plan = one.pass();
  CHECK(conditionsOf(plan.status) == "Complete=True CompletionsReached ");
  CHECK(plan.status["succeeded"] == Value(1));
  CHECK(plan.status["completionTime"] == Value("2026-01-01T12:00:00Z"));
  CHECK(plan.event == "Completed");
  one.pods.clear();  // cleared away
  const JobPlan later = one.plan(kNow + 1h);
  CHECK(later.create == 0);
  CHECK(later.status["succeeded"] == Value(1));
  CHECK(later.event.empty());
}

TEST_CASE("a job without completions is a pool: one success is enough once all have ended") {
  JobCase pool(R"("completions":null,"parallelism":2)");
  CHECK(pool.plan().create == 2);
  pool.add(PodPhase::kSucceeded);
  PodFacts& other = pool.add(PodPhase::kRunning);
  CHECK(pool.plan().create == 0);
  CHECK(conditionsOf(pool.plan().status).empty());
  other.phase = PodPhase::kSucceeded;
  CHECK(conditionsOf(pool.plan().status) == "Complete=True CompletionsReached ");
}

TEST_CASE("a failed pod is followed by another after a pause that doubles, until the limit is passed") {
  JobCase one;
  one.add(PodPhase::kFailed);
  JobPlan plan = one.pass();
  CHECK(plan.create == 0);
  CHECK(plan.look_again == 10s);
  CHECK(one.plan(kNow + 10s).create == 1);
  one.add(PodPhase::kFailed);
  CHECK(one.pass().look_again == 20s);
  one.add(PodPhase::kFailed);
  plan = one.pass();
  CHECK(conditionsOf(plan.status) == "Failed=True BackoffLimitExceeded ");
  CHECK(plan.status["failed"] == Value(3));
  CHECK(plan.create == 0);
  CHECK(plan.event == "BackoffLimitExceeded");
  CHECK(one.plan(kNow + 24h).create == 0);
}

TEST_CASE("with OnFailure the restarts of containers count, and the pod is ended with the job") {
  JobCase one(R"("restartPolicy":"OnFailure","backoffLimit":3)");
  PodFacts& pod = one.add(PodPhase::kRunning);
  pod.restarts = 2;
  CHECK(one.plan().erase.empty());
  pod.restarts = 3;
  const JobPlan plan = one.plan();
  CHECK(conditionsOf(plan.status) == "Failed=True BackoffLimitExceeded ");
  REQUIRE(plan.erase.size() == 1);
  CHECK(plan.erase[0]->name == "p0");
  CHECK(plan.status["active"].isNull());
}

TEST_CASE("activeDeadlineSeconds ends a job, whatever it is at") {
  JobCase one(R"("activeDeadlineSeconds":60)");
  one.add(PodPhase::kRunning);
  CHECK(one.pass().look_again == 60s);
  const JobPlan plan = one.plan(kNow + 60s);
  CHECK(conditionsOf(plan.status) == "Failed=True DeadlineExceeded ");
  CHECK(plan.erase.size() == 1);
}

TEST_CASE("ttlSecondsAfterFinished deletes it") {
  JobCase one(R"("ttlSecondsAfterFinished":30)");
  one.add(PodPhase::kSucceeded);
  one.pass();
  CHECK_FALSE(one.plan(kNow + 29s).expired);
  CHECK(one.plan(kNow + 29s).look_again == 1s);
  CHECK(one.plan(kNow + 30s).expired);
}

TEST_CASE("a suspended job has no pods, and its time begins anew") {
  JobCase one(R"("suspend":true)");
  one.add(PodPhase::kRunning);
  JobPlan plan = one.pass();
  CHECK(plan.erase.size() == 1);
  CHECK(plan.status["startTime"].isNull());
  CHECK(conditionsOf(plan.status) == "Suspended=True JobSuspended ");
  one.pods.clear();
  one.job["spec"]["suspend"] = false;
  plan = one.pass(kNow + 1h);
  CHECK(plan.create == 1);
  CHECK(plan.status["startTime"] == Value("2026-01-01T13:00:00Z"));
  CHECK(conditionsOf(plan.status) == "Suspended=False JobResumed ");
}

TEST_CASE("a pod that is going is not replaced before it is gone, and a job that is going starts nothing") {
  JobCase one;
  one.add(PodPhase::kRunning).deleting = true;
  CHECK(one.plan().create == 0);
  CHECK(one.plan().status["terminating"] == Value(1));
  one.pods.clear();
  one.job["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z";
  CHECK(one.plan().create == 0);
}

TEST_CASE("parallelism that was lowered ends the pods that are too many") {
  JobCase many(R"("completions":9,"parallelism":3)");
  for (int i = 0; i < 3; ++i) many.add(PodPhase::kRunning);
  many.job["spec"]["parallelism"] = 1;
  CHECK(many.plan().erase.size() == 2);
}

TEST_CASE("an indexed job is refused with what to do") {
  JobCase one(R"("completionMode":"Indexed")");
  const JobPlan plan = one.plan();
  CHECK(conditionsOf(plan.status) == "Failed=True Unsupported ");
  CHECK(plan.message.find("NonIndexed") != std::string::npos);
}
