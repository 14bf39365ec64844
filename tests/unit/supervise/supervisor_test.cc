// The whole supervisor with real processes. An agent's crash is a forked child that is killed.
#include "supervise/supervisor.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "supervise/process.h"
#include "support/temp_dir.h"

using namespace towpath;
using namespace towpath::supervise;
using towpath::testing::TempDir;

namespace {

// Says where it listens, then waits for SIGTERM.
constexpr const char* kServe = "echo serving on $PORT; trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done";

constexpr std::size_t kFirst = 0;

// A process that has ended but was not reaped (it may have become init's child) does not count.
bool isAlive(pid_t pid) {
  const std::string stat = readFile("/proc/" + std::to_string(pid) + "/stat").value_or("");
  const std::size_t close = stat.rfind(')');
  return close != std::string::npos && stat[close + 2] != 'Z';
}

struct Bench {
  explicit Bench(const TempDir& dir) : directory(dir.path()), changed(loop) {
    Options options;
    options.data_dir = directory + "/data";
    options.node_name = "node-1";
    options.node_address = "127.0.0.1";
    options.port_first = 21000;
    options.port_last = 21100;
    options.cgroup_root = "none";
    options.restart_backoff_first = 100ms;
    options.restart_backoff_max = 400ms;
    Hooks hooks;
    hooks.changed = [this](const PodState& state) {
      states[state.uid] = state;
      changed.notifyAll();
    };
    hooks.event = [this](const PodState&, std::string, std::string, std::string message) {
      messages.push_back(message);
    };
    hooks.drained = [this](std::string uid) -> loop::Task<void> {
      drains.push_back(uid);
      co_return;
    };
    supervisor = makeSupervisor(loop, options, std::move(hooks));
    REQUIRE(loop::blockOn(loop, supervisor->adopt()));
  }

