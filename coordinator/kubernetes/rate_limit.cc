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

// Gives tokens to those who wait, urgent ones first, and comes back when there is one for the next.
void RateLimit::pump() {
  refill();
  while (!urgent_.empty() || !normal_.empty()) {
    Queue& queue = urgent_.empty() ? normal_ : urgent_;
    const double needed = urgent_.empty() ? 1 + options_.reserve : 1;
    if (tokens_ < needed) {
      const auto wait = std::chrono::duration<double>((needed - tokens_) / options_.per_second);
      timer_ = loop_.startTimer(std::chrono::ceil<std::chrono::microseconds>(wait), [this] { pump(); });
      return;
    }
    tokens_ -= 1;
    queue.front()->granted.set();
    queue.pop_front();
  }
}

loop::Task<void> RateLimit::take(cluster::Urgency urgency) {
  if (options_.per_second <= 0) co_return;
  Queue& queue = urgency == cluster::Urgency::kUrgent ? urgent_ : normal_;
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
