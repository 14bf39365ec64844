#include "proxy/haproxy.h"

#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <list>
#include <ranges>
#include "proxy/contains.h"

#include "base/file.h"
#include "base/log.h"
#include "loop/event.h"
#include "loop/scope.h"
#include "loop/stream.h"
#include "loop/timeout.h"
#include "loop/watch.h"
#include "proxy/haproxy_process.h"
#include "proxy/haproxy_sync.h"

namespace towpath::proxy {
namespace {

constexpr Duration kPoll = 5ms;
constexpr Duration kIdlePoll = 100ms;

struct File {
  std::string path, text;
};

Result<void> writeFiles(const std::vector<File>& files) {
  for (const File& file : files) {
    if (const Result<void> written = writeFileAtomically(file.path, file.text); !written) return written;
  }
  return {};
}

bool hasCurrentWorker(const Processes& processes) {
  return !processes.workers.empty() && processes.workers.front().age == WorkerAge::kCurrent;
}

class Haproxy final : public Proxy {
 public:
  Haproxy(loop::UvLoop& loop, HaproxyOptions options)
      : loop_(loop),
        options_(std::move(options)),
        cli_(loop, path("master.sock")),
        turn_(loop, 1),
        scope_(loop, "haproxy") {}

  loop::Task<Result<void>> start() override;
  loop::Task<Result<Applied>> apply(ProxyState state) override;
  const ProxyState* applied() const override { return applied_ ? &*applied_ : nullptr; }
  loop::Task<Result<Observed>> observe() override;
  loop::Task<Result<Drained>> waitDrained(std::string instance, Duration bound) override;
  loop::Task<Result<std::vector<WorkerCounters>>> counters() override;
  loop::Task<void> close() override;
  loop::Task<Result<void>> shutdown(Duration grace) override;

 private:
  std::string path(std::string_view name) const { return options_.run_dir + "/" + std::string(name); }
  HaproxyPaths paths() const { return {path("maps"), path("worker.sock"), path("peer."), epoch_}; }
  std::string makeEpoch() { return fmt::format("{:012x}", loop_.random() >> 16); }
  HaproxyLaunch launchSettings() const {
    return {options_.binary, path("haproxy.cfg"), path("master.sock"), path("lock"), path("haproxy.log")};
  }

  Result<void> prepareDirectory();
  loop::Task<Result<Processes>> ensureRunning();
  loop::Task<Result<Processes>> awaitAnswer(Duration limit, int child = 0);
  loop::Task<void> watch();
  loop::Task<Result<void>> revive();

  loop::Task<Result<void>> syncAll(const Layout& layout, const ProxyState& state);
  loop::Task<Result<void>> saveFiles(const HaproxyFiles& files);
  loop::Task<Result<void>> saveLayout(const Layout& layout);
  loop::Task<Result<Applied>> applyNow(ProxyState state);
  std::vector<RefusedListener> leaveOutRefused(ProxyState& state) const;
  loop::Task<Result<Processes>> startProcess(OwnedFd lock);
  loop::Task<Result<Processes>> launchAndWait(const OwnedFd& lock);
  void forgetStaleFiles(const HaproxyFiles& files);
  loop::Task<Result<void>> checkFiles(const Layout& layout, const ProxyState& state);
  loop::Task<Result<void>> reload(const Processes& before, const Layout& layout, const ProxyState& state,
                                  const HaproxyFiles& files, std::string running_epoch);
  loop::Task<Result<void>> signalReload(const Processes& before, const std::string& structure);
  loop::Task<Result<void>> awaitNewWorker(int former, std::string structure, std::int64_t log_offset);
  loop::Task<void> releaseDrained(const ProxyState& state, const Processes& processes);

  loop::Task<std::optional<loop::Stream>> hold();
  loop::Task<void> keepUntilIdle(int worker, loop::Stream held);

