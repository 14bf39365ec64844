#include "engine/calendar/instant.h"

#include <cctz/civil_time.h>

#include <limits>

namespace towpath::calendar {
namespace {

constexpr std::int64_t kNanos = 1'000'000'000;
constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kYear1 = -62'135'596'800;  // 0001-01-01, since 1970
constexpr std::int64_t kFarYear = 1'000'000;
constexpr std::int64_t kFarthest = kFarYear * 366 * kDay;

std::unexpected<Error> tooFar() {
  return fail(ErrorKind::kInvalid, fmt::format("the time is out of range: it is over {} years away", kFarYear));
}

std::int64_t floorDiv(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

cctz::civil_second civil(const Instant& instant) {
  return cctz::civil_second() + (instant.seconds + instant.zone.at(instant.seconds).east);
}

// Nanoseconds since year 1 need more than 64 bits.
__int128 sinceYear1(const Instant& instant) {
  return static_cast<__int128>(instant.seconds - kYear1) * kNanos + instant.nanos;
}

std::int64_t remainder(const Instant& instant, Duration unit) {
  const __int128 rest = sinceYear1(instant) % unit.count();
  return static_cast<std::int64_t>(rest < 0 ? rest + unit.count() : rest);
}

Instant moved(const Instant& instant, std::int64_t nanos) {
  const std::int64_t sum = instant.nanos + nanos % kNanos;
  Instant out = instant;
  out.seconds += nanos / kNanos + floorDiv(sum, kNanos);
  out.nanos = sum - floorDiv(sum, kNanos) * kNanos;
  return out;
}

}  // namespace

Instant fromWallTime(WallTime time) {
  const std::int64_t count = time.time_since_epoch().count();
  const std::int64_t seconds = floorDiv(count, kNanos);
  return {seconds, count - seconds * kNanos, {}};
}

Result<WallTime> toWallTime(const Instant& instant) {
  const Reading reading = readingOf({instant.seconds, 0, {}});
  if (reading.year < 1678 || reading.year > 2261) {
    return fail(ErrorKind::kInvalid, fmt::format("the time is out of range: its year is {}", reading.year));
  }
  return WallTime(Duration(instant.seconds * kNanos + instant.nanos));
}

Reading readingOf(const Instant& instant) {
  const cctz::civil_second shown = civil(instant);
  return {shown.year(), shown.month(), shown.day(), shown.hour(), shown.minute(), shown.second()};
}

Instant instantAt(const Reading& reading, std::int64_t nanos, const Zone& zone) {
  const cctz::civil_second shown(reading.year, reading.month, reading.day, reading.hour, reading.minute,
                                 reading.second);
  return {zone.toUtc(shown - cctz::civil_second()), nanos, zone};
}

std::chrono::weekday weekdayOf(const Instant& instant) {
  // cctz counts from Monday.
  const auto day = static_cast<unsigned>(cctz::get_weekday(cctz::civil_day(civil(instant))));
  return std::chrono::weekday((day + 1) % 7);
}

int dayOfYear(const Instant& instant) { return cctz::get_yearday(cctz::civil_day(civil(instant))); }

// A week belongs to the year that has its Thursday.
std::int64_t weekYear(const Instant& instant) {
  const cctz::civil_day day(civil(instant));
  return (day + (3 - static_cast<int>(cctz::get_weekday(day)))).year();
}

int daysIn(std::int64_t year, int month) {
  const cctz::civil_month first(year, month);
  return static_cast<int>(cctz::civil_day(first + 1) - cctz::civil_day(first));
}

Result<Instant> add(const Instant& instant, Duration by) {
  Instant out = moved(instant, by.count());
  if (out.seconds > kFarthest || out.seconds < -kFarthest) return tooFar();
  return out;
}

Result<Instant> addDate(const Instant& instant, std::int64_t years, std::int64_t months, std::int64_t days) {
  for (const auto& [count, most] : {std::pair(years, kFarYear), {months, 12 * kFarYear}, {days, 366 * kFarYear}}) {
    if (count > most || count < -most) return tooFar();
  }
  const cctz::civil_second now = civil(instant);
  const cctz::civil_second then(now.year() + years, now.month() + months, now.day() + days, now.hour(), now.minute(),
                                now.second());
  const Instant out{instant.zone.toUtc(then - cctz::civil_second()), instant.nanos, instant.zone};
  if (out.seconds > kFarthest || out.seconds < -kFarthest) return tooFar();
  return out;
}

Duration difference(const Instant& left, const Instant& right) {
  const __int128 nanos = sinceYear1(left) - sinceYear1(right);
  if (nanos > Duration::max().count()) return Duration::max();
  if (nanos < Duration::min().count()) return Duration::min();
  return Duration(static_cast<std::int64_t>(nanos));
}

Instant truncate(const Instant& instant, Duration unit) {
  return unit <= 0ns ? instant : moved(instant, -remainder(instant, unit));
}

Instant roundTo(const Instant& instant, Duration unit) {
  if (unit <= 0ns) return instant;
  const std::int64_t below = remainder(instant, unit);
  const std::int64_t above = unit.count() - below;
  return moved(instant, below < above ? -below : above);
}

Duration truncate(Duration duration, Duration unit) { return unit <= 0ns ? duration : duration - duration % unit; }

Duration roundTo(Duration duration, Duration unit) {
  if (unit <= 0ns) return duration;
  const Duration rest = duration % unit;
  const bool negative = rest < 0ns;
  const Duration below = negative ? -rest : rest;
  if (below < unit - below) return duration - rest;
  std::int64_t out = 0;
  const std::int64_t step = (unit - below).count();
  const bool overflow = negative ? __builtin_sub_overflow(duration.count(), step, &out)
                                 : __builtin_add_overflow(duration.count(), step, &out);
  if (!overflow) return Duration(out);
  return negative ? Duration::min() : Duration::max();
}

}  // namespace towpath::calendar
