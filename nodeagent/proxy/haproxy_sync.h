#pragma once
// Bringing HAProxy's workers to a state, and reading them, over the command line interface. No files, no processes.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "proxy/haproxy_cli.h"
#include "proxy/proxy.h"

namespace towpath::proxy {

// What the worker does now: all servers, and the maps of the state's rules that it has.
loop::Task<Result<WorkerView>> readWorker(HaproxyCli& cli, int worker, const ProxyState& state,
                                          const HaproxyPaths& paths);

// Makes the worker do what the layout and the state say, and reads back that it does. kInternal if it will not.
loop::Task<Result<void>> syncWorker(HaproxyCli& cli, WorkerProcess worker, const Layout& layout,
                                    const ProxyState& state, const HaproxyPaths& paths);

// Of the files that the worker was started with: HaproxyFiles::structure and HaproxyPaths::epoch.
struct RunningStructure {
  std::string structure, epoch;
};
loop::Task<Result<RunningStructure>> readStructure(HaproxyCli& cli, int worker);

// Requests that run or wait, by "backend/server", summed over the workers.
loop::Task<Result<std::map<std::string, std::int64_t>>> readSessions(HaproxyCli& cli,
                                                                     std::vector<WorkerProcess> workers);

loop::Task<Result<std::vector<TrafficCount>>> readCounters(HaproxyCli& cli, int worker);
// The pure half of it.
std::vector<TrafficCount> makeCounts(const std::map<std::string, std::uint64_t>& traffic,
                                     const std::map<std::string, std::uint64_t>& requests,
                                     const std::vector<StatRow>& backends);

// True once the worker has stopped listening and has no connection left.
loop::Task<Result<bool>> isIdleOldWorker(HaproxyCli& cli, int worker);

std::vector<ObservedRule> observeRules(const WorkerView& view, const ProxyState& state);

}  // namespace towpath::proxy
