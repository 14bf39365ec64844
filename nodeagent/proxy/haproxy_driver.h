#pragma once
// Haproxy: the driver behind makeHaproxy(). haproxy.cc has its life (start, watch, read, end), haproxy_apply.cc how it
// makes HAProxy do a state.

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loop/event.h"
#include "loop/scope.h"
#include "proxy/haproxy.h"
#include "proxy/haproxy_process.h"
#include "proxy/haproxy_sync.h"

namespace towpath::proxy {

inline constexpr Duration kPoll = 5ms;
inline constexpr Duration kIdlePoll = 100ms;

class Haproxy final : public Proxy {
 public:
  Haproxy(loop::UvLoop& loop, HaproxyOptions options)
      : loop_(loop),
        options_(std::move(options)),
        cli_(loop, {path("master.sock"), path("worker.sock")}),
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

  loop::Task<void> keepUntilIdle(int worker);
  void nameInstances(std::vector<TrafficCount>& counts) const;

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

}  // namespace towpath::proxy