  // Leaves no process behind.
  ~Bench() {
    supervisor->setDesired({});
    auto all_gone = [this] {
      for (const PodState& state : supervisor->states()) {
        if (!states[state.uid].gone) return false;
      }
      return true;
    };
    auto wait = [](Bench& bench, decltype(all_gone)& gone) -> loop::Task<void> {
      while (!gone()) co_await bench.changed.wait();
    };
    static_cast<void>(loop::blockOn(loop, loop::withTimeout(loop, 60s, wait(*this, all_gone))));
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // Runs the loop until the condition holds; fails the test if it does not within a minute.
  template <class Condition>
  void until(Condition condition) {
    auto wait = [](Bench& bench, Condition& holds) -> loop::Task<void> {
      while (!holds()) co_await bench.changed.wait();
    };
    const auto reached = loop::blockOn(loop, loop::withTimeout(loop, 60s, wait(*this, condition)));
    REQUIRE(reached);
  }
  void untilReady(const std::string& uid) {
    until([&] { return states[uid].ready; });
  }
  pid_t pidOf(const std::string& uid) {
    const std::string id = states[uid].status["containerStatuses"][kFirst]["containerID"].asString();
    return id.starts_with("process://") ? std::stoi(id.substr(10)) : 0;
  }

  std::string directory;
  loop::UvLoop loop;
  loop::Notify changed;
  std::map<std::string, PodState> states;
  std::vector<std::string> messages, drains;
  std::unique_ptr<Supervisor> supervisor;
};

DesiredPod podOf(const TempDir& dir, const std::string& uid, const std::string& script) {
  DesiredPod pod{"default", "shop-" + uid, uid, {}, {}, {}, {}};
  const std::string program = dir.file("shop-" + uid, "#!/bin/sh\n" + script + "\n", 0755);
  pod.pod = Object{
      {"metadata", Object{{"namespace", "default"}, {"name", pod.name}, {"uid", uid}}},
      {"spec",
       Object{{"terminationGracePeriodSeconds", 2},
              {"containers", Array{Object{{"name", "shop"},
                                          {"image", "file://" + program},
                                          {"ports", Array{Object{{"name", "http"}, {"containerPort", 8080}}}}}}}}}};
  return pod;
}

std::string readLog(Bench& bench, LogQuery query) {
  auto reader = bench.supervisor->openLog(query);
  REQUIRE(reader);
  std::string text;
  while (true) {
    auto chunk = loop::blockOn(bench.loop, (*reader)->next());
    REQUIRE(chunk);
    if (chunk->empty()) return text;
    text += *chunk;
  }
}

}  // namespace

TEST_CASE("an instance starts, reports its port, and is ended gracefully after it was drained") {
  const TempDir dir;
  Bench bench(dir);
  bench.supervisor->setDesired({podOf(dir, "u1", kServe)});
  bench.untilReady("u1");
  const Value& status = bench.states["u1"].status;
  CHECK(status["phase"].asStringView() == "Running");
  const std::int64_t port = status["towpath"]["ports"][kFirst]["hostPort"].asInt();
  CHECK(port >= 21000);
  CHECK(port <= 21100);
  const pid_t pid = bench.pidOf("u1");
  bench.supervisor->setDesired({});
  bench.until([&] { return bench.states["u1"].gone; });
  CHECK(bench.drains == std::vector<std::string>{"u1"});
  CHECK_FALSE(isAlive(pid));
  CHECK_FALSE(bench.states["u1"].ready);
  bench.supervisor->forget("u1");
  CHECK(bench.supervisor->states().empty());
}

TEST_CASE("the instance's own words are in its log") {
  const TempDir dir;
  Bench bench(dir);
  bench.supervisor->setDesired(
      {podOf(dir, "u1", "echo one; echo two; echo \"$POD_NAME at $PORT\"; while :; do sleep 0.05; done")});
  bench.untilReady("u1");
  LogQuery query{"default", "shop-u1", "", false, -1, 0, false};
  std::string log;
  while (log.find("shop-u1 at ") == std::string::npos) log = readLog(bench, query);
  CHECK(log.starts_with("one\ntwo\nshop-u1 at 21"));
  query.tail_lines = 1;
  CHECK(readLog(bench, query).starts_with("shop-u1 at"));
  query.limit_bytes = 4;
  query.tail_lines = -1;
  CHECK(readLog(bench, query) == "one\n");
  query.pod = "other";
  CHECK(bench.supervisor->openLog(query).error().kind == ErrorKind::kNotFound);
}

TEST_CASE("a crash is restarted, counted, and remembered as the last state") {
  const TempDir dir;
  Bench bench(dir);
  const std::string marker = dir.path() + "/first";
  bench.supervisor->setDesired(
      {podOf(dir, "u1", "[ -e " + marker + " ] || { touch " + marker + "; exit 3; }; " + kServe)});
  bench.until([&] {
    return bench.states["u1"].ready &&
           bench.states["u1"].status["containerStatuses"][kFirst]["restartCount"].asInt() == 1;
  });
  const Value& last = bench.states["u1"].status["containerStatuses"][kFirst]["lastState"]["terminated"];
  CHECK(last["exitCode"].asInt() == 3);
  CHECK(last["reason"].asStringView() == "Error");
}

TEST_CASE("one that keeps crashing is backed off and says so") {
  const TempDir dir;
  Bench bench(dir);
  bench.supervisor->setDesired({podOf(dir, "u1", "exit 1")});
  bench.until([&] {
    return bench.states["u1"].status["containerStatuses"][kFirst]["state"]["waiting"]["reason"].asStringView() ==
           "CrashLoopBackOff";
  });
  CHECK_FALSE(bench.states["u1"].ready);
}

TEST_CASE("an agent that was killed finds its instances again: same processes, none twice") {
  const TempDir dir;
  int report[2];
  REQUIRE(::pipe(report) == 0);
  const pid_t agent = ::fork();
  if (agent == 0) {
    Bench bench(dir);
    bench.supervisor->setDesired({podOf(dir, "u1", kServe), podOf(dir, "u2", kServe)});
    bench.until([&] { return bench.states["u1"].ready && bench.states["u2"].ready; });
    const pid_t pids[2] = {bench.pidOf("u1"), bench.pidOf("u2")};
    [[maybe_unused]] auto written = ::write(report[1], pids, sizeof pids);
    while (true) ::pause();
  }
  pid_t pids[2] = {0, 0};
  REQUIRE(::read(report[0], pids, sizeof pids) == sizeof pids);
  ::kill(agent, SIGKILL);
  ::waitpid(agent, nullptr, 0);
  CHECK(isAlive(pids[0]));

  SUBCASE("with its records") {}
  SUBCASE("with a record from before the start of one") {
    const std::string file = dir.path() + "/data/instances/u1.json";
    REQUIRE(writeFileAtomically(
        file, R"({"version":1,"namespace":"default","name":"shop-u1","uid":"u1","ports":{},"containers":{}})"));
  }
  Bench bench(dir);
  bench.supervisor->setDesired({podOf(dir, "u1", kServe), podOf(dir, "u2", kServe)});
  bench.until([&] { return bench.states["u1"].ready && bench.states["u2"].ready; });
  CHECK(bench.pidOf("u1") == pids[0]);
  CHECK(bench.pidOf("u2") == pids[1]);
  CHECK(bench.states["u1"].status["containerStatuses"][kFirst]["restartCount"].asInt() == 0);
  std::string agent_id;
  for (const Marked& marked : findMarked("")) {
    if (marked.id.pid == pids[0]) agent_id = marked.marker.substr(0, marked.marker.find(':') + 1);
  }
  for (const char* uid : {"u1", "u2"}) {
    int leaders = 0;
    for (const Marked& marked : findMarked(agent_id + uid + "/shop/")) leaders += marked.leader ? 1 : 0;
    CHECK(leaders == 1);
  }
  bench.supervisor->setDesired({});
  bench.until([&] { return bench.states["u1"].gone && bench.states["u2"].gone; });
  CHECK_FALSE(isAlive(pids[0]));
  ::close(report[0]);
  ::close(report[1]);
}

TEST_CASE("an agent that starts with the order to end an instance drains it and lets it end by itself") {
  const TempDir dir;
  const pid_t agent = ::fork();
  if (agent == 0) {
    Bench bench(dir);
    bench.supervisor->setDesired({podOf(dir, "u1", kServe), podOf(dir, "u2", kServe)});
    bench.until([&] { return bench.states["u1"].ready && bench.states["u2"].ready; });
    ::_exit(0);  // as abruptly as a kill: nothing is cleaned up
  }
  ::waitpid(agent, nullptr, 0);

  Bench bench(dir);
  DesiredPod leaving = podOf(dir, "u1", kServe);
  leaving.pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  SUBCASE("one that is being deleted") { bench.supervisor->setDesired({leaving, podOf(dir, "u2", kServe)}); }
  SUBCASE("one that nobody wants any more") { bench.supervisor->setDesired({podOf(dir, "u2", kServe)}); }
  bench.until([&] { return bench.states["u1"].gone && bench.states["u2"].ready; });
  CHECK(bench.drains == std::vector<std::string>{"u1"});
  CHECK_FALSE(std::ranges::any_of(bench.messages, [](const std::string& m) { return m.contains("killed"); }));
}

TEST_CASE("what cannot be started is told in the pod's status, with the field and the mend") {
  const TempDir dir;
  struct Case {
    const char* name;
    std::function<void(DesiredPod&)> spoil;
    const char* reason;
    const char* message;
  };
  Bench bench(dir);
  int number = 0;
  for (const Case& bad :
       {Case{"wrong digest",
             [](DesiredPod& pod) {
               pod.pod["spec"]["containers"].makeArray()[kFirst]["image"] =
                   pod.pod["spec"]["containers"][kFirst]["image"].asString() + "@sha256:" + std::string(64, '0');
             },
             "ErrImagePull", "was asked for"},
        Case{"no such file",
             [](DesiredPod& pod) {
               pod.pod["spec"]["containers"].makeArray()[kFirst]["image"] = "file:///nowhere/shop";
             },
             "ErrImagePull", "cannot open /nowhere/shop"},
        Case{"no mapping",
             [](DesiredPod& pod) { pod.pod["spec"]["containers"].makeArray()[kFirst]["image"] = "nginx:1.25"; },
             "InvalidImageName", "[images]"},
        Case{"volumes",
             [](DesiredPod& pod) {
               pod.pod["spec"]["containers"].makeArray()[kFirst]["volumeMounts"] = Array{Object{{"name", "x"}}};
             },
             "", "spec.containers[0].volumeMounts"},
        Case{"missing secret",
             [](DesiredPod& pod) {
               pod.pod["spec"]["containers"].makeArray()[kFirst]["envFrom"] =
                   Array{Object{{"secretRef", Object{{"name", "keys"}}}}};
             },
             "CreateContainerConfigError", "Secret \"keys\" not found"},
        Case{"more ports than there are",
             [](DesiredPod& pod) {
               Value& ports = pod.pod["spec"]["containers"].makeArray()[kFirst]["ports"];
               for (int port = 1; port < 200; ++port) ports.makeArray().push_back(Object{{"containerPort", port}});
             },
             "CreateContainerConfigError", "no free port is left between 21000 and 21100"}}) {
    CAPTURE(bad.name);
    DesiredPod pod = podOf(dir, "bad" + std::to_string(++number), kServe);
    bad.spoil(pod);
    const std::string uid = pod.uid;
    bench.supervisor->setDesired({pod});
    bench.until([&] {
      const Value& status = bench.states[uid].status;
      const Value& waiting = status["containerStatuses"][kFirst]["state"]["waiting"];
      return waiting["message"].asStringView().find(bad.message) != std::string_view::npos ||
             status["message"].asStringView().find(bad.message) != std::string_view::npos;
    });
    if (*bad.reason)
      CHECK(bench.states[uid].status["containerStatuses"][kFirst]["state"]["waiting"]["reason"].asStringView() ==
            bad.reason);
    CHECK_FALSE(bench.states[uid].ready);
    CHECK(bench.pidOf(uid) == 0);
    // Not over: whoever wanted it would make another in its place, again and again.
    CHECK(bench.states[uid].status["phase"].asStringView() == "Pending");
  }
}

TEST_CASE("an instance that ignores SIGTERM is killed after its grace period") {
  const TempDir dir;
  Bench bench(dir);
  DesiredPod pod = podOf(dir, "u1", "trap '' TERM; while :; do sleep 0.05; done");
  pod.pod.mutableAt({"spec", "terminationGracePeriodSeconds"}) = 1;
  bench.supervisor->setDesired({pod});
  bench.untilReady("u1");
  const pid_t pid = bench.pidOf("u1");
  bench.supervisor->setDesired({});
  bench.until([&] { return bench.states["u1"].gone; });
  CHECK_FALSE(isAlive(pid));
}
