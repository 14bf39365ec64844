#pragma once
// VirtualLoop: a loop whose time moves only when it is told to, for tests and the simulator. Same seed and same calls
// give the same run. Nothing ever blocks: when nothing is ready, time jumps to the next timer.

#include <cstdint>
#include <random>
#include <vector>

#include "loop/loop.h"

namespace towpath::loop {

class VirtualLoop final : public Loop {
 public:
  // Time starts at one hour after boot and at 2026-01-01T00:00:00Z on the wall.
  explicit VirtualLoop(std::uint64_t seed = 1);
  ~VirtualLoop() override;

  MonoTime now() const override { return now_; }
  WallTime wallNow() const override { return now_.time_since_epoch() + wall_offset_; }
  std::uint64_t random() override { return random_(); }
  // No other thread exists here: the same as post().
  void postFromThread(Callback call) override { post(std::move(call)); }
  // The work runs later on this thread, when nothing else is ready; of several, in an order that the seed chooses.
  void offload(Callback work, Callback done) override;

  // Runs to the end: until no call is ready, no work pending and no timer left, or stop(). Time moves as needed.
  void run() override;
  void stop() override { stopped_ = true; }

  // Runs all that is ready now, without moving time.
  void runUntilIdle();
  // Moves time forward, firing timers in order at their times, and runs all that gets ready.
  void advance(Duration by);
  void advanceTo(MonoTime at);
  // When the next timer is due; MonoTime::max() if there is none.
  MonoTime nextTimer() const;

  // The wall clock jumps; timers and now() do not notice.
  void setWall(WallTime wall) { wall_offset_ = wall - WallTime(now_.time_since_epoch()) + WallTime(); }

 protected:
  void wakeForReady() override {}
  void wakeForTimer(MonoTime) override {}

 private:
  struct Offloaded {
    Callback work;
    Callback done;
  };
  void runOneOffloaded();

  MonoTime now_{Duration(1h)};
  WallTime wall_offset_;
  std::mt19937_64 random_;
  std::vector<Offloaded> offloaded_;
  bool stopped_ = false;
};

}  // namespace towpath::loop
