#pragma once
// The HAProxy driver (2.6 or newer; 2.6.12 is what it is tested with). In its run directory:
//   haproxy.cfg, maps/      what HAProxy starts and reloads from; kept in step with what it does
//   layout                  which instance sits in which server line (layout.h)
//   lock                    held by HAProxy's processes (haproxy_process.h)
//   master.sock, worker.sock, haproxy.log
//
// A change of weights, versions, servers or drains goes through the runtime interface, to the current worker and to old
// ones that still finish connections. A change of structure is checked with `haproxy -c`, written, and reloaded: the
// listening sockets pass from worker to worker, and idle connections are told to close with their next answer. An old
// worker is kept alive by a connection of ours until it is idle and its last counters are read.

#include <memory>
#include <string>

#include "proxy/haproxy_config.h"
#include "proxy/proxy.h"

namespace towpath::loop {
class UvLoop;
}

namespace towpath::proxy {

struct HaproxyOptions {
  std::string binary = "haproxy";
  std::string run_dir;  // at most 85 bytes: sockets live there
  HaproxyTuning tuning;
  Duration start_limit = 10s;  // for HAProxy to come up or to take over after a reload
};

std::unique_ptr<Proxy> makeHaproxy(loop::UvLoop& loop, HaproxyOptions options);

}  // namespace towpath::proxy
