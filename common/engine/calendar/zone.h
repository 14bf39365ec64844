#pragma once
// Time zones: those of the IANA database that the machine has (package tzdata), UTC, and fixed offsets. They behave as
// a Location of Go's package time (pkg.go.dev/time), as users of the condition language know them.

#include <cctz/time_zone.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace towpath::calendar {

class Zone {
 public:
  Zone() = default;  // UTC
  // "Europe/Berlin"; "" and "UTC" are UTC, and so is "Local": nothing of ours runs on local time. kInvalid: "unknown
  // time zone X".
  static Result<Zone> load(std::string_view name);
  // Seconds east of UTC; the name is also what its times are said to be in, and may be empty.
  static Zone fixed(std::int64_t east, std::string name);

  // What applies there at that time, in seconds since 1970.
  struct Rule {
    std::int64_t east = 0;  // seconds
    bool summer = false;
    std::string name;  // "CET", "UTC", "+03"; empty for a fixed offset without a name
  };
  Rule at(std::int64_t seconds) const;
  // When clocks there show what UTC's show at that time. Where they skip or repeat an hour it is one of the two, Go's.
  std::int64_t toUtc(std::int64_t seconds) const;
  // The seconds east of UTC that go by that name ("CET") there, at that time if it can be.
  std::optional<std::int64_t> eastOf(std::string_view rule, std::int64_t seconds) const;

  const std::string& name() const { return name_; }
  bool operator==(const Zone& other) const = default;

 private:
  std::string name_ = "UTC";
  std::int64_t east_ = 0;                  // of a fixed one
  std::optional<cctz::time_zone> region_;  // else
};

}  // namespace towpath::calendar
