#include <algorithm>
#include <array>
#include <cmath>

#include "engine/calendar/element.h"
#include "engine/calendar/layout.h"

namespace towpath::calendar {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};

std::string offsetText(std::int64_t east, OffsetForm form) {
  if (form.z && east == 0) return "Z";
  const std::int64_t size = std::abs(east);
  const char* const colon = form.colons ? ":" : "";
  // Offsets of less than a minute count as none, as in Go.
  std::string out = fmt::format("{}{:02}", east / 60 < 0 ? '-' : '+', size / 3600);
  if (form.minutes) out += fmt::format("{}{:02}", colon, size / 60 % 60);
  if (form.seconds) out += fmt::format("{}{:02}", colon, size % 60);
  return out;
}

std::string zoneText(const Zone::Rule& rule) {
  if (!rule.name.empty()) return rule.name;
  return offsetText(rule.east, {});
}

std::string fractionText(std::int64_t nanos, const Found& found) {
  std::string digits = fmt::format("{:09}", nanos);
  digits.resize(std::min(found.text.size() - 1, digits.size()));
  digits.resize(std::max(digits.size(), found.text.size() - 1), '0');
  if (found.element == Element::kShortFraction) {
    digits.resize(digits.find_last_not_of('0') + 1);
    if (digits.empty()) return "";
  }
  return found.text[0] + digits;
}

// A year below zero has its sign before the zeros.
std::string yearText(std::int64_t year) { return fmt::format("{}{:04}", year < 0 ? "-" : "", std::abs(year)); }

std::string elementText(const Instant& instant, const Reading& shown, const Found& found) {
  const auto month = [&] { return kMonths[static_cast<std::size_t>(shown.month - 1)]; };
  const auto weekday = [&] { return weekdayName(weekdayOf(instant)); };
  const int hour12 = shown.hour % 12 == 0 ? 12 : shown.hour % 12;
  switch (found.element) {
    case Element::kLongYear:
      return yearText(shown.year);
    case Element::kYear:
      return fmt::format("{:02}", std::abs(shown.year) % 100);
    case Element::kLongMonth:
      return std::string(month());
    case Element::kMonth:
      return std::string(month().substr(0, 3));
    case Element::kNumMonth:
      return std::to_string(shown.month);
    case Element::kZeroMonth:
      return fmt::format("{:02}", shown.month);
    case Element::kLongWeekday:
      return std::string(weekday());
    case Element::kWeekday:
      return std::string(weekday().substr(0, 3));
    case Element::kDay:
      return std::to_string(shown.day);
    case Element::kSpaceDay:
      return fmt::format("{:2}", shown.day);
    case Element::kZeroDay:
      return fmt::format("{:02}", shown.day);
    case Element::kSpaceYearDay:
      return fmt::format("{:3}", dayOfYear(instant));
    case Element::kZeroYearDay:
      return fmt::format("{:03}", dayOfYear(instant));
    case Element::kHour:
      return fmt::format("{:02}", shown.hour);
    case Element::kHour12:
      return std::to_string(hour12);
    case Element::kZeroHour12:
      return fmt::format("{:02}", hour12);
    case Element::kMinute:
      return std::to_string(shown.minute);
    case Element::kZeroMinute:
      return fmt::format("{:02}", shown.minute);
    case Element::kSecond:
      return std::to_string(shown.second);
    case Element::kZeroSecond:
      return fmt::format("{:02}", shown.second);
    case Element::kUpperHalf:
      return shown.hour >= 12 ? "PM" : "AM";
    case Element::kLowerHalf:
      return shown.hour >= 12 ? "pm" : "am";
    case Element::kZoneName:
      return zoneText(instant.zone.at(instant.seconds));
    case Element::kOffset:
      return offsetText(instant.zone.at(instant.seconds).east, found.offset);
    case Element::kFraction:
    case Element::kShortFraction:
      return fractionText(instant.nanos, found);
  }
  return "";
}

}  // namespace

std::string format(const Instant& instant, std::string_view layout) {
  const Reading shown = readingOf(instant);
  std::string out;
  while (const std::optional<Found> found = nextElement(layout)) {
    out += found->before;
    out += elementText(instant, shown, *found);
    layout = found->after;
  }
  return out.append(layout);
}

std::string toString(const Instant& instant) { return format(instant, "2006-01-02 15:04:05.999999999 -0700 MST"); }

std::string_view monthName(std::chrono::month month) { return kMonths[static_cast<unsigned>(month) - 1]; }
std::string_view weekdayName(std::chrono::weekday day) { return kWeekdays[day.c_encoding()]; }

}  // namespace towpath::calendar
