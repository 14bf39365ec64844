#pragma once
// Loop: time, timers, deferred calls, threads and randomness, for code that must run alike on the real event loop
// (uv_loop.h) and under virtual time (virtual_loop.h). Single-threaded: only postFromThread may be called from another
// thread.

#include <coroutine>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/time.h"
#include "loop/steady_clock.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "loop/waiter.h"

namespace towpath::loop {

using Callback = std::move_only_function<void()>;

class Loop {
 public:
  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop();

  // Boot-time clock: never jumps, counts suspend. For leases, time-outs, look-again times.
  virtual MonoTime now() const = 0;
  // What other machines and people read; may jump. For what is compared with their times, and for nothing else.
  virtual WallTime wallNow() const = 0;
  // The wall clock without its jumps: for status times and decisions (steady_clock.h).
  WallTime steadyNow() const { return steady_.read(now(), wallNow()); }
  // What steadyNow() goes on from; before its first call.
  void anchorSteady(WallTime at) { steady_.anchor(now(), at); }
  // Uniform 64 bits for jitter and choice; reproducible on a virtual loop. Never for secrets (tls/crypto.h).
  virtual std::uint64_t random() = 0;

  // Calls once, `after` from now (at once on the next turn if not positive), unless the Timer is destroyed before.
  [[nodiscard]] Timer startTimer(Duration after, Callback call);
  // Calls on a later turn, after all that is ready now. It cannot be cancelled: capture only what lives as long as the
  // loop, or hold a Scope or Timer instead.
  void post(Callback call);
  // The same from any thread; wakes the loop.
  virtual void postFromThread(Callback call) = 0;
  // Runs `work` on a thread of the pool, then `done` on the loop. `work` owns all that it touches. Prefer the coroutine
  // form.
  virtual void offload(Callback work, Callback done) = 0;
  // Queues a waiter to be run on this turn or the next. Every coroutine is resumed by this queue and by nothing else.
  void makeReady(Waiter& waiter);

  // Runs until stop() (on a virtual loop: until nothing is left to do as well).
  virtual void run() = 0;
  // Makes run() return after the present turn.
  virtual void stop() = 0;

 protected:
  // Something became ready while the queue was empty / the earliest timer changed: see that runReady() / fireTimers()
  // is called.
  virtual void wakeForReady() = 0;
  virtual void wakeForTimer(MonoTime earliest) = 0;

  bool hasReady() const { return !ready_.empty(); }
  // Runs what was ready at the call; what becomes ready meanwhile waits for the next call.
  void runReady();
  // Fires all timers due now.
  void fireTimers();
  // Destroys what was posted and not run. Implementations call it before they go down.
  void dropReady();
  const TimerQueue& timers() const { return timers_; }

 private:
  class PostedCall;
  TimerQueue timers_;
  WaitQueue ready_;
  mutable SteadyClock steady_;  // follows the wall clock as it is read
};

// co_await sleep(loop, 5s)
class [[nodiscard]] SleepAwaiter {
 public:
  SleepAwaiter(Loop& loop, Duration duration) : loop_(loop), duration_(duration) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter_.handle = handle;
    timer_ = loop_.startTimer(duration_, [this] { loop_.makeReady(waiter_); });
  }
  void await_resume() const noexcept {}

 private:
  Loop& loop_;
  Duration duration_;
  CoroutineWaiter waiter_;
  Timer timer_;
};
inline SleepAwaiter sleep(Loop& loop, Duration duration) { return {loop, duration}; }

// co_await yield(loop): lets everything else that is ready run first. For long computations.
class [[nodiscard]] YieldAwaiter {
 public:
  explicit YieldAwaiter(Loop& loop) : loop_(loop) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter_.handle = handle;
    loop_.makeReady(waiter_);
  }
  void await_resume() const noexcept {}

 private:
  Loop& loop_;
  CoroutineWaiter waiter_;
};
inline YieldAwaiter yield(Loop& loop) { return YieldAwaiter(loop); }

namespace detail {
// What the thread writes and the coroutine reads; shared because the coroutine may be destroyed while the thread still
// works, and then nobody but the thread's side is left to free it.
template <class T>
struct OffloadState {
  std::conditional_t<std::is_void_v<T>, bool, std::optional<T>> value{};
  std::exception_ptr exception;
  CoroutineWaiter* waiter = nullptr;  // null when the awaiting coroutine was destroyed
};

template <class F>
class OffloadAwaiter {
 public:
  using T = std::invoke_result_t<F&>;
  OffloadAwaiter(Loop& loop, F work) : loop_(loop), work_(std::move(work)) {}
  OffloadAwaiter(const OffloadAwaiter&) = delete;
  OffloadAwaiter& operator=(const OffloadAwaiter&) = delete;
  ~OffloadAwaiter() {
    if (state_) state_->waiter = nullptr;
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter_.handle = handle;
    state_ = std::make_shared<OffloadState<T>>();
    state_->waiter = &waiter_;
    auto body = [state = state_, work = std::move(work_)]() mutable {
      try {
        if constexpr (std::is_void_v<T>)
          work();
        else
          state->value.emplace(work());
      } catch (...) {
        state->exception = std::current_exception();
      }
    };
    loop_.offload(std::move(body), [&loop = loop_, state = state_] {
      if (state->waiter) loop.makeReady(*state->waiter);
    });
  }
  T await_resume() {
    if (state_->exception) std::rethrow_exception(state_->exception);
    if constexpr (!std::is_void_v<T>) return std::move(*state_->value);
  }

 private:
  Loop& loop_;
  F work_;
  CoroutineWaiter waiter_;
  std::shared_ptr<OffloadState<T>> state_;
};
}  // namespace detail

// co_await offload(loop, [data = std::move(data)] { return slow(data); }): runs it on a pool thread. `work` owns what
// it touches: if the awaiting coroutine is destroyed meanwhile, the work still runs to its end and its result is
// dropped.
template <class F>
Task<std::invoke_result_t<F&>> offload(Loop& loop, F work) {
  co_return co_await detail::OffloadAwaiter<F>(loop, std::move(work));
}

}  // namespace towpath::loop
