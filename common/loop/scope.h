#pragma once
// Scope: owns the tasks that an object has running beside each other. Destroying it cancels them all; declare it last
// in a class, so that it goes first. An exception that escapes a spawned task is logged and given to the scope's hook,
// never lost.

#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "base/error.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/task.h"

namespace towpath::loop {

class Scope {
 public:
  using FailureHook = std::move_only_function<void(std::exception_ptr)>;

  explicit Scope(Loop& loop, std::string name = "task", FailureHook on_failure = {});
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  // Cancels all. Must not be called by one of its own tasks (task.h).
  ~Scope();

  // Starts the task on a later turn.
  void spawn(Task<void> task);
  void cancelAll();
  std::size_t count() const { return roots_.size(); }
  // Finishes when no task is left; further ones may be spawned meanwhile and are waited for as well.
  Task<void> drained();

 private:
  struct Root;
  Task<void> runRoot(Root& root, Task<void> task);
  void failed(std::exception_ptr exception);

  Loop& loop_;
  std::string name_;
  FailureHook on_failure_;
  Notify finished_;
  std::list<Root> roots_;
  std::list<Root> ended_;  // finished, not yet freed: a frame cannot free itself
};

}  // namespace towpath::loop