  loop::UvLoop& loop_;
  HaproxyOptions options_;
  HaproxyCli cli_;
  loop::Semaphore turn_;  // one change at a time
  Layout layout_;
  std::optional<ProxyState> applied_;
  std::optional<ProxyState> wanted_;            // with the listeners that were refused
  std::map<std::string, std::string> written_;  // path → what we last wrote there
  std::vector<WorkerCounters> finished_;        // last counters of old workers that are gone
  std::string epoch_;                           // of the running configuration
  std::uint64_t starts_ = 0;
  bool closing_ = false;
  loop::Scope scope_;  // last: its tasks use all of the above
};

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

loop::Task<Result<void>> Haproxy::syncAll(const Layout& layout, const ProxyState& state) {
  const Result<Processes> processes = co_await cli_.processes();
  if (!processes) co_return std::unexpected(processes.error());
  Result<void> current;
  for (const WorkerProcess& worker : processes->workers) {
    const Result<void> done = co_await syncWorker(cli_, worker, layout, state, paths());
    if (worker.age == WorkerAge::kCurrent)
      current = done;
    else if (!done)
      log::debug("an old worker of HAProxy did not take a change", {{"error", done.error().message}});
  }
  co_return current;
}

loop::Task<Result<void>> Haproxy::saveFiles(const HaproxyFiles& files) {
  std::vector<File> changed;
  const auto add = [&](std::string file_path, const std::string& text) {
    const auto known = written_.find(file_path);
    if (known == written_.end() || known->second != text) changed.push_back({std::move(file_path), text});
  };
  for (const MapFile& map : files.maps) add(path("maps/" + map.name), map.text);
  add(path("haproxy.cfg"), files.config);
  if (changed.empty()) co_return Result<void>();
  const Result<void> written = co_await loop::offload(loop_, [changed] { return writeFiles(changed); });
  if (!written) co_return written;
  for (File& file : changed) written_[file.path] = std::move(file.text);
  co_return Result<void>();
}

loop::Task<Result<void>> Haproxy::saveLayout(const Layout& layout) {
  const File file{path("layout"), writeLayout(layout)};
  if (written_[file.path] == file.text) co_return Result<void>();
  const Result<void> written = co_await loop::offload(loop_, [file] { return writeFiles({file}); });
  if (written) written_[file.path] = file.text;
  co_return written;
}

void Haproxy::forgetStaleFiles(const HaproxyFiles& files) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options_.run_dir, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("peer.") && name != "peer." + epoch_) std::filesystem::remove(entry.path(), ignored);
  }
  for (const auto& entry : std::filesystem::directory_iterator(path("maps"), ignored)) {
    if (contains(files.maps, entry.path().filename().string(), &MapFile::name)) continue;
    written_.erase(entry.path().string());
    std::filesystem::remove(entry.path(), ignored);
  }
}

loop::Task<Result<Applied>> Haproxy::apply(ProxyState state) {
  const auto turn = co_await turn_.acquire();
  wanted_ = state;
  co_return co_await applyNow(std::move(state));
}

loop::Task<Result<Applied>> Haproxy::applyNow(ProxyState state) {
  const MonoTime began = loop_.now();
  const Result<Processes> processes = co_await ensureRunning();
  if (!processes) co_return std::unexpected(processes.error());
  co_await releaseDrained(state, *processes);
  const Result<RunningStructure> running = co_await readStructure(cli_, processes->workers.front().pid);
  if (!running) co_return std::unexpected(running.error());
  epoch_ = running->epoch;
  Applied applied{.refused = leaveOutRefused(state)};
  Layout layout = place(layout_, state);
  HaproxyFiles files = renderHaproxy(layout, state, paths(), options_.tuning);
  const bool structural = files.structure != running->structure;
  Result<void> done;
  if (structural) {
    layout = compact(std::move(layout), state);
    epoch_ = makeEpoch();
    files = renderHaproxy(layout, state, paths(), options_.tuning);
    done = co_await reload(*processes, layout, state, files, running->epoch);
  } else {
    done = co_await saveLayout(layout);
    if (done) layout_ = layout;
    if (done) done = co_await syncAll(layout, state);
    if (done) done = co_await saveFiles(files);
  }
  if (!done) co_return std::unexpected(done.error());
  const bool same = !structural && applied_ == state;
  applied_ = std::move(state);
  applied.change = structural ? Change::kReload : same ? Change::kNone : Change::kRuntime;
  applied.took = loop_.now() - began;
  co_return applied;
}

