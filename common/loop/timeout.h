#pragma once
// Combining tasks: a limit of time, the end of one by an event, all of several. The loser is cancelled by destruction.

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/task.h"

namespace towpath::loop {

namespace detail {

template <class T>
struct IsResult : std::false_type {};
template <class T>
struct IsResult<Result<T>> : std::true_type {};
// Result<T> stays Result<T>, T becomes Result<T>.
template <class T>
using AsResult = std::conditional_t<IsResult<T>::value, T, Result<T>>;

struct Done {};
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, Done, T>;

template <class T>
struct Outcome {
  std::optional<Stored<T>> value;
  std::exception_ptr exception;
  bool finished() const { return value.has_value() || exception; }
};

// Runs the task to its end, keeps what came of it, and tells.
template <class T>
Task<void> runInto(Task<T> task, Outcome<T>& outcome, Event& done) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      outcome.value.emplace();
    } else {
      outcome.value.emplace(co_await std::move(task));
    }
  } catch (...) {
    outcome.exception = std::current_exception();
  }
  done.set();
}

}  // namespace detail

// The task's value, or kTimeout after `limit`; the task is then cancelled. An exception of the task goes through.
template <class T>
Task<detail::AsResult<T>> withTimeout(Loop& loop, Duration limit, Task<T> task) {
  detail::Outcome<T> outcome;
  Event done(loop);
  Scope scope(loop, "withTimeout");
  scope.spawn(detail::runInto<T>(std::move(task), outcome, done));
  const Timer timer = loop.startTimer(limit, [&done] { done.set(); });
  co_await done.wait();
  if (outcome.exception) std::rethrow_exception(outcome.exception);
  if (!outcome.value) co_return fail(ErrorKind::kTimeout, "no answer within " + formatGoDuration(limit));
  if constexpr (std::is_void_v<T>)
    co_return detail::AsResult<T>();
  else
    co_return std::move(*outcome.value);
}

// The task's value, or nullopt if `event` is set before; the task is then cancelled.
template <class T>
Task<std::optional<detail::Stored<T>>> unlessSet(Loop& loop, Event& event, Task<T> task) {
  detail::Outcome<T> outcome;
  Event done(loop);
  Scope scope(loop, "unlessSet");
  scope.spawn(detail::runInto<T>(std::move(task), outcome, done));
  scope.spawn([](Event& stop, Event& tell) -> Task<void> {
    co_await stop.wait();
    tell.set();
  }(event, done));
  co_await done.wait();
  if (outcome.exception) std::rethrow_exception(outcome.exception);
  co_return std::move(outcome.value);
}

// Runs all at once and gives their values in order. The first exception, in that order, is thrown after all have ended.
template <class T>
Task<std::vector<detail::Stored<T>>> whenAll(Loop& loop, std::vector<Task<T>> tasks) {
  std::vector<detail::Outcome<T>> outcomes(tasks.size());
  Event ignored(loop);
  Scope scope(loop, "whenAll");
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    scope.spawn(detail::runInto<T>(std::move(tasks[i]), outcomes[i], ignored));
  }
  co_await scope.drained();
  std::vector<detail::Stored<T>> values;
  values.reserve(outcomes.size());
  for (detail::Outcome<T>& outcome : outcomes) {
    if (outcome.exception) std::rethrow_exception(outcome.exception);
    values.push_back(std::move(*outcome.value));
  }
  co_return values;
}

// Runs the loop until the task has ended and gives its value: for main functions and tests.
template <class T>
T blockOn(Loop& loop, Task<T> task) {
  detail::Outcome<T> outcome;
  Event done(loop);
  Scope scope(loop, "blockOn");
  scope.spawn([](Loop& on, Task<T> inner, detail::Outcome<T>& into, Event& tell) -> Task<void> {
    co_await detail::runInto<T>(std::move(inner), into, tell);
    on.stop();
  }(loop, std::move(task), outcome, done));
  loop.run();
  if (outcome.exception) std::rethrow_exception(outcome.exception);
  TOWPATH_ASSERT(outcome.value.has_value(), "the loop was stopped, or had nothing left to do, before the task ended");
  if constexpr (!std::is_void_v<T>) return std::move(*outcome.value);
}

}  // namespace towpath::loop
