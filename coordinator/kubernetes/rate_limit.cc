#include "kubernetes/rate_limit.h"

#include <algorithm>

namespace towpath::kubernetes {

RateLimit::RateLimit(loop::Loop& loop, RateLimitOptions options)
    : loop_(loop), options_(options), tokens_(options.burst), filled_(loop.now()) {}

void RateLimit::refill() {
  const MonoTime now = loop_.now();
  const double seconds = std::chrono::duration<double>(now - filled_).count();
  tokens_ = std::min(options_.burst, tokens_ + seconds * options_.per_second);
  filled_ = now;
}

RateLimit::Queue& RateLimit::queueOf(cluster::Urgency urgency) {
  switch (urgency) {
    case cluster::Urgency::kUrgent:
      return urgent_;
    case cluster::Urgency::kNormal:
      return normal_;
    case cluster::Urgency::kIdle:
      return idle_;
  }
  return normal_;
}

// The queue whose first is the next; nullptr: nobody waits.
RateLimit::Queue* RateLimit::next() {
  if (!urgent_.empty()) return &urgent_;
  const bool idles_turn = normal_.empty() || passed_idle_ >= kIdleEvery - 1;
  if (!idle_.empty() && idles_turn) return &idle_;
  return normal_.empty() ? nullptr : &normal_;
}

// Gives tokens to those who wait, and comes back when there is one for the next.
void RateLimit::pump() {
  refill();
  while (Queue* const first = next()) {
    Queue& queue = *first;
    const double needed = first == &urgent_ ? 1 : 1 + options_.reserve;
    if (tokens_ < needed) {
      const auto wait = std::chrono::duration<double>((needed - tokens_) / options_.per_second);
      timer_ = loop_.startTimer(std::chrono::ceil<std::chrono::microseconds>(wait), [this] { pump(); });
      return;
    }
    tokens_ -= 1;
    if (first == &idle_) passed_idle_ = 0;
    if (first == &normal_ && !idle_.empty()) ++passed_idle_;
    queue.front()->granted.set();
    queue.pop_front();
  }
}

loop::Task<void> RateLimit::take(cluster::Urgency urgency) {
  if (options_.per_second <= 0) co_return;
  Queue& queue = queueOf(urgency);
  Ticket ticket(loop_);
  queue.push_back(&ticket);
  // Whoever is cancelled while it waits leaves the queue.
  struct Leave {
    Queue& queue;
    Ticket* ticket;
    ~Leave() { queue.remove(ticket); }
  } leave{queue, &ticket};
  pump();
  co_await ticket.granted.wait();
}

}  // namespace towpath::kubernetes
