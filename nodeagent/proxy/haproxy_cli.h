#pragma once
// HAProxy's command line interface over the master's socket, through which every worker can be reached, also those that
// only finish their connections after a reload.

#include <string>
#include <vector>

#include "base/error.h"
#include "loop/stream.h"
#include "loop/task.h"
#include "proxy/haproxy_runtime.h"

namespace towpath::proxy {

class HaproxyCli {
 public:
  // Refers to the loop, which must outlive it.
  HaproxyCli(loop::UvLoop& loop, std::string master_socket) : loop_(loop), socket_(std::move(master_socket)) {}

  // The processes. kUnavailable while HAProxy starts, reloads or is away.
  loop::Task<Result<Processes>> processes();
  // One command to one worker, and its answer.
  loop::Task<Result<std::string>> ask(int worker, std::string command);
  // Many commands whose answers do not matter, in as few turns as fit. In order.
  loop::Task<Result<void>> tell(int worker, std::vector<std::string> commands);
  // Many commands that all answer something; their answers in the same order.
  loop::Task<Result<std::vector<std::string>>> askAll(int worker, std::vector<std::string> commands);

 private:
  loop::Task<Result<std::string>> exchange(std::string line);
  loop::Task<Result<std::string>> talk(std::string line);
  loop::UvLoop& loop_;
  std::string socket_;
};

}  // namespace towpath::proxy
