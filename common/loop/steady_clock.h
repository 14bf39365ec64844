#pragma once
// SteadyClock: the wall clock without its jumps, for status times, deadlines and every decision about time that has
// passed. It runs with the boot-time clock, so that a step of the wall clock (NTP on a machine without a battery clock,
// a person's mistake) completes nothing, and follows the wall clock by at most a hundredth of the time that passes: an
// hour's pause ends 36 s early at the very worst, and an hour's difference is gone in four days. It never runs
// backwards.
//
//   wall    ────────┐            ┌── 13:00 …      stepped by an hour
//   steady  ────────┼────────────┼── 12:00:36 …   an hour later
//
// Pure: it is told both clocks. What is compared with times that others make stays with the wall clock: certificates,
// expiry of tokens, times that people name, samples that nodes date.

#include <optional>

#include "base/time.h"

namespace towpath::loop {

class SteadyClock {
 public:
  // From now on it shows `at`. Without it, the first read() takes the wall clock's time.
  void anchor(MonoTime now, WallTime at);
  WallTime read(MonoTime now, WallTime wall);

 private:
  struct Anchor {
    MonoTime last;      // when it was read last
    Duration at_start;  // what it would have shown at boot
  };
  std::optional<Anchor> anchor_;
};

}  // namespace towpath::loop
