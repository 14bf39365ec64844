#include "loop/steady_clock.h"

#include <algorithm>

namespace towpath::loop {

namespace {

constexpr int kSlew = 100;  // of the time that passed, one part in so many

}  // namespace

void SteadyClock::anchor(MonoTime now, WallTime at) {
  anchor_ = Anchor{now, at.time_since_epoch() - now.time_since_epoch()};
}

WallTime SteadyClock::read(MonoTime now, WallTime wall) {
  if (!anchor_) anchor(now, wall);
  const Duration most = (now - anchor_->last) / kSlew;
  const Duration behind = wall.time_since_epoch() - now.time_since_epoch() - anchor_->at_start;
  anchor_->at_start += std::clamp(behind, -most, most);
  anchor_->last = now;
  return WallTime(now.time_since_epoch() + anchor_->at_start);
}

}  // namespace towpath::loop
