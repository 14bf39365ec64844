#pragma once
// Proxy: the port to the local proxy of a node. One driver per product (haproxy.h). A driver carries out a ProxyState
// without dropping a request, reads back what the proxy really does, and says when an instance may be stopped. The
// proxy itself outlives the agent: destroying a Proxy object, or the whole agent, leaves it serving.
//
// The order that drops nothing, for the caller:  start the instance, probe it → apply (server ready) → apply (weights)
// → apply (server draining, or left out) → waitDrained → stop the instance.

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "loop/task.h"
#include "proxy/state.h"

namespace towpath::proxy {

enum class Change { kNone, kRuntime, kReload };
const char* toString(Change change);

// A listener that this machine does not allow, now: its port is taken, or reserved. All else is applied; the next apply
// tries again.
struct RefusedListener {
  std::string address;
  std::uint16_t port = 0;
  std::string reason;
};
struct Applied {
  Change change = Change::kNone;
  Duration took{};
  std::vector<RefusedListener> refused;
};

// What the proxy does now, read from the proxy itself and not from our wishes.
struct VersionShare {
  Version version;
  double share = 0;       // 0..1 of the rule's requests
  int ready_servers = 0;  // that the proxy would use now
};
struct ObservedRule {
  std::string id;
  RouteRef ref;
  std::int64_t generation = 0;  // of the object that is live
  std::vector<VersionShare> versions;
  double unavailable_share = 0;  // answered 503 or 500 by the proxy itself
};
struct Observed {
  std::vector<ObservedRule> rules;
  std::vector<int> workers;  // process ids, the current one first; after a reload old ones finish their connections
  int process_id = 0;        // of the proxy (its master)
  std::uint64_t starts = 0;  // how often this driver had to start it
};

enum class Drained {
  kYes,       // no request on it, none will come
  kTimedOut,  // the bound passed first: requests may still run on it
};

// Counters of one worker process of the proxy. They only grow while the worker lives; telemetry/ makes deltas of them.
struct TrafficCount {
  std::string rule;  // Rule::id
  RouteRef ref;
  Version version;
  // Either how many answers had a status (200, 404, …; 0: none of the instance, the proxy said 502, 503 or 504 itself),
  // or how many of those below 500 took about so many microseconds to their first byte.
  int status = 0;
  std::optional<std::uint64_t> latency_us;
  std::uint64_t count = 0;
  // Who answered: the proxy's place for an instance, which goes from one to the next, and the pod that has it now.
  // Empty for what no instance answered, and where the place was free by the time of the reading.
  std::string server, instance;
};
struct WorkerCounters {
  std::string worker;  // id that is never used again: "<boot id>/<pid>/<start time>"
  std::vector<TrafficCount> counts;
};

class Proxy {
 public:
  virtual ~Proxy() = default;

  // Adopts the running proxy, or starts it with the files of the last state (an empty one at first). From now on it is
  // watched and started again when it dies.
  virtual loop::Task<Result<void>> start() = 0;

  // Makes the proxy do `state`. Returns when it does: read back, listeners bound. One at a time; a second call waits.
  // kInvalid: the proxy refused the configuration (message names why); the former state goes on unchanged.
  virtual loop::Task<Result<Applied>> apply(ProxyState state) = 0;

  // The state that was applied last by this object, without refused listeners; nullptr before.
  virtual const ProxyState* applied() const = 0;

  virtual loop::Task<Result<Observed>> observe() = 0;

  // Waits until no request runs on the instance. Give it only for an instance that the applied state has draining or
  // left out; one that the proxy never knew is drained at once. kConflict: the instance is ready in the applied state.
  virtual loop::Task<Result<Drained>> waitDrained(std::string instance, Duration bound) = 0;

  virtual loop::Task<Result<std::vector<WorkerCounters>>> counters() = 0;

  // Ends the watching, not the proxy. To be awaited before destruction.
  virtual loop::Task<void> close() = 0;
  // Ends the proxy too, finishing requests for at most `grace`: for removing Towpath from a node, and for tests.
  virtual loop::Task<Result<void>> shutdown(Duration grace) = 0;
};

}  // namespace towpath::proxy
