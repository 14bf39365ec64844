#pragma once
// Agenda: what a player does later, on the world's clock. What is left goes with it.

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "loop/loop.h"
#include "loop/timer.h"

namespace towpath::simulate {

class Agenda {
 public:
  explicit Agenda(loop::Loop& loop) : loop_(loop) {}

  void after(Duration delay, std::function<void()> call) {
    const std::uint64_t id = next_++;
    timers_.emplace(id, loop_.startTimer(delay, [this, id, call = std::move(call)] {
      const std::function<void()> due = call;  // the timer, and `call` with it, goes first
      timers_.erase(id);
      due();
    }));
  }

 private:
  loop::Loop& loop_;
  std::map<std::uint64_t, loop::Timer> timers_;
  std::uint64_t next_ = 0;
};

}  // namespace towpath::simulate
