#pragma once
// Carries a probe out: one check at a time, repeated on its period, outcomes counted by a ProbeTracker.

#include <functional>
#include <string>
#include <vector>

#include "http/client.h"
#include "loop/task.h"
#include "loop/uv_loop.h"
#include "probe/probe.h"

namespace towpath::probe {

// Runs a command in the instance's surroundings: true if it exits with 0. Cancelling the task kills it.
using ExecRunner = std::function<loop::Task<bool>(std::vector<std::string> command)>;

class Prober {
 public:
  Prober(loop::UvLoop& loop, http::Client& client) : loop_(loop), client_(client) {}

  // One check, within the spec's timeout. `address` is the instance's own.
  loop::Task<bool> check(ProbeSpec spec, std::string address, ExecRunner exec);
  // Checks for ever; `changed` is called after each check that changed the tracker's state.
  loop::Task<void> repeat(ProbeSpec spec, std::string address, ExecRunner exec, ProbeTracker& tracker,
                          std::function<void()> changed);

 private:
  loop::Task<Result<bool>> checkHttp(HttpCheck check, std::string address, Duration timeout);
  loop::Task<Result<int>> askHttps(HttpCheck check, std::string address, Duration timeout);
  loop::Task<Result<bool>> checkTcp(TcpCheck check, std::string address);

  loop::UvLoop& loop_;
  http::Client& client_;
};

}  // namespace towpath::probe
