#include "loop/timer.h"

#include <utility>

namespace towpath::loop {

Timer::Timer(Timer&&) noexcept = default;

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    cancel();
    entry_ = std::move(other.entry_);
  }
  return *this;
}

Timer::~Timer() { cancel(); }

void Timer::cancel() {
  if (pending()) entry_->queue->remove(*entry_);
  entry_.reset();
}

// Timers that outlive the loop are a bug of their owner; they are let go so that it does not become a use after free.
TimerQueue::~TimerQueue() {
  for (Entry* entry : heap_) entry->queue = nullptr;
}

Timer TimerQueue::add(MonoTime at, std::move_only_function<void()> call) {
  auto entry = std::make_unique<Entry>();
  entry->at = at;
  entry->sequence = next_sequence_++;
  entry->queue = this;
  entry->call = std::move(call);
  heap_.push_back(entry.get());
  entry->index = heap_.size() - 1;
  siftUp(entry->index);
  return Timer(std::move(entry));
}

std::optional<MonoTime> TimerQueue::earliest() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front()->at;
}

bool TimerQueue::fireNext(MonoTime now) {
  if (heap_.empty() || heap_.front()->at > now) return false;
  Entry& entry = *heap_.front();
  remove(entry);
  // Out of the entry first: the call may destroy its Timer.
  std::move_only_function<void()> call = std::move(entry.call);
  call();
  return true;
}

void TimerQueue::remove(Entry& entry) {
  const std::size_t index = entry.index;
  Entry* last = heap_.back();
  heap_.pop_back();
  entry.queue = nullptr;
  if (last == &entry) return;
  place(index, last);
  siftUp(index);
  siftDown(last->index);
}

namespace {
bool before(MonoTime a, std::uint64_t a_sequence, MonoTime b, std::uint64_t b_sequence) {
  return a != b ? a < b : a_sequence < b_sequence;
}
}  // namespace

void TimerQueue::place(std::size_t index, Entry* entry) {
  heap_[index] = entry;
  entry->index = index;
}

void TimerQueue::siftUp(std::size_t index) {
  Entry* entry = heap_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (!before(entry->at, entry->sequence, heap_[parent]->at, heap_[parent]->sequence)) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, entry);
}

void TimerQueue::siftDown(std::size_t index) {
  Entry* entry = heap_[index];
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() &&
        before(heap_[child + 1]->at, heap_[child + 1]->sequence, heap_[child]->at, heap_[child]->sequence)) {
      ++child;
    }
    if (!before(heap_[child]->at, heap_[child]->sequence, entry->at, entry->sequence)) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, entry);
}

}  // namespace towpath::loop
