#pragma once
// HandshakeTurns: lets only a few connections compute on each turn of the loop. A step of a full TLS handshake costs
// milliseconds of CPU; when a thousand agents come back at once, requests and timers in between must not wait for all
// of them.

#include <coroutine>

#include "loop/loop.h"

namespace towpath::http {

class HandshakeTurns {
 public:
  explicit HandshakeTurns(loop::Loop& loop) : loop_(loop) {}

  // co_await turns.next(): first come, first served, on a later turn.
  class [[nodiscard]] Awaiter {
   public:
    explicit Awaiter(HandshakeTurns& turns) : turns_(turns) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      waiter_.handle = handle;
      turns_.waiting_.pushBack(waiter_);
      turns_.schedule();
    }
    void await_resume() const noexcept {}

   private:
    HandshakeTurns& turns_;
    loop::CoroutineWaiter waiter_;
  };
  Awaiter next() { return Awaiter(*this); }

 private:
  static constexpr int kPerTurn = 2;

  void schedule() {
    if (timer_.pending() || waiting_.empty()) return;
    timer_ = loop_.startTimer(Duration::zero(), [this] {
      for (int i = 0; i < kPerTurn; ++i) {
        if (loop::Waiter* waiter = waiting_.popFront()) loop_.makeReady(*waiter);
      }
      schedule();
    });
  }

  loop::Loop& loop_;
  loop::WaitQueue waiting_;
  loop::Timer timer_;
};

}  // namespace towpath::http