// Only listeners that the running configuration lacks are tried: the others are HAProxy's already.
std::vector<RefusedListener> Haproxy::leaveOutRefused(ProxyState& state) const {
  const std::string running = readFile(path("haproxy.cfg")).value_or("");
  std::vector<RefusedListener> refused;
  std::erase_if(state.listeners, [&](const Listener& listener) {
    if (running.contains("  " + bindLine(listener) + "\n")) return false;
    const Result<void> allowed = checkListen(listener.address, listener.port);
    if (!allowed) refused.push_back({listener.address, listener.port, allowed.error().message});
    return !allowed;
  });
  return refused;
}

// The new configuration beside the present one, with its own maps, so that a refusal leaves all as it was.
loop::Task<Result<void>> Haproxy::checkFiles(const Layout& layout, const ProxyState& state) {
  const HaproxyFiles files =
      renderHaproxy(layout, state, {path("check"), path("worker.sock"), path("peer."), epoch_}, options_.tuning);
  std::vector<File> to_write;
  for (const MapFile& map : files.maps) to_write.push_back({path("check/" + map.name), map.text});
  to_write.push_back({path("check/haproxy.cfg"), files.config});
  co_return co_await loop::offload(
      loop_, [to_write, binary = options_.binary, directory = path("check")]() -> Result<void> {
        const Result<void> written = writeFiles(to_write);
        Result<void> checked = written ? checkConfig(binary, directory + "/haproxy.cfg") : written;
        std::error_code ignored;
        for (const File& file : to_write) std::filesystem::remove(file.path, ignored);
        return checked;
      });
}

loop::Task<Result<void>> Haproxy::reload(const Processes& before, const Layout& layout, const ProxyState& state,
                                         const HaproxyFiles& files, std::string running_epoch) {
  if (const Result<void> checked = co_await checkFiles(layout, state); !checked) {
    epoch_ = running_epoch;
    co_return checked;
  }
  Result<void> saved = co_await saveLayout(layout);
  if (saved) saved = co_await saveFiles(files);
  if (!saved) co_return saved;
  std::optional<loop::Stream> held = co_await hold();
  const int former = before.workers.front().pid;
  if (const Result<void> reloaded = co_await signalReload(before, files.structure); !reloaded) {
    // The former worker serves on. The files must say so too, for the next start.
    const ProxyState& last = applied_ ? *applied_ : ProxyState();
    epoch_ = running_epoch;
    co_await saveLayout(layout_);
    co_await saveFiles(renderHaproxy(layout_, last, paths(), options_.tuning));
    co_return reloaded;
  }
  layout_ = layout;
  if (held) scope_.spawn(keepUntilIdle(former, std::move(*held)));
  forgetStaleFiles(files);
  co_return co_await syncAll(layout, state);
}

loop::Task<Result<void>> Haproxy::signalReload(const Processes& before, const std::string& structure) {
  const std::int64_t log_offset = fileSize(path("haproxy.log"));
  if (kill(before.master, SIGUSR2) != 0) co_return std::unexpected(lastOsError("reloading HAProxy"));
  const Result<void> reloaded = co_await awaitNewWorker(before.workers.front().pid, structure, log_offset);
  if (reloaded) log::info("HAProxy reloaded", {{"structure", structure}});
  co_return reloaded;
}

loop::Task<Result<void>> Haproxy::awaitNewWorker(int former, std::string structure, std::int64_t log_offset) {
  const MonoTime deadline = loop_.now() + options_.start_limit;
  while (loop_.now() < deadline) {
    co_await loop::sleep(loop_, kPoll);
    const Result<Processes> now = co_await cli_.processes();
    if (!now || now->workers.empty()) continue;
    const WorkerProcess& worker = now->workers.front();
    if (worker.age == WorkerAge::kCurrent && worker.pid != former) {
      const Result<RunningStructure> running = co_await readStructure(cli_, worker.pid);
      if (running && running->structure == structure) co_return Result<void>();
      continue;
    }
    const std::string alerts = alertsSince(path("haproxy.log"), log_offset);
    if (!alerts.empty()) co_return fail(ErrorKind::kInvalid, "HAProxy does not take the new configuration: " + alerts);
  }
  co_return fail(ErrorKind::kTimeout, "HAProxy did not take the new configuration in time");
}

