#include "kubernetes/rate_limit.h"

#include <doctest/doctest.h>

#include "loop/scope.h"
#include "loop/virtual_loop.h"

using namespace towpath;
using namespace towpath::kubernetes;
using cluster::Urgency;

namespace {

struct Bench {
  explicit Bench(RateLimitOptions options) : limit(loop, options), scope(loop, "requests") {}
  void ask(Urgency urgency, int count) {
    for (int i = 0; i < count; ++i) {
      scope.spawn([](Bench& bench, Urgency as) -> loop::Task<void> {
        co_await bench.limit.take(as);
        ++(as == Urgency::kUrgent ? bench.urgent : as == Urgency::kIdle ? bench.idle : bench.normal);
      }(*this, urgency));
    }
    loop.runUntilIdle();
  }
  loop::VirtualLoop loop;
  RateLimit limit;
  int normal = 0, urgent = 0, idle = 0;
  loop::Scope scope;
};

}  // namespace

TEST_CASE("rate limit: a burst, then so many a second") {
  Bench bench({.per_second = 10, .burst = 20, .reserve = 5});
  bench.ask(Urgency::kNormal, 100);
  CHECK(bench.normal == 15);
  bench.loop.advance(1s);
  CHECK(bench.normal == 25);
  bench.loop.advance(7500ms);
  CHECK(bench.normal == 100);
  // Nobody asks for a long time: the burst is back, and not more.
  bench.loop.advance(1h);
  bench.ask(Urgency::kNormal, 50);
  CHECK(bench.normal == 115);
}

TEST_CASE("rate limit: an abort passes everything that waits, and finds a part of the burst left for it") {
  Bench bench({.per_second = 1, .burst = 20, .reserve = 5});
  bench.ask(Urgency::kNormal, 1000);
  CHECK(bench.normal == 15);
  bench.ask(Urgency::kUrgent, 5);
  CHECK(bench.urgent == 5);
  bench.ask(Urgency::kUrgent, 3);
  bench.loop.advance(3s);
  CHECK(bench.urgent == 8);
  CHECK(bench.normal == 15);
}

TEST_CASE("rate limit: events wait for the work, and as every tenth they go all the same") {
  Bench bench({.per_second = 10, .burst = 1, .reserve = 0});
  bench.ask(Urgency::kNormal, 200);
  bench.ask(Urgency::kIdle, 100);
  bench.loop.advance(10s);
  CHECK(bench.normal + bench.idle == 101);
  CHECK(bench.idle == 10);
  bench.loop.advance(20s);
  CHECK(bench.normal == 200);
  CHECK(bench.idle == 100);  // nothing else waits
}

TEST_CASE("rate limit: who is cancelled while it waits takes nothing") {
  Bench bench({.per_second = 1, .burst = 1, .reserve = 0});
  bench.ask(Urgency::kNormal, 1);
  {
    loop::Scope cancelled(bench.loop, "cancelled");
    for (int i = 0; i < 10; ++i) cancelled.spawn(bench.limit.take(Urgency::kNormal));
    bench.loop.runUntilIdle();
    CHECK(bench.limit.waiting() == 10);
  }
  CHECK(bench.limit.waiting() == 0);
  bench.ask(Urgency::kNormal, 1);
  bench.loop.advance(1s);
  CHECK(bench.normal == 2);
}

TEST_CASE("rate limit: none") {
  Bench bench({.per_second = 0});
  bench.ask(Urgency::kNormal, 1000);
  CHECK(bench.normal == 1000);
}
