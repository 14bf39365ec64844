#pragma once
// maxSurge, maxUnavailable and their like: an integer or "25%". The peer's default "25" (a string without the sign)
// means 25 % as well (core-semantics 4.1).

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace towpath {

struct IntOrPercent {
  bool is_percent = false;
  std::int32_t number = 0;  // pods, or percent

  static IntOrPercent pods(std::int32_t count) { return {false, count}; }
  static IntOrPercent percent(std::int32_t percent) { return {true, percent}; }

  // Of `total`, rounded up or down as the field asks.
  std::int32_t resolveUp(std::int32_t total) const;
  std::int32_t resolveDown(std::int32_t total) const;

  bool operator==(const IntOrPercent&) const = default;
};

// "25%", "25" (which is 25 % too); an error for anything else.
Result<IntOrPercent> parsePercent(std::string_view text);
std::string toString(const IntOrPercent& value);

}  // namespace towpath
