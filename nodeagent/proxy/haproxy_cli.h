#pragma once
// The command lines of one HAProxy: the master's, which lists the processes, and each worker's.
//
// Workers are spoken to directly and not through the master. The master of 2.6 serves ten connections at once, and one
// whose client has gone while it waits for a worker is never freed (HAProxy's issues 3070 and 3351): it would take no
// command any more until the next reload. It is asked in that way for one thing only: old workers of before this
// driver, whose own command line listens no more; and one that gave no answer once is left alone.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "loop/task.h"
#include "loop/uv_loop.h"
#include "proxy/haproxy_line.h"
#include "proxy/haproxy_runtime.h"

namespace towpath::proxy {

struct HaproxySockets {
  std::string master;
  std::string worker;  // the current worker listens here; during a reload the former one may still answer
};

class HaproxyCli {
 public:
  // Refers to the loop, which must outlive it.
  HaproxyCli(loop::UvLoop& loop, HaproxySockets sockets) : loop_(loop), sockets_(std::move(sockets)) {}

  // The processes. kUnavailable while HAProxy starts, reloads or is away. While the master takes no commands: those
  // that it named last and that still run.
  loop::Task<Result<Processes>> processes();
  // A reload was asked for: what the master said before is of no use.
  void expectReload() { known_.reset(); }

  // One command to one worker, and its answer.
  loop::Task<Result<std::string>> ask(int worker, std::string command);
  // Many commands whose answers do not matter, in as few turns as fit. In order.
  loop::Task<Result<void>> tell(int worker, std::vector<std::string> commands);
  // Many commands; their answers in the same order.
  loop::Task<Result<std::vector<std::string>>> askAll(int worker, std::vector<std::string> commands);

  // Opens a line to the current worker, if there is none, so that it is reached after the next reload too and does not
  // end before letGo().
  loop::Task<Result<void>> hold(int worker);
  void letGo(int worker) { lines_.erase(worker); }

 private:
  // Shared with the callers whose commands run on it: it may be given up meanwhile.
  using Line = std::shared_ptr<HaproxyLine>;
  struct Known {
    Processes processes;
    std::map<int, std::string> keys;  // of each, see processKey()
  };

  loop::Task<Result<std::string>> askMaster(std::string line);
  loop::Task<Result<std::string>> talkToMaster(std::string line);
  loop::Task<Result<std::vector<std::string>>> askThroughMaster(int worker, std::vector<std::string> commands);
  loop::Task<Result<Line>> lineTo(int worker);
  void remember(const Processes& processes);
  std::optional<Processes> stillRunning() const;

  loop::UvLoop& loop_;
  HaproxySockets sockets_;
  std::map<int, Line> lines_;  // by worker
  std::set<int> old_;          // workers that the master called old
  std::set<int> silent_;       // old workers that did not answer through the master
  std::optional<Known> known_;
  MonoTime master_silent_until_{};
};

}  // namespace towpath::proxy
