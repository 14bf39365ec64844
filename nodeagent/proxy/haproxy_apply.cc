#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "loop/timeout.h"
#include "proxy/contains.h"
#include "proxy/haproxy_driver.h"

namespace towpath::proxy {
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
  const Result<void> written =
      co_await loop::offload(loop_, [changed] { return replaceFiles(changed, Durability::kSynced); });
  if (!written) co_return written;
  for (File& file : changed) written_[file.path] = std::move(file.text);
  co_return Result<void>();
}

loop::Task<Result<void>> Haproxy::saveLayout(const Layout& layout) {
  const File file{path("layout"), writeLayout(layout)};
  if (written_[file.path] == file.text) co_return Result<void>();
  const Result<void> written =
      co_await loop::offload(loop_, [file] { return replaceFiles({file}, Durability::kSynced); });
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
        const Result<void> written = replaceFiles(to_write, Durability::kRenamed);
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
  const int former = before.workers.front().pid;
  const Result<void> held = co_await cli_.hold(former);
  if (!held) log::warning("the last counts of a worker of HAProxy may be lost", {{"error", held.error().message}});
  if (const Result<void> reloaded = co_await signalReload(before, files.structure); !reloaded) {
    // The former worker serves on. The files must say so too, for the next start.
    const ProxyState& last = applied_ ? *applied_ : ProxyState();
    epoch_ = running_epoch;
    co_await saveLayout(layout_);
    co_await saveFiles(renderHaproxy(layout_, last, paths(), options_.tuning));
    co_return reloaded;
  }
  layout_ = layout;
  if (held) scope_.spawn(keepUntilIdle(former));
  forgetStaleFiles(files);
  co_return co_await syncAll(layout, state);
}

loop::Task<Result<void>> Haproxy::signalReload(const Processes& before, const std::string& structure) {
  const std::int64_t log_offset = fileSize(path("haproxy.log"));
  cli_.expectReload();
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

// The line to it keeps a worker from ending.
loop::Task<void> Haproxy::keepUntilIdle(int worker) {
  const std::string key = processKey(worker).value_or("");
  // Most are idle at once; one with a WebSocket may live for many minutes.
  for (Duration pause = kIdlePoll; !closing_; pause = std::min<Duration>(pause * 3 / 2, 2s)) {
    co_await loop::sleep(loop_, pause);
    const Result<bool> idle = co_await isIdleOldWorker(cli_, worker);
    if (!idle && processKey(worker) != key) break;  // it has ended after all: the hard stop
    if (!idle || !*idle) continue;
    Result<std::vector<TrafficCount>> counts = co_await readCounters(cli_, worker);
    if (counts) {
      nameInstances(*counts);
      finished_.push_back({key, std::move(*counts)});
    }
    break;
  }
  cli_.letGo(worker);
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

}  // namespace towpath::proxy
