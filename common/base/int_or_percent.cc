#include "base/int_or_percent.h"

#include <charconv>

namespace towpath {

std::int32_t IntOrPercent::resolveUp(std::int32_t total) const {
  if (!is_percent) return number;
  return static_cast<std::int32_t>((static_cast<std::int64_t>(total) * number + 99) / 100);
}

std::int32_t IntOrPercent::resolveDown(std::int32_t total) const {
  if (!is_percent) return number;
  return static_cast<std::int32_t>(static_cast<std::int64_t>(total) * number / 100);
}

Result<IntOrPercent> parsePercent(std::string_view text) {
  std::string_view digits = text;
  if (digits.ends_with('%')) digits.remove_suffix(1);
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || number < 0) {
    return fail(ErrorKind::kInvalid,
                fmt::format("\"{}\" is neither a whole number nor a percentage such as \"25%\"", text));
  }
  return IntOrPercent::percent(number);
}

std::string toString(const IntOrPercent& value) {
  return value.is_percent ? fmt::format("{}%", value.number) : std::to_string(value.number);
}

}  // namespace towpath
