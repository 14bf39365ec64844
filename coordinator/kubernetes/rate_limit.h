#pragma once
// RateLimit: how many requests a second we send at most (a token bucket). Urgent ones (an abort, a weight on its way to
// zero) pass all that wait, and a part of the burst is kept for them. Idle ones (Events) go when no other waits, and as
// every tenth, so that they do not starve.

#include <list>

#include "base/time.h"
#include "cluster/object_api.h"
#include "loop/event.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "loop/timer.h"

namespace towpath::kubernetes {

struct RateLimitOptions {
  double per_second = 50;  // 0: no limit
  double burst = 100;
  double reserve = 20;  // of the burst, for urgent requests alone
};

class RateLimit {
 public:
  RateLimit(loop::Loop& loop, RateLimitOptions options);
  RateLimit(const RateLimit&) = delete;
  RateLimit& operator=(const RateLimit&) = delete;

  // Finishes when the request may go.
  loop::Task<void> take(cluster::Urgency urgency);
  std::size_t waiting() const { return urgent_.size() + normal_.size() + idle_.size(); }

 private:
  struct Ticket {
    explicit Ticket(loop::Loop& loop) : granted(loop) {}
    loop::Event granted;
  };
  using Queue = std::list<Ticket*>;
  static constexpr int kIdleEvery = 10;
  Queue& queueOf(cluster::Urgency urgency);
  Queue* next();
  void refill();
  void pump();

  loop::Loop& loop_;
  RateLimitOptions options_;
  double tokens_;
  MonoTime filled_;
  Queue urgent_, normal_, idle_;  // in order of arrival
  int passed_idle_ = 0;           // normal ones that went while an idle one waited
  loop::Timer timer_;
};

}  // namespace towpath::kubernetes
