// towpath-agent: runs the instances and the proxy of one node, as its coordinator assigns them. The story, in order.

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "agent.h"
#include "agent_config.h"
#include "base/file.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "loop/scope.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "loop/watch.h"

namespace {

using namespace towpath;

int refuse(const Error& error) {
  std::fprintf(stderr, "towpath-agent: %s\n", describe(error).c_str());
  return error.kind == ErrorKind::kInvalid ? 2 : 1;
}

int run(nodeagent::Config config) {
  log::setLevel(config.log_level);
  // Nobody but us reads keys, assignments and instances' configuration.
  if (Result<void> made = makeDirectories(config.data_dir, 0700); !made) return refuse(made.error());
  if (Result<void> made = makeDirectories(config.run_dir, 0700); !made) return refuse(made.error());

  loop::UvLoop loop;
  int result = 0;
  nodeagent::Agent agent(loop, std::move(config));
  {
    loop::Scope scope(loop, "main");
    // Finds what still runs, goes on from the assignment on the disk, and joins or connects.
    scope.spawn([](nodeagent::Agent& starting, loop::UvLoop& on, int& code) -> loop::Task<void> {
      Result<void> started = co_await starting.start();
      if (started) {
        notifyServiceManager("READY=1");
        co_return;
      }
      code = refuse(started.error());
      on.stop();
    }(agent, loop, result));
    // Asked to end: instances and proxy stay as they are, the next agent finds them.
    auto stop = [&loop] { loop.stop(); };
    loop::SignalWatcher terminated(loop, SIGTERM, stop);
    loop::SignalWatcher interrupted(loop, SIGINT, stop);
    loop.run();
    notifyServiceManager("STOPPING=1");
  }
  loop::blockOn(loop, agent.stop());
  log::info("agent ends; instances and proxy go on");
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Result<nodeagent::CommandLine> command_line =
      nodeagent::parseCommandLine(std::vector<std::string>(argv + 1, argv + argc));
  if (!command_line) return refuse(command_line.error());
  switch (command_line->action) {
    case nodeagent::CommandLine::Action::kHelp:
      std::fputs(nodeagent::usage().c_str(), stdout);
      return 0;
    case nodeagent::CommandLine::Action::kVersion:
      std::puts("towpath-agent " TOWPATH_VERSION);
      return 0;
    case nodeagent::CommandLine::Action::kRun:
      break;
  }
  Result<nodeagent::Config> config = nodeagent::readConfig(*command_line);
  if (!config) return refuse(config.error());
  return run(std::move(*config));
}
