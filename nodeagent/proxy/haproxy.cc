#include "proxy/haproxy.h"

#include <fmt/format.h>
#include <signal.h>

#include <filesystem>

#include "base/file.h"
#include "base/log.h"
#include "loop/timeout.h"
#include "loop/watch.h"
#include "proxy/contains.h"
#include "proxy/haproxy_driver.h"

namespace towpath::proxy {
namespace {

bool hasCurrentWorker(const Processes& processes) {
  return !processes.workers.empty() && processes.workers.front().age == WorkerAge::kCurrent;
}

}  // namespace

Result<void> Haproxy::prepareDirectory() {
  constexpr std::size_t kLongestSocketPath = 100;
  if (path("master.sock").size() > kLongestSocketPath) {
    return fail(ErrorKind::kInvalid,
                "the path of the proxy's run directory is too long for unix sockets: " + options_.run_dir);
  }
  for (const std::string_view name : {"maps", "check"}) {
    if (const Result<void> made = makeDirectories(path(name)); !made) return made;
  }
  if (const Result<std::string> text = readFile(path("layout"))) {
    Result<Layout> layout = readLayout(*text);
    // Losing it costs one reload and the drain accounting of what is being drained right now.
    if (layout)
      layout_ = std::move(*layout);
    else
      log::warning("the proxy's layout file is not readable, starting without it", {{"error", layout.error().message}});
  }
  constexpr std::int64_t kLogBytes = 4 << 20;
  if (fileSize(path("haproxy.log")) > kLogBytes) std::filesystem::resize_file(path("haproxy.log"), 0);
  return {};
}

loop::Task<Result<void>> Haproxy::start() {
  if (const Result<void> prepared = prepareDirectory(); !prepared) co_return prepared;
  {
    const auto turn = co_await turn_.acquire();
    const Result<Processes> running = co_await ensureRunning();
    if (!running) co_return std::unexpected(running.error());
  }
  scope_.spawn(watch());
  co_return Result<void>();
}

loop::Task<Result<Processes>> Haproxy::awaitAnswer(Duration limit, int child) {
  const MonoTime deadline = loop_.now() + limit;
  while (true) {
    Result<Processes> processes = co_await cli_.processes();
    if (processes && !processes->workers.empty() && processes->workers.front().age == WorkerAge::kCurrent)
      co_return processes;
    const bool ended = child != 0 && reap(child);
    if (ended || loop_.now() >= deadline) {
      if (processes) co_return fail(ErrorKind::kUnavailable, "HAProxy runs without a worker");
      co_return processes;
    }
    co_await loop::sleep(loop_, kPoll);
  }
}

// Whoever gets the lock starts HAProxy, and HAProxy has the lock from then on. Else one lives: it answers, or it is
// just being born or ending.
loop::Task<Result<Processes>> Haproxy::ensureRunning() {
  if (Result<Processes> running = co_await cli_.processes(); running && hasCurrentWorker(*running)) co_return running;
  const MonoTime deadline = loop_.now() + options_.start_limit;
  while (true) {
    Result<OwnedFd> lock = takeLock(path("lock"));
    if (!lock) co_return std::unexpected(lock.error());
    if (*lock) co_return co_await startProcess(std::move(*lock));
    Result<Processes> running = co_await awaitAnswer(kIdlePoll);
    if (running || loop_.now() >= deadline) co_return running;
  }
}

// With the files of the last state. If HAProxy cannot start with those, say because something else has one of its ports
// since, then without any listener: the next apply finds out what can be done.
loop::Task<Result<Processes>> Haproxy::startProcess(OwnedFd lock) {
  if (std::filesystem::exists(path("haproxy.cfg"))) {
    Result<Processes> running = co_await launchAndWait(lock);
    if (running) co_return running;
    log::error("HAProxy does not start with its last configuration, it starts without listeners",
               {{"error", running.error().message}});
  }
  epoch_ = makeEpoch();
  const Result<void> saved = co_await saveFiles(renderHaproxy(layout_, ProxyState(), paths(), options_.tuning));
  if (!saved) co_return std::unexpected(saved.error());
  co_return co_await launchAndWait(lock);
}

loop::Task<Result<Processes>> Haproxy::launchAndWait(const OwnedFd& lock) {
  const std::int64_t log_offset = fileSize(path("haproxy.log"));
  const Result<int> pid = launch(launchSettings(), lock);
  if (!pid) co_return std::unexpected(pid.error());
  ++starts_;
  log::info("HAProxy started", {{"pid", *pid}});
  Result<Processes> running = co_await awaitAnswer(options_.start_limit, *pid);
  if (running) co_return running;
  reap(*pid);
  co_return fail(ErrorKind::kUnavailable, fmt::format("HAProxy does not start: {} {}", running.error().message,
                                                      alertsSince(path("haproxy.log"), log_offset)));
}

loop::Task<void> Haproxy::watch() {
  Duration pause = 0s;
  while (!closing_) {
    const Result<Processes> processes = co_await cli_.processes();
    const Result<OwnedFd> process = processes ? watchProcess(processes->master) : std::unexpected(processes.error());
    if (process) {
      co_await loop::readable(loop_, process->get());
      reap(processes->master);
      if (closing_) co_return;
      log::warning("HAProxy has ended, starting it again", {{"pid", processes->master}});
    } else {
      co_await loop::sleep(loop_, kIdlePoll);
    }
    const Result<void> revived = co_await revive();
    pause = revived ? Duration(0s) : std::min<Duration>(pause * 2 + 100ms, 5s);
    if (!revived) log::error("HAProxy is not running", {{"error", describe(revived.error())}});
    co_await loop::sleep(loop_, pause);
  }
}

loop::Task<Result<void>> Haproxy::revive() {
  const auto turn = co_await turn_.acquire();
  const Result<Processes> running = co_await ensureRunning();
  if (!running) co_return std::unexpected(running.error());
  if (!wanted_) co_return Result<void>();
  const Result<Applied> applied = co_await applyNow(*wanted_);
  co_return applied ? Result<void>() : std::unexpected(applied.error());
}

loop::Task<Result<Drained>> Haproxy::waitDrained(std::string instance, Duration bound) {
  const MonoTime deadline = loop_.now() + bound;
  while (true) {
    {
      const auto turn = co_await turn_.acquire();
      bool present = false;
      for (const Backend& backend : applied_ ? applied_->backends : std::vector<Backend>()) {
        for (const VersionServers& version : backend.versions) {
          const auto server = std::ranges::find(version.servers, instance, &Server::instance);
          if (server == version.servers.end()) continue;
          present = true;
          if (server->state == ServerState::kReady) {
            co_return fail(ErrorKind::kConflict,
                           fmt::format("instance {} is ready in the applied state of the proxy", instance));
          }
        }
      }
      const std::vector<Placed> slots = findInstance(layout_, instance);
      if (slots.empty()) co_return Drained::kYes;
      const Result<Processes> processes = co_await cli_.processes();
      if (processes) {
        const auto sessions = co_await readSessions(cli_, processes->workers);
        const bool idle = sessions && std::ranges::all_of(slots, [&](const Placed& slot) {
                            const auto count = sessions->find(slot.backend + "/" + slot.server);
                            return count == sessions->end() || count->second == 0;
                          });
        if (idle && !present && applied_) {
          release(layout_, instance);
          co_await saveLayout(layout_);
          co_await syncAll(layout_, *applied_);  // maintenance: closes idle connections to it
        }
        // Before the first state of this driver, whatever HAProxy was told last may still send requests there.
        if (idle && applied_) co_return Drained::kYes;
      }
    }
    if (loop_.now() >= deadline) co_return Drained::kTimedOut;
    co_await loop::sleep(loop_, std::min<Duration>(20ms, deadline - loop_.now()));
  }
}

loop::Task<Result<Observed>> Haproxy::observe() {
  const Result<Processes> processes = co_await cli_.processes();
  if (!processes) co_return std::unexpected(processes.error());
  if (processes->workers.empty()) co_return fail(ErrorKind::kUnavailable, "HAProxy has no worker");
  const ProxyState state = applied_.value_or(ProxyState());
  const Result<WorkerView> view = co_await readWorker(cli_, processes->workers.front().pid, state, paths());
  if (!view) co_return std::unexpected(view.error());
  Observed observed;
  observed.rules = observeRules(*view, state);
  for (const WorkerProcess& worker : processes->workers) observed.workers.push_back(worker.pid);
  observed.process_id = processes->master;
  observed.starts = starts_;
  co_return observed;
}

void Haproxy::nameInstances(std::vector<TrafficCount>& counts) const {
  if (!applied_) return;
  std::map<std::string_view, std::string_view> names;
  for (const Backend& backend : applied_->backends) {
    for (const VersionServers& version : backend.versions) {
      for (const Server& server : version.servers) names.emplace(server.instance, server.name);
    }
  }
  for (TrafficCount& count : counts) {
    const std::size_t slash = count.server.find('/');
    if (slash == std::string::npos) continue;
    const std::string_view place = count.server;
    const std::string_view instance = instanceAt(layout_, place.substr(0, slash), place.substr(slash + 1));
    const auto name = names.find(instance);
    count.instance = name == names.end() || name->second.empty() ? instance : name->second;
  }
}

loop::Task<Result<std::vector<WorkerCounters>>> Haproxy::counters() {
  const Result<Processes> processes = co_await cli_.processes();
  if (!processes) co_return std::unexpected(processes.error());
  std::vector<WorkerCounters> all;
  for (const WorkerProcess& worker : processes->workers) {
    const std::optional<std::string> key = processKey(worker.pid);
    Result<std::vector<TrafficCount>> counts = co_await readCounters(cli_, worker.pid);
    if (!key || !counts) continue;
    nameInstances(*counts);
    all.push_back({*key, std::move(*counts)});
  }
  // After the reading: one that ended meanwhile is in both, and the later numbers count.
  for (WorkerCounters& finished : finished_) all.push_back(std::move(finished));
  finished_.clear();
  co_return all;
}

loop::Task<void> Haproxy::close() {
  closing_ = true;
  scope_.cancelAll();
  co_return;
}

loop::Task<Result<void>> Haproxy::shutdown(Duration grace) {
  co_await close();
  const Result<Processes> processes = co_await cli_.processes();
  if (!processes) co_return Result<void>();
  const Result<OwnedFd> process = watchProcess(processes->master);
  if (!process) co_return Result<void>();
  kill(processes->master, SIGUSR1);
  const Result<void> ended = co_await loop::withTimeout(loop_, grace, loop::readable(loop_, process->get()));
  if (!ended) {
    kill(processes->master, SIGTERM);
    co_await loop::readable(loop_, process->get());
  }
  reap(processes->master);
  co_return Result<void>();
}

const char* toString(Change change) {
  switch (change) {
    case Change::kNone:
      return "none";
    case Change::kRuntime:
      return "runtime";
    case Change::kReload:
      return "reload";
  }
  return "";
}

std::unique_ptr<Proxy> makeHaproxy(loop::UvLoop& loop, HaproxyOptions options) {
  return std::make_unique<Haproxy>(loop, std::move(options));
}

}  // namespace towpath::proxy
