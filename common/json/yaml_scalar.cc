#include "json/yaml_scalar.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace towpath::json {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

template <std::size_t N>
bool isOneOf(std::string_view text, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

std::optional<Value> resolveWord(std::string_view text) {
  static constexpr std::string_view kTrue[] = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
  static constexpr std::string_view kFalse[] = {"n",     "N",     "no",  "No",  "NO", "false",
                                                "False", "FALSE", "off", "Off", "OFF"};
  static constexpr std::string_view kNull[] = {"", "~", "null", "Null", "NULL"};
  static constexpr std::string_view kNan[] = {".nan", ".NaN", ".NAN"};
  static constexpr std::string_view kInfinity[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"};
  static constexpr std::string_view kMinusInfinity[] = {"-.inf", "-.Inf", "-.INF"};
  if (text.size() > 5) return std::nullopt;
  if (isOneOf(text, kTrue)) return Value(true);
  if (isOneOf(text, kFalse)) return Value(false);
  if (isOneOf(text, kNull)) return Value();
  if (isOneOf(text, kNan)) return Value(std::nan(""));
  if (isOneOf(text, kInfinity)) return Value(std::numeric_limits<double>::infinity());
  if (isOneOf(text, kMinusInfinity)) return Value(-std::numeric_limits<double>::infinity());
  return std::nullopt;
}

// "0x1F", "0o17", "017", "0b11", "12", each with an optional sign.
std::optional<Value> resolveInteger(std::string_view text) {
  const bool is_negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = text[1] | 0x20;
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (number > kMax + (is_negative ? 1 : 0)) {
    return is_negative ? std::nullopt : std::optional(Value(static_cast<double>(number)));
  }
  return Value(static_cast<long long>(is_negative ? 0 - number : number));
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
std::optional<Value> resolveFloat(std::string_view text) {
  std::size_t at = text[0] == '-' || text[0] == '+' ? 1 : 0;
  const auto skipDigits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && isDigit(text[at])) ++at;
    return at - begin;
  };
  const std::size_t begin = text[0] == '+' ? 1 : 0;
  const std::size_t whole = skipDigits();
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    fraction = skipDigits();
  }
  if (whole + fraction == 0) return std::nullopt;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    if (skipDigits() == 0) return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  double number = 0;
  const auto result = std::from_chars(text.data() + begin, text.data() + text.size(), number);
  if (result.ec != std::errc()) return std::nullopt;  // out of range: stays text, as in Go
  return Value(number);
}

// "12:30", "1:02:03.5": numbers of base 60 to a reader of YAML 1.1.
bool isBase60(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty() || !isDigit(text[0]) || text.find(':') == std::string_view::npos) return false;
  return text.find_first_not_of("0123456789_:.") == std::string_view::npos;
}

// "2026-11-23…": whatever begins as a date is quoted.
bool isDate(std::string_view text) {
  if (text.size() < 8 || text[4] != '-') return false;
  for (std::size_t i = 0; i < 4; ++i) {
    if (!isDigit(text[i])) return false;
  }
  return isDigit(text[5]) && text.find_first_not_of("0123456789-:.TtZz+ ") == std::string_view::npos;
}

}  // namespace

Value resolvePlainScalar(std::string_view text) {
  if (std::optional<Value> word = resolveWord(text)) return std::move(*word);
  const char first = text[0];
  if (!isDigit(first) && first != '-' && first != '+' && first != '.') return Value(text);
  std::string digits(text);
  if (first != '.') std::erase(digits, '_');
  if (digits.size() == 1 && !isDigit(digits[0])) return Value(text);
  if (std::optional<Value> number = resolveInteger(digits)) return std::move(*number);
  if (std::optional<Value> number = resolveFloat(digits)) return std::move(*number);
  return Value(text);
}

bool needsQuotes(std::string_view text) {
  return !resolvePlainScalar(text).isString() || isBase60(text) || isDate(text) || text == "<<" || text == "=";
}

}  // namespace towpath::json
