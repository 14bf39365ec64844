#pragma once
// Time is an argument: code takes `now` as a value and says when to look again. Only loop/ reads a clock.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace towpath {

using Duration = std::chrono::nanoseconds;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

// Boot-time clock (CLOCK_BOOTTIME): never jumps, counts suspend. For leases, timeouts and timers.
struct BootClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock, Duration>;
  static constexpr bool is_steady = true;
};
using MonoTime = BootClock::time_point;

// Wall clock, UTC; for what people and other programs read.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

// "2026-11-23T13:04:05Z": whole seconds, as metav1.Time writes them.
std::string formatRfc3339(WallTime time);
// With microseconds ("…05.000123Z"), as metav1.MicroTime (Lease, Event.eventTime).
std::string formatRfc3339Micro(WallTime time);
// RFC 3339 with optional fraction and any offset; nullopt if malformed.
std::optional<WallTime> parseRfc3339(std::string_view text);

// A Go duration as manifests use it: "30s", "1h30m", "1.5m", "-2s", "0". No bare numbers but 0, no unit "d".
Result<Duration> parseGoDuration(std::string_view text);
// "1h30m0s", "1.5s", "200ms": as Go's Duration.String prints it.
std::string formatGoDuration(Duration duration);
// What kubectl shows as an age: "45s", "3m12s", "2h5m", "4d3h", "380d".
std::string formatAge(Duration duration);

}  // namespace towpath
