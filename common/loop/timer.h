#pragma once
// Timer: runs a function once at a later time unless it is destroyed before. TimerQueue: the timers of one loop, in
// order.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"

namespace towpath::loop {

class TimerQueue;

// Move-only owner of one pending call; a default-made one is idle. Destroying or reassigning it cancels the call; it
// may be destroyed within its own call. It must not outlive the loop.
class Timer {
 public:
  Timer() = default;
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  ~Timer();

  void cancel();
  // Not fired and not cancelled.
  bool pending() const { return entry_ != nullptr && entry_->queue != nullptr; }

 private:
  friend class TimerQueue;
  struct Entry {
    MonoTime at;
    std::uint64_t sequence = 0;
    std::size_t index = 0;        // in the heap
    TimerQueue* queue = nullptr;  // null once fired
    std::move_only_function<void()> call;
  };
  explicit Timer(std::unique_ptr<Entry> entry) : entry_(std::move(entry)) {}
  std::unique_ptr<Entry> entry_;
};

// Binary heap by (time, order of starting): equal times fire in the order in which they were started.
class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue();

  Timer add(MonoTime at, std::move_only_function<void()> call);
  std::optional<MonoTime> earliest() const;
  // Runs the first timer that is due at `now`; false if none is. Timers started meanwhile take part.
  bool fireNext(MonoTime now);
  std::size_t size() const { return heap_.size(); }

 private:
  friend class Timer;
  using Entry = Timer::Entry;
  void remove(Entry& entry);
  void siftUp(std::size_t index);
  void siftDown(std::size_t index);
  void place(std::size_t index, Entry* entry);

  std::vector<Entry*> heap_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace towpath::loop
