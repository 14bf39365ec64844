#pragma once
// The elements of a layout, found one by one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace towpath::calendar {

enum class Element : std::uint8_t {
  kLongYear,       // 2006
  kYear,           // 06
  kLongMonth,      // January
  kMonth,          // Jan
  kNumMonth,       // 1
  kZeroMonth,      // 01
  kLongWeekday,    // Monday
  kWeekday,        // Mon
  kDay,            // 2
  kSpaceDay,       // _2
  kZeroDay,        // 02
  kSpaceYearDay,   // __2
  kZeroYearDay,    // 002
  kHour,           // 15
  kHour12,         // 3
  kZeroHour12,     // 03
  kMinute,         // 4
  kZeroMinute,     // 04
  kSecond,         // 5
  kZeroSecond,     // 05
  kUpperHalf,      // PM
  kLowerHalf,      // pm
  kZoneName,       // MST
  kOffset,         // -0700 and its like: see `offset`
  kFraction,       // .000
  kShortFraction,  // .999: without zeros at its end
};

// How an offset from UTC is written.
struct OffsetForm {
  bool z = false;       // "Z" for none
  bool colons = false;  // -07:00
  bool minutes = true;
  bool seconds = false;
};

struct Found {
  std::string_view before;  // text as it stands
  Element element = Element::kLongYear;
  std::string_view text;  // of the element
  std::string_view after;
  OffsetForm offset;
};

// The first element of the layout; nothing if the rest is text.
std::optional<Found> nextElement(std::string_view layout);

}  // namespace towpath::calendar
