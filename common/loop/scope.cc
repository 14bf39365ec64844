#include "loop/scope.h"

#include <utility>

#include "base/log.h"

namespace towpath::loop {

// One spawned task: its coroutine, and its place in the ready queue until it has begun.
struct Scope::Root {
  Task<void> task;
  CoroutineWaiter start;
  std::list<Root>::iterator self;
};

namespace {

std::string messageOf(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

}  // namespace

Scope::Scope(Loop& loop, std::string name, FailureHook on_failure)
    : loop_(loop), name_(std::move(name)), on_failure_(std::move(on_failure)), finished_(loop) {}

Scope::~Scope() { cancelAll(); }

void Scope::spawn(Task<void> task) {
  ended_.clear();
  Root& root = roots_.emplace_back();
  root.self = std::prev(roots_.end());
  root.task = runRoot(root, std::move(task));
  root.start.handle = root.task.handle();
  loop_.makeReady(root.start);
}

void Scope::cancelAll() {
  // One by one from a moved list: a destructor in a frame may spawn, or cancel again.
  while (!roots_.empty()) {
    std::list<Root> victim;
    victim.splice(victim.end(), roots_, roots_.begin());
    victim.clear();
  }
  ended_.clear();
  finished_.notifyAll();
}

Task<void> Scope::drained() {
  while (!roots_.empty()) co_await finished_.wait();
}

Task<void> Scope::runRoot(Root& root, Task<void> task) {
  try {
    co_await std::move(task);
  } catch (...) {
    failed(std::current_exception());
  }
  // The frame is still running: it is put aside and freed by the next spawn, or with the scope.
  ended_.splice(ended_.end(), roots_, root.self);
  if (roots_.empty()) finished_.notifyAll();
}

void Scope::failed(std::exception_ptr exception) {
  log::error("task ended by an exception", {{"task", name_}, {"error", messageOf(exception)}});
  if (on_failure_) on_failure_(exception);
}

}  // namespace towpath::loop
