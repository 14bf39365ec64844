#pragma once
// HaproxyLine: one connection to the command line of one worker, in HAProxy's interactive mode, kept open. A worker
// whose command line somebody talks to does not end, also after a reload, when it listens on nothing any more: so the
// line that was opened while it was the current one still reaches it then. (Management guide of 2.6, 9.3 "Unix Socket
// commands": after "prompt" each answer ends with an empty line and "> ".)

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "loop/event.h"
#include "loop/stream.h"
#include "loop/task.h"

namespace towpath::proxy {

class HaproxyLine {
 public:
  // Refers to the loop, which must outlive it. kUnavailable if no worker listens there.
  static loop::Task<Result<std::unique_ptr<HaproxyLine>>> open(loop::UvLoop& loop, std::string socket);

  // Who is at the other end.
  int worker() const { return worker_; }
  // Each command and its answer, in order; one caller at a time, the others wait. An error leaves it broken: what is
  // still under way could be taken for the answer to something else.
  loop::Task<Result<std::vector<std::string>>> ask(std::vector<std::string> commands);
  bool broken() const { return broken_; }

 private:
  HaproxyLine(loop::UvLoop& loop, loop::Stream stream) : loop_(loop), stream_(std::move(stream)), turn_(loop, 1) {}
  loop::Task<Result<std::vector<std::string>>> exchange(std::vector<std::string> commands);
  loop::Task<Result<std::string>> readAnswer();

  loop::UvLoop& loop_;
  loop::Stream stream_;
  std::string unread_;
  loop::Semaphore turn_;
  int worker_ = 0;
  bool broken_ = false;
};

}  // namespace towpath::proxy
