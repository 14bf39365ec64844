#pragma once
// Points in time with the zone in which they are shown, any year, to the nanosecond: a Time of Go's package time
// (pkg.go.dev/time), whose rules for rounding, carrying over and saturating hold here as well.

#include <chrono>
#include <compare>
#include <cstdint>

#include "base/error.h"
#include "base/time.h"
#include "engine/calendar/zone.h"

namespace towpath::calendar {

struct Instant {
  std::int64_t seconds = 0;  // since 1970, UTC
  std::int64_t nanos = 0;    // from there, 0 to 999,999,999
  Zone zone;

  // The same time is equal in all zones.
  bool operator==(const Instant& other) const { return seconds == other.seconds && nanos == other.nanos; }
  std::strong_ordering operator<=>(const Instant& other) const {
    const std::strong_ordering order = seconds <=> other.seconds;
    return order != 0 ? order : nanos <=> other.nanos;
  }
};

// What a calendar and a clock there show.
struct Reading {
  std::int64_t year = 1;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

Instant fromWallTime(WallTime time);
// kInvalid if it is before 1678 or after 2261, where nanoseconds end.
Result<WallTime> toWallTime(const Instant& instant);

Reading readingOf(const Instant& instant);
// Members beyond their range carry over: day 32 of January is 1 February.
Instant instantAt(const Reading& reading, std::int64_t nanos, const Zone& zone);

std::chrono::weekday weekdayOf(const Instant& instant);
int dayOfYear(const Instant& instant);
// The year to which its week belongs, by ISO 8601.
std::int64_t weekYear(const Instant& instant);
int daysIn(std::int64_t year, int month);

// kInvalid for what would lie a million years away.
Result<Instant> add(const Instant& instant, Duration by);
Result<Instant> addDate(const Instant& instant, std::int64_t years, std::int64_t months, std::int64_t days);
// The largest or smallest duration where it would not fit.
Duration difference(const Instant& left, const Instant& right);
// Down to, or to the nearest, multiple of `unit` since year 1; unchanged if the unit is not positive.
Instant truncate(const Instant& instant, Duration unit);
Instant roundTo(const Instant& instant, Duration unit);

// The same of durations: towards zero, halves away from it.
Duration truncate(Duration duration, Duration unit);
Duration roundTo(Duration duration, Duration unit);

}  // namespace towpath::calendar
