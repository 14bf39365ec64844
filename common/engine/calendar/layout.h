#pragma once
// Times as text, by layouts of Go's package time: the reference time Mon Jan 2 15:04:05 MST 2006 written as times shall
// be ("2006-01-02", "3:04PM"). pkg.go.dev/time#pkg-constants names the elements.

#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/calendar/instant.h"

namespace towpath::calendar {

std::string format(const Instant& instant, std::string_view layout);

// What the text does not say is 1 January of the year 0, midnight, and `zone`. kInvalid as Go puts it: `parsing time
// "x" as "2006": cannot parse "x" as "2006"`.
Result<Instant> parse(std::string_view layout, std::string_view text, const Zone& zone);

// "2024-01-15 13:14:15.678 +0200 CEST": as Go prints a time.
std::string toString(const Instant& instant);
std::string_view monthName(std::chrono::month month);
std::string_view weekdayName(std::chrono::weekday day);

}  // namespace towpath::calendar
