#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loop/scope.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "loop/virtual_loop.h"
#include "loop/watch.h"

using namespace towpath;
using namespace towpath::loop;

namespace {
Task<void> pause(Loop& loop, Duration duration) { co_await sleep(loop, duration); }
}  // namespace

TEST_CASE("virtual loop: timers fire in order of time, equal ones in order of starting, each at its own time") {
  VirtualLoop loop;
  const MonoTime start = loop.now();
  std::vector<std::pair<int, Duration>> fired;
  std::vector<Timer> timers;
  const Duration delays[] = {3s, 1s, 2s, 1s, 0s, 5s};
  for (int i = 0; i < 6; ++i) {
    timers.push_back(loop.startTimer(delays[i], [&, i] { fired.emplace_back(i, loop.now() - start); }));
  }
  timers[2].cancel();
  loop.advance(4s);
  CHECK(fired == std::vector<std::pair<int, Duration>>{{4, 0s}, {1, 1s}, {3, 1s}, {0, 3s}});
  CHECK(loop.now() - start == 4s);
  CHECK(timers[5].pending());
  CHECK_FALSE(timers[0].pending());
}

TEST_CASE("virtual loop: a thousand timers, half of them cancelled, come out sorted") {
  VirtualLoop loop(7);
  std::vector<Timer> timers;
  std::vector<MonoTime> fired;
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(loop.startTimer(Duration(loop.random() % 1000000), [&] { fired.push_back(loop.now()); }));
  }
  for (std::size_t i = 0; i < timers.size(); i += 2) timers[i].cancel();
  loop.run();
  CHECK(fired.size() == 500);
  CHECK(std::is_sorted(fired.begin(), fired.end()));
}

TEST_CASE("virtual loop: a jump of the wall clock moves no timer") {
  VirtualLoop loop;
  bool fired = false;
  const Timer timer = loop.startTimer(1min, [&] { fired = true; });
  loop.setWall(loop.wallNow() + 24h * 365);
  loop.runUntilIdle();
  CHECK_FALSE(fired);
  CHECK(formatRfc3339(loop.wallNow()) == "2027-01-01T00:00:00Z");
  loop.advance(1min);
  CHECK(fired);
  CHECK(formatRfc3339(loop.wallNow()) == "2027-01-01T00:01:00Z");
}

TEST_CASE("virtual loop: the seed chooses the order of offloaded work, and the same seed the same order") {
  const auto orderOf = [](std::uint64_t seed) {
    VirtualLoop loop(seed);
    std::string order;
    for (char c = 'a'; c <= 'h'; ++c) loop.offload([&order, c] { order.push_back(c); }, [] {});
    loop.runUntilIdle();
    return order;
  };
  CHECK(orderOf(3) == orderOf(3));
  CHECK(orderOf(3) != orderOf(4));
  CHECK(orderOf(3).size() == 8);
}

TEST_CASE("timer: may destroy itself in its own call") {
  VirtualLoop loop;
  std::optional<Timer> timer;
  int calls = 0;
  timer = loop.startTimer(1s, [&] {
    timer.reset();
    ++calls;
  });
  loop.run();
  CHECK(calls == 1);
}

TEST_CASE("uv loop: timers fire in order and no earlier than asked") {
  UvLoop loop;
  const MonoTime start = loop.now();
  std::vector<int> order;
  const Timer b = loop.startTimer(20ms, [&] {
    order.push_back(2);
    loop.stop();
  });
  const Timer a = loop.startTimer(10ms, [&] { order.push_back(1); });
  loop.run();
  CHECK(order == std::vector<int>{1, 2});
  CHECK(loop.now() - start >= 20ms);
}

TEST_CASE("uv loop: post, threads, offload and its exceptions") {
  UvLoop loop;
  const auto loop_thread = std::this_thread::get_id();
  std::thread::id called_on;
  std::jthread thread([&] {
    loop.postFromThread([&] {
      called_on = std::this_thread::get_id();
      loop.stop();
    });
  });
  loop.run();
  CHECK(called_on == loop_thread);

  const auto worker = blockOn(loop, offload(loop, [] { return std::this_thread::get_id(); }));
  CHECK(worker != loop_thread);
  CHECK_THROWS_AS(blockOn(loop, offload(loop, []() -> int { throw std::runtime_error("in thread"); })),
                  std::runtime_error);
}

TEST_CASE("uv loop: destroying a coroutine while a thread works for it is safe, and the loop waits for the thread") {
  std::atomic<bool> finished = false;
  std::atomic<bool> begun = false;
  {
    UvLoop loop;
    Scope scope(loop);
    scope.spawn([](Loop& on, std::atomic<bool>& start, std::atomic<bool>& end) -> Task<void> {
      co_await offload(on, [&start, &end] {
        start = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        end = true;
      });
    }(loop, begun, finished));
    while (!begun) blockOn(loop, pause(loop, 1ms));
  }
  CHECK(finished);
}

TEST_CASE("uv loop: a coroutine that always yields does not starve timers") {
  UvLoop loop;
  Scope scope(loop);
  scope.spawn([](Loop& on) -> Task<void> {
    for (;;) co_await yield(on);
  }(loop));
  const Timer timer = loop.startTimer(10ms, [&] { loop.stop(); });
  loop.run();
  CHECK(scope.count() == 1);
}

TEST_CASE("poll watcher: tells readiness, may be destroyed in its own call") {
  UvLoop loop;
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::unique_ptr<PollWatcher> watcher;
  int calls = 0;
  watcher = std::make_unique<PollWatcher>(loop, fd, PollEvents{.readable = true}, [&](PollEvents events) {
    ++calls;
    CHECK(events.readable);
    watcher.reset();
    loop.stop();
  });
  const Timer timer = loop.startTimer(1ms, [&] { eventfd_write(fd, 1); });
  loop.run();
  CHECK(calls == 1);
  CHECK(blockOn(loop, withTimeout(loop, 60s, readable(loop, fd))).has_value());
  eventfd_t value = 0;
  eventfd_read(fd, &value);
  CHECK_FALSE(blockOn(loop, withTimeout(loop, 10ms, readable(loop, fd))).has_value());
  close(fd);
}

TEST_CASE("signal watcher: each watcher hears the signal") {
  UvLoop loop;
  int heard = 0;
  const auto hear = [&](int part) {
    heard += part;
    if (heard >= 11) loop.stop();
  };
  SignalWatcher a(loop, SIGUSR1, [&] { hear(1); });
  SignalWatcher b(loop, SIGUSR1, [&] { hear(10); });
  raise(SIGUSR1);
  const Timer bound = loop.startTimer(60s, [&] { loop.stop(); });
  loop.run();
  CHECK(heard == 11);
}
