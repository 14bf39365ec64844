#include "loop/steady_clock.h"

#include <doctest/doctest.h>

#include "loop/virtual_loop.h"

namespace towpath::loop {
namespace {

TEST_CASE("steady clock: without jumps it is the wall clock") {
  VirtualLoop loop;
  CHECK(loop.steadyNow() == loop.wallNow());
  loop.advance(72h);
  CHECK(loop.steadyNow() == loop.wallNow());
}

TEST_CASE("steady clock: a jump moves it by no more than a hundredth of the time that passes") {
  for (Duration by : {Duration(24h), Duration(-24h)}) {
    VirtualLoop loop;
    const WallTime before = loop.steadyNow();
    loop.setWall(loop.wallNow() + by);
    CHECK(loop.steadyNow() == before);
    loop.advance(100s);
    CHECK(loop.steadyNow() == before + 100s + (by > Duration::zero() ? 1s : -1s));
  }
}

TEST_CASE("steady clock: it never runs backwards, and in the end it is the wall clock's again") {
  VirtualLoop loop;
  WallTime last = loop.steadyNow();
  loop.setWall(loop.wallNow() - 1h);
  for (int i = 0; i < 1000; ++i) {
    loop.advance(10min);
    CHECK(loop.steadyNow() > last);
    last = loop.steadyNow();
  }
  CHECK(loop.steadyNow() == loop.wallNow());
}

TEST_CASE("steady clock: it goes on from where it is told to") {
  VirtualLoop loop;
  const WallTime at = loop.wallNow() + 2h;
  loop.anchorSteady(at);
  CHECK(loop.steadyNow() == at);
}

}  // namespace
}  // namespace towpath::loop
