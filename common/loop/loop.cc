#include "loop/loop.h"

#include <memory>
#include <utility>

namespace towpath::loop {

// Owned by the ready queue: it frees itself when run or dropped.
class Loop::PostedCall final : public Waiter {
 public:
  explicit PostedCall(Callback call) : call_(std::move(call)) {}
  void run() override {
    const std::unique_ptr<PostedCall> self(this);
    call_();
  }

 private:
  Callback call_;
};

Loop::~Loop() { dropReady(); }

Timer Loop::startTimer(Duration after, Callback call) {
  const MonoTime at = now() + std::max(after, Duration::zero());
  Timer timer = timers_.add(at, std::move(call));
  if (timers_.earliest() == at) wakeForTimer(at);
  return timer;
}

void Loop::post(Callback call) { makeReady(*new PostedCall(std::move(call))); }

void Loop::makeReady(Waiter& waiter) {
  const bool was_empty = ready_.empty();
  ready_.pushBack(waiter);
  if (was_empty) wakeForReady();
}

void Loop::runReady() {
  // What gets ready meanwhile lands in ready_ behind the mark, so that a coroutine that always yields cannot starve
  // I/O.
  WaitQueue batch;
  batch.splice(ready_);
  while (Waiter* waiter = batch.popFront()) waiter->run();
}

void Loop::fireTimers() {
  const MonoTime due = now();
  while (timers_.fireNext(due)) {
  }
}

void Loop::dropReady() {
  while (Waiter* waiter = ready_.popFront()) {
    // A coroutine is owned by its task and merely leaves the queue; a posted call is ours.
    if (auto* posted = dynamic_cast<PostedCall*>(waiter)) delete posted;
  }
}

}  // namespace towpath::loop
