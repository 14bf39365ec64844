#pragma once
// Things to wait for. All are woken through the loop's ready queue: set(), notifyAll() and tryPush() return before any
// waiter runs. A waiter that is destroyed leaves the queue. None of these may be destroyed while somebody waits, unless
// the waiters are cancelled first (members are destroyed in reverse order: declare the Scope after the Event).

#include <coroutine>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "loop/loop.h"

namespace towpath::loop {

// A flag: wait() passes while it is set. Stays set until reset().
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}

  bool isSet() const { return set_; }
  void set() {
    set_ = true;
    while (Waiter* waiter = waiters_.popFront()) loop_.makeReady(*waiter);
  }
  void reset() { set_ = false; }

  class [[nodiscard]] Awaiter {
   public:
    explicit Awaiter(Event& event) : event_(event) {}
    bool await_ready() const noexcept { return event_.set_; }
    void await_suspend(std::coroutine_handle<> handle) {
      waiter_.handle = handle;
      event_.waiters_.pushBack(waiter_);
    }
    void await_resume() const noexcept {}

   private:
    Event& event_;
    CoroutineWaiter waiter_;
  };
  Awaiter wait() { return Awaiter(*this); }

 private:
  Loop& loop_;
  bool set_ = false;
  WaitQueue waiters_;
};

// A pulse: wakes those who wait at this moment, remembers nothing. Check the condition in a loop around wait(). It
// wakes all: a wake-up given to one alone would be lost with a waiter that is cancelled before it runs.
class Notify {
 public:
  explicit Notify(Loop& loop) : loop_(loop) {}

  void notifyAll() {
    while (Waiter* waiter = waiters_.popFront()) loop_.makeReady(*waiter);
  }

  class [[nodiscard]] Awaiter {
   public:
    explicit Awaiter(Notify& notify) : notify_(notify) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      waiter_.handle = handle;
      notify_.waiters_.pushBack(waiter_);
    }
    void await_resume() const noexcept {}

   private:
    Notify& notify_;
    CoroutineWaiter waiter_;
  };
  Awaiter wait() { return Awaiter(*this); }

 private:
  Loop& loop_;
  WaitQueue waiters_;
};

// A bounded queue between coroutines. After close() pushes fail, and pops give what is left, then nullopt.
template <class T>
class Channel {
 public:
  Channel(Loop& loop, std::size_t capacity) : capacity_(capacity), not_empty_(loop), not_full_(loop) {}

  // False if it is full or closed; then `value` is untouched.
  bool tryPush(T&& value) {
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(value));
    not_empty_.notifyAll();
    return true;
  }
  // Waits for room; false if the channel is closed.
  Task<bool> push(T value) {
    while (!tryPush(std::move(value))) {
      if (closed_) co_return false;
      co_await not_full_.wait();
    }
    co_return true;
  }
  std::optional<T> tryPop() {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    not_full_.notifyAll();
    return item;
  }
  // Waits for an item; nullopt when it is closed and empty.
  Task<std::optional<T>> pop() {
    while (items_.empty()) {
      if (closed_) co_return std::nullopt;
      co_await not_empty_.wait();
    }
    co_return tryPop();
  }
  void close() {
    closed_ = true;
    not_empty_.notifyAll();
    not_full_.notifyAll();
  }
  bool closed() const { return closed_; }
  std::size_t size() const { return items_.size(); }

 private:
  std::size_t capacity_;
  bool closed_ = false;
  std::deque<T> items_;
  Notify not_empty_;
  Notify not_full_;
};

// Bounds how many do something at once: auto permit = co_await semaphore.acquire(); it is given back when the permit is
// destroyed.
class Semaphore {
 public:
  Semaphore(Loop& loop, std::size_t permits) : free_(permits), released_(loop) {}

  class [[nodiscard]] Permit {
   public:
    explicit Permit(Semaphore& owner) : owner_(&owner) {}
    Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (owner_) owner_->release();
    }

   private:
    Semaphore* owner_;
  };

  Task<Permit> acquire() {
    while (free_ == 0) co_await released_.wait();
    --free_;
    co_return Permit(*this);
  }
  std::size_t available() const { return free_; }

 private:
  void release() {
    ++free_;
    released_.notifyAll();
  }
  std::size_t free_;
  Notify released_;
};

}  // namespace towpath::loop
