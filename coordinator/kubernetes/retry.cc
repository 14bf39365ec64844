#include "kubernetes/retry.h"

#include <algorithm>
#include <charconv>

namespace towpath::kubernetes {
namespace {

bool maySendAgain(const Outcome& outcome) {
  if (outcome.status == 429) return outcome.effect != Effect::kAsks;
  if (outcome.status == 503 && outcome.retry_after) return true;
  if (outcome.effect != Effect::kReads) return false;
  if (outcome.status == 0) return outcome.error == ErrorKind::kUnavailable || outcome.error == ErrorKind::kTimeout;
  return outcome.status == 500 || outcome.status == 502 || outcome.status == 503 || outcome.status == 504;
}

}  // namespace

std::optional<Duration> retryDelay(const Outcome& outcome, std::uint64_t chance) {
  if (outcome.tries >= kMostTries || !maySendAgain(outcome)) return std::nullopt;
  Duration delay = kFirstRetry;
  for (int i = 1; i < outcome.tries && delay < kMostRetry; ++i) delay *= 2;
  delay = std::min(delay, kMostRetry);
  const auto half = static_cast<std::uint64_t>(delay.count() / 2);
  delay = Duration(static_cast<Duration::rep>(half + chance % (half + 1)));
  if (!outcome.retry_after) return delay;
  if (*outcome.retry_after > kMostRetryAfter) return std::nullopt;
  return *outcome.retry_after + delay;
}

std::optional<Duration> retryAfterOf(const http::Headers& headers) {
  const std::string_view text = headers.get("Retry-After");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min<std::int64_t>(seconds, 86400));
}

}  // namespace towpath::kubernetes
