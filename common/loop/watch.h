#pragma once
// File descriptors and signals on the real loop. Each watcher ends when it is destroyed and may be destroyed in its own
// call.

#include <functional>
#include <memory>

#include "base/error.h"
#include "loop/task.h"
#include "loop/uv_loop.h"

namespace towpath::loop {

struct PollEvents {
  bool readable = false;
  bool writable = false;
};

// Calls whenever the descriptor is ready (level-triggered), until destroyed. Works for sockets, pipes, pidfds, inotify,
// D-Bus; not for plain files. The descriptor stays the caller's: destroy the watcher before closing it. One watcher per
// descriptor.
class PollWatcher {
 public:
  // `ready` gets what is ready; on an error of the descriptor both are set, and the next read or write tells the error.
  PollWatcher(UvLoop& loop, int fd, PollEvents wanted, std::move_only_function<void(PollEvents)> ready);
  PollWatcher(const PollWatcher&) = delete;
  PollWatcher& operator=(const PollWatcher&) = delete;
  ~PollWatcher();

  // Changes what is waited for; neither: paused.
  void update(PollEvents wanted);

 private:
  struct State;
  State* state_;  // freed by libuv's close callback, after us
};

// Finishes when the descriptor is readable (for a pidfd: the process has ended) or writable.
Task<void> readable(UvLoop& loop, int fd);
Task<void> writable(UvLoop& loop, int fd);

// Calls for each arrival of the signal; several watchers may watch the same one.
class SignalWatcher {
 public:
  SignalWatcher(UvLoop& loop, int signal, std::move_only_function<void()> arrived);
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher();

 private:
  struct State;
  State* state_;
};

}  // namespace towpath::loop
