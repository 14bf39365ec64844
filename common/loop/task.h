#pragma once
// Task<T>: a lazy coroutine. It starts when it is awaited (or spawned into a Scope, scope.h), and whoever holds it owns
// it: destroying a Task that has not finished frees its frame, which destroys what it awaits, down to the operation
// that is in flight. So cancelling is destroying, and every awaitable of ours cancels its operation in its destructor.
// An exception that escapes the coroutine is thrown at the co_await.
//
// Two rules keep this sound:
// - Everything runs on one thread, and only the loop's ready queue (loop.h) resumes a coroutine: a call such as
// Event::set()
//   never runs the waiter inside of itself.
// - A coroutine must not destroy what owns it (its Scope, or the object that has the Scope). Give the object to the
// coroutine
//   as a parameter and spawn it into a scope that lives longer, or post() the destruction to the loop.
//
// Parameters are taken by value (or refer to what provably lives longer): the frame outlives the full expression of the
// call.

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/assert.h"

namespace towpath::loop {

template <class T = void>
class Task;

namespace detail {

// Hands over to whoever awaited the task, without growing the stack.
struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
    return self.promise().continuation;
  }
  void await_resume() const noexcept {}
};

struct PromiseBase {
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception = std::current_exception(); }
  void rethrow() const {
    if (exception) std::rethrow_exception(exception);
  }

  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr exception;
};

template <class T>
struct Promise : PromiseBase {
  Task<T> get_return_object();
  template <class U = T>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    rethrow();
    TOWPATH_ASSERT(value.has_value(), "a finished task without an exception returned a value");
    return std::move(*value);
  }

  std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const { rethrow(); }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { reset(); }

  // False after it was moved from, awaited or reset.
  explicit operator bool() const { return handle_ != nullptr; }
  // For a scheduler that starts it by itself (Scope).
  std::coroutine_handle<> handle() const { return handle_; }
  // Cancels: frees the frame and all that it awaits.
  void reset() {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  // co_await std::move(task): runs it, gives its value or throws its exception.
  auto operator co_await() && noexcept { return Awaiter{std::move(*this)}; }

 private:
  struct Awaiter {
    Task task;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
      TOWPATH_ASSERT(task.handle_, "a task is awaited once, and not after it was moved from");
      task.handle_.promise().continuation = awaiting;
      return task.handle_;
    }
    T await_resume() { return task.handle_.promise().take(); }
  };

  Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace detail

}  // namespace towpath::loop
