#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "loop/event.h"
#include "loop/scope.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"

using namespace towpath;
using namespace towpath::loop;

namespace {

// Counts frames that are alive: a cancelled coroutine must have run its destructors.
struct Alive {
  explicit Alive(int& count) : count_(count) { ++count_; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --count_; }
  int& count_;
};

Task<int> twice(int number) { co_return 2 * number; }
Task<int> failing() {
  throw std::runtime_error("no");
  co_return 0;
}

Task<int> sumTo(int n) {
  if (n == 0) co_return 0;
  const int rest = co_await sumTo(n - 1);
  co_return n + rest;
}

Task<void> waitIn(Loop& loop, int depth, int& alive) {
  const Alive here(alive);
  if (depth == 0)
    co_await sleep(loop, 1h);
  else
    co_await waitIn(loop, depth - 1, alive);
}

}  // namespace

TEST_CASE("task: values and exceptions come through co_await") {
  VirtualLoop loop;
  CHECK(blockOn(loop, twice(21)) == 42);
  CHECK(blockOn(loop, sumTo(2000)) == 2001000);
  CHECK_THROWS_AS(blockOn(loop, failing()), std::runtime_error);
}

TEST_CASE("task: one that is never awaited never runs") {
  bool ran = false;
  {
    auto task = [](bool& mark) -> Task<void> {
      mark = true;
      co_return;
    }(ran);
    CHECK(task);
  }
  CHECK_FALSE(ran);
}

TEST_CASE("scope: destroying it frees every frame down to the operation awaited") {
  VirtualLoop loop;
  int alive = 0;
  {
    Scope scope(loop);
    for (int depth = 0; depth < 5; ++depth) scope.spawn(waitIn(loop, depth, alive));
    loop.runUntilIdle();
    CHECK(alive == 1 + 2 + 3 + 4 + 5);
    CHECK(scope.count() == 5);
  }
  CHECK(alive == 0);
  CHECK(loop.nextTimer() == MonoTime::max());
}

TEST_CASE("scope: a task that was spawned but not begun is cancelled as well") {
  VirtualLoop loop;
  int alive = 0;
  {
    Scope scope(loop);
    scope.spawn(waitIn(loop, 0, alive));
  }
  loop.runUntilIdle();
  CHECK(alive == 0);
}

TEST_CASE("scope: an exception is reported and the others go on") {
  VirtualLoop loop;
  std::string reported;
  Scope scope(loop, "test", [&](std::exception_ptr exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& e) {
      reported = e.what();
    }
  });
  bool other_ended = false;
  scope.spawn([]() -> Task<void> { (void)co_await failing(); }());
  scope.spawn([](Loop& on, bool& ended) -> Task<void> {
    co_await sleep(on, 1s);
    ended = true;
  }(loop, other_ended));
  blockOn(loop, scope.drained());
  CHECK(reported == "no");
  CHECK(other_ended);
  CHECK(scope.count() == 0);
}

TEST_CASE("event: set() returns before waiters run, and wakes all of them") {
  VirtualLoop loop;
  Event event(loop);
  Scope scope(loop);
  int woken = 0;
  for (int i = 0; i < 3; ++i) {
    scope.spawn([](Event& on, int& count) -> Task<void> {
      co_await on.wait();
      ++count;
    }(event, woken));
  }
  loop.runUntilIdle();
  event.set();
  CHECK(woken == 0);
  loop.runUntilIdle();
  CHECK(woken == 3);
}

TEST_CASE("event: a waiter that is cancelled after the wake-up does not run") {
  VirtualLoop loop;
  Event event(loop);
  bool ran = false;
  {
    Scope scope(loop);
    scope.spawn([](Event& on, bool& mark) -> Task<void> {
      co_await on.wait();
      mark = true;
    }(event, ran));
    loop.runUntilIdle();
    event.set();
  }
  loop.runUntilIdle();
  CHECK_FALSE(ran);
}

