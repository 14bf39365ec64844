#include "cluster/queue.h"

#include <doctest/doctest.h>

#include <vector>

#include "cluster/controller.h"
#include "loop/virtual_loop.h"

namespace towpath::cluster {
namespace {

struct Bench {
  loop::VirtualLoop loop;
  std::vector<std::string> done;

  // A controller whose passes take a second and end as `end` says.
  std::unique_ptr<Controller> start(int workers, std::function<Result<PassEnd>(const ObjectKey&)> end) {
    auto controller = std::make_unique<Controller>(loop, ControllerOptions{.name = "test", .workers = workers},
                                                   [this, end](ObjectKey key) { return work(std::move(key), end); });
    controller->start();
    return controller;
  }
  loop::Task<Result<PassEnd>> work(ObjectKey key, std::function<Result<PassEnd>(const ObjectKey&)> end) {
    co_await loop::sleep(loop, 1s);
    done.push_back(toString(key));
    co_return end(key);
  }
};

const auto kFine = [](const ObjectKey&) { return Result<PassEnd>(PassEnd{}); };

}  // namespace

TEST_CASE("a key that is added several times is worked on once, and again when it was added meanwhile") {
  Bench bench;
  const auto controller = bench.start(3, kFine);
  controller->queue().add({"a", "x"});
  controller->queue().add({"a", "x"});
  bench.loop.advance(500ms);
  CHECK(controller->queue().working() == 1);
  controller->queue().add({"a", "x"});
  bench.loop.advance(100ms);
  CHECK(controller->queue().working() == 1);
  bench.loop.advance(3s);
  CHECK(bench.done == std::vector<std::string>{"a/x", "a/x"});
}

TEST_CASE("a namespace with many objects does not hold up another") {
  Bench bench;
  const auto controller = bench.start(1, kFine);
  for (int i = 0; i < 5; ++i) controller->queue().add({"crowd", std::to_string(i)});
  controller->queue().add({"quiet", "one"});
  bench.loop.advance(2500ms);
  CHECK(bench.done == std::vector<std::string>{"crowd/0", "quiet/one"});
}

TEST_CASE("failures of one key come ever later, up to ten seconds, and others go on") {
  Bench bench;
  const auto controller = bench.start(2, [](const ObjectKey& key) -> Result<PassEnd> {
    if (key.name == "bad") return fail(ErrorKind::kInternal, "no");
    if (key.name == "thrower") throw std::runtime_error("boom");
    return PassEnd{};
  });
  controller->queue().add({"a", "bad"});
  controller->queue().add({"a", "thrower"});
  bench.loop.advance(10min);
  // 1 ms doubling to 10 s, and a second of work each: some 14 quick ones, then one every 11 s.
  CHECK(bench.done.size() < 150);
  CHECK(bench.done.size() > 100);
  bench.done.clear();
  controller->queue().add({"a", "good"});
  bench.loop.advance(3s);
  CHECK(std::ranges::count(bench.done, "a/good") == 1);
}

TEST_CASE("the earliest of several delays counts") {
  Bench bench;
  const auto controller = bench.start(1, kFine);
  controller->queue().addAfter({"a", "x"}, 10s);
  controller->queue().addAfter({"a", "x"}, 2s);
  controller->queue().addAfter({"a", "x"}, 5s);
  bench.loop.advance(3500ms);
  CHECK(bench.done.size() == 1);
  bench.loop.advance(1min);
  CHECK(bench.done.size() == 1);
}

TEST_CASE("a pass that hangs is cancelled and tried again") {
  loop::VirtualLoop loop;
  int started = 0;
  loop::Event never(loop);
  Controller controller(loop, {.name = "test", .workers = 1, .pass_timeout = 1min}, [&](ObjectKey) {
    return [](int& count, loop::Event& event) -> loop::Task<Result<PassEnd>> {
      if (++count == 1) co_await event.wait();
      co_return PassEnd{};
    }(started, never);
  });
  controller.start();
  controller.queue().add({"a", "x"});
  loop.advance(2min);
  CHECK(started == 2);
  CHECK(controller.idle());
}

}  // namespace towpath::cluster
