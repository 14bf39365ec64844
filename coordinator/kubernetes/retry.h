#pragma once
// When a request may be sent again by the client itself, and after how long. What is not safe is left to the
// controllers, whose next pass looks at what became of it. Pure.
//
//   answer                       reading   writing
//   429                          again     again     the server refused it before it did anything (an eviction: no)
//   503 with Retry-After         again     again     the same (APF, shutdown)
//   500, 502, 503, 504           again     no        it may have happened
//   none: connection lost        again     no        it may have happened
//
// Retry-After is honoured where there is one; past kMostRetryAfter the answer is given to the caller, whose own
// back-off is better informed.

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/time.h"
#include "http/transport.h"

namespace towpath::kubernetes {

enum class Effect {
  kReads,
  kWrites,
  kAsks,  // an eviction: 429 is the answer of a disruption budget, for the caller
};

inline constexpr int kMostTries = 5;
inline constexpr Duration kFirstRetry = std::chrono::milliseconds(100);  // doubles; half of it is chance
inline constexpr Duration kMostRetry = std::chrono::seconds(5);
inline constexpr Duration kMostRetryAfter = std::chrono::seconds(30);

struct Outcome {
  Effect effect = Effect::kReads;
  int tries = 1;                              // so far
  int status = 0;                             // 0: no answer
  ErrorKind error = ErrorKind::kUnavailable;  // if there was none
  std::optional<Duration> retry_after;
};

// nullopt: not again. `chance` is uniform.
std::optional<Duration> retryDelay(const Outcome& outcome, std::uint64_t chance);

// The header in seconds; a date is not used by API servers and reads as nullopt.
std::optional<Duration> retryAfterOf(const http::Headers& headers);

}  // namespace towpath::kubernetes