// An open connection to its command line keeps a worker from ending. It must be accepted before the reload.
loop::Task<std::optional<loop::Stream>> Haproxy::hold() {
  Result<loop::Stream> stream = co_await loop::Stream::connectUnix(loop_, path("worker.sock"));
  if (!stream) co_return std::nullopt;
  const Result<void> asked = co_await stream->write("prompt\n");
  std::array<char, 16> prompt{};
  if (!asked) co_return std::nullopt;
  const Result<std::size_t> answered = co_await loop::withTimeout(loop_, 1s, stream->read(prompt));
  if (!answered || *answered == 0) co_return std::nullopt;
  co_return std::move(*stream);
}

loop::Task<void> Haproxy::keepUntilIdle(int worker, [[maybe_unused]] loop::Stream held) {
  const std::string key = processKey(worker).value_or("");
  while (!closing_) {
    co_await loop::sleep(loop_, kIdlePoll);
    const Result<bool> idle = co_await isIdleOldWorker(cli_, worker);
    if (!idle && idle.error().kind == ErrorKind::kUnavailable) {
      if (processKey(worker) != key) co_return;  // it has ended after all: the hard stop
      continue;
    }
    if (!idle || !*idle) continue;
    Result<std::vector<TrafficCount>> counts = co_await readCounters(cli_, worker);
    if (counts) finished_.push_back({key, std::move(*counts)});
    co_return;  // and the connection with it
  }
}

// Instances that left with an earlier state and have no request any more make room.
loop::Task<void> Haproxy::releaseDrained(const ProxyState& state, const Processes& processes) {
  std::set<std::string> wanted;
  for (const Backend& backend : state.backends) {
    for (const VersionServers& version : backend.versions) {
      for (const Server& server : version.servers) wanted.insert(server.instance);
    }
  }
  std::set<std::string> leaving;
  for (const ServiceLayout& service : layout_.services) {
    for (const VersionSlot& version : service.versions) {
      for (const ServerSlot& slot : version.servers) {
        if (!slot.instance.empty() && !wanted.contains(slot.instance)) leaving.insert(slot.instance);
      }
    }
  }
  if (leaving.empty() || !applied_) co_return;
  const auto sessions = co_await readSessions(cli_, processes.workers);
  if (!sessions) co_return;
  for (const std::string& instance : leaving) {
    bool busy = false;
    for (const Placed& placed : findInstance(layout_, instance)) {
      const VersionServers* servers = findVersion(*applied_, {placed.service, placed.hash});
      const auto count = sessions->find(placed.backend + "/" + placed.server);
      busy = busy || (count != sessions->end() && count->second > 0);
      // It leaves with this very state: it gets requests until then.
      busy = busy || (servers && contains(servers->servers, instance, &Server::instance));
    }
    if (!busy) release(layout_, instance);
  }
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
        if (idle) co_return Drained::kYes;
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
  observed.workers = static_cast<int>(processes->workers.size());
  observed.process_id = processes->master;
  observed.starts = starts_;
  co_return observed;
}

loop::Task<Result<std::vector<WorkerCounters>>> Haproxy::counters() {
  const Result<Processes> processes = co_await cli_.processes();
  if (!processes) co_return std::unexpected(processes.error());
  std::vector<WorkerCounters> all;
  for (const WorkerProcess& worker : processes->workers) {
    const std::optional<std::string> key = processKey(worker.pid);
    Result<std::vector<TrafficCount>> counts = co_await readCounters(cli_, worker.pid);
    if (key && counts) all.push_back({*key, std::move(*counts)});
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

}  // namespace

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