TEST_CASE("channel: bounded, ordered, and empty after close") {
  VirtualLoop loop;
  Channel<int> channel(loop, 2);
  Scope scope(loop);
  std::vector<int> got;
  bool ended = false;
  scope.spawn([](Channel<int>& to) -> Task<void> {
    for (int i = 0; i < 10; ++i) co_await to.push(i);
    to.close();
  }(channel));
  loop.runUntilIdle();
  CHECK(channel.size() == 2);
  scope.spawn([](Channel<int>& from, std::vector<int>& into, bool& end) -> Task<void> {
    while (std::optional<int> item = co_await from.pop()) into.push_back(*item);
    end = true;
  }(channel, got, ended));
  loop.runUntilIdle();
  CHECK(got == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(ended);
  CHECK_FALSE(channel.tryPush(11));
}

TEST_CASE("channel: a wake-up is not lost with a cancelled reader") {
  VirtualLoop loop;
  Channel<int> channel(loop, 4);
  Scope first(loop);
  Scope second(loop);
  int got = 0;
  const auto reader = [](Channel<int>& from, int& count) -> Task<void> {
    while (co_await from.pop()) ++count;
  };
  first.spawn(reader(channel, got));
  loop.runUntilIdle();
  second.spawn(reader(channel, got));
  loop.runUntilIdle();
  channel.tryPush(1);
  first.cancelAll();
  loop.runUntilIdle();
  CHECK(got == 1);
}

TEST_CASE("semaphore: never more at once than permits, also when a holder is cancelled") {
  VirtualLoop loop;
  Semaphore semaphore(loop, 2);
  int inside = 0;
  int most = 0;
  const auto worker = [](Loop& on, Semaphore& gate, int& now_inside, int& max_inside) -> Task<void> {
    const auto permit = co_await gate.acquire();
    const Alive here(now_inside);
    max_inside = std::max(max_inside, now_inside);
    co_await sleep(on, 1s);
  };
  {
    Scope cancelled(loop);
    cancelled.spawn(worker(loop, semaphore, inside, most));
    loop.runUntilIdle();
    CHECK(semaphore.available() == 1);
  }
  Scope scope(loop);
  for (int i = 0; i < 6; ++i) scope.spawn(worker(loop, semaphore, inside, most));
  blockOn(loop, scope.drained());
  CHECK(most == 2);
  CHECK(semaphore.available() == 2);
}

TEST_CASE("withTimeout: gives the value, or cancels the task and says kTimeout") {
  VirtualLoop loop;
  int alive = 0;
  const auto slow = [](Loop& on, Duration after, int& count) -> Task<int> {
    const Alive here(count);
    co_await sleep(on, after);
    co_return 7;
  };
  CHECK(blockOn(loop, withTimeout(loop, 2s, slow(loop, 1s, alive))).value() == 7);
  const Result<int> late = blockOn(loop, withTimeout(loop, 2s, slow(loop, 3s, alive)));
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == ErrorKind::kTimeout);
  CHECK(alive == 0);
  CHECK_THROWS_AS((void)blockOn(loop, withTimeout(loop, 1s, failing())), std::runtime_error);
}

TEST_CASE("unlessSet: the event ends the task") {
  VirtualLoop loop;
  Event stop(loop);
  int alive = 0;
  const Timer timer = loop.startTimer(5s, [&] { stop.set(); });
  CHECK_FALSE(blockOn(loop, unlessSet(loop, stop, waitIn(loop, 3, alive))).has_value());
  CHECK(alive == 0);
  Event never(loop);
  CHECK(blockOn(loop, unlessSet(loop, never, twice(4))) == 8);
}

TEST_CASE("whenAll: values in order of the tasks, in the time of the slowest") {
  VirtualLoop loop;
  const MonoTime start = loop.now();
  const auto after = [](Loop& on, Duration wait, int value) -> Task<int> {
    co_await sleep(on, wait);
    co_return value;
  };
  std::vector<Task<int>> tasks;
  tasks.push_back(after(loop, 3s, 1));
  tasks.push_back(after(loop, 1s, 2));
  tasks.push_back(after(loop, 2s, 3));
  CHECK(blockOn(loop, whenAll(loop, std::move(tasks))) == std::vector<int>{1, 2, 3});
  CHECK(loop.now() - start == 3s);
}
