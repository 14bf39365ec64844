#include "loop/virtual_loop.h"

#include <algorithm>
#include <utility>

namespace towpath::loop {

namespace {
// 2026-01-01T00:00:00Z
constexpr WallTime kStartOfWall{std::chrono::seconds(1767225600)};
}  // namespace

VirtualLoop::VirtualLoop(std::uint64_t seed) : random_(seed) { setWall(kStartOfWall); }

VirtualLoop::~VirtualLoop() { dropReady(); }

void VirtualLoop::offload(Callback work, Callback done) { offloaded_.push_back({std::move(work), std::move(done)}); }

void VirtualLoop::runOneOffloaded() {
  const std::size_t index = offloaded_.size() == 1 ? 0 : random_() % offloaded_.size();
  Offloaded chosen = std::move(offloaded_[index]);
  offloaded_.erase(offloaded_.begin() + static_cast<std::ptrdiff_t>(index));
  chosen.work();
  chosen.done();
}

void VirtualLoop::runUntilIdle() {
  for (;;) {
    fireTimers();
    if (hasReady()) {
      runReady();
    } else if (!offloaded_.empty()) {
      runOneOffloaded();
    } else {
      return;
    }
    if (stopped_) return;
  }
}

MonoTime VirtualLoop::nextTimer() const { return timers().earliest().value_or(MonoTime::max()); }

void VirtualLoop::advance(Duration by) { advanceTo(now_ + by); }

void VirtualLoop::advanceTo(MonoTime at) {
  stopped_ = false;
  runUntilIdle();
  while (!stopped_ && nextTimer() <= at) {
    now_ = std::max(now_, nextTimer());
    runUntilIdle();
  }
  if (!stopped_) now_ = std::max(now_, at);
}

void VirtualLoop::run() {
  stopped_ = false;
  runUntilIdle();
  while (!stopped_ && nextTimer() != MonoTime::max()) {
    now_ = std::max(now_, nextTimer());
    runUntilIdle();
  }
}

}  // namespace towpath::loop
