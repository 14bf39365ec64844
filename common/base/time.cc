#include "base/time.h"

#include <limits>

namespace towpath {

namespace {

constexpr std::int64_t kMaxNanos = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

struct Civil {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0, micros = 0;
};

Civil toCivil(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto micros = std::chrono::floor<std::chrono::microseconds>(time - day).count();
  const auto seconds = static_cast<unsigned>(micros / 1'000'000);
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          seconds / 3600,
          seconds / 60 % 60,
          seconds % 60,
          static_cast<unsigned>(micros % 1'000'000)};
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

// Reads the fixed shapes of RFC 3339; any mismatch leaves `ok` false.
struct Scanner {
  std::string_view rest;
  bool ok = true;

  unsigned digits(std::size_t count) {
    unsigned number = 0;
    if (rest.size() < count) ok = false;
    for (std::size_t i = 0; ok && i < count; ++i) {
      if (!isDigit(rest[i])) ok = false;
      number = number * 10 + static_cast<unsigned>(rest[i] - '0');
    }
    if (ok) rest.remove_prefix(count);
    return ok ? number : 0;
  }

  bool take(char c) {
    if (rest.empty() || rest[0] != c) return false;
    rest.remove_prefix(1);
    return true;
  }

  void expect(char c) { ok = ok && take(c); }

  // ".123456789": as nanoseconds; what lies beyond nine digits is dropped.
  std::int64_t fraction() {
    std::int64_t nanos = 0;
    std::int64_t unit = kNanosPerSecond / 10;
    if (rest.empty() || !isDigit(rest[0])) ok = false;
    while (!rest.empty() && isDigit(rest[0])) {
      nanos += (rest[0] - '0') * unit;
      unit /= 10;
      rest.remove_prefix(1);
    }
    return nanos;
  }

  // "Z" or "+02:30", as seconds east.
  std::int64_t offset() {
    if (take('Z')) return 0;
    const bool is_west = !rest.empty() && rest[0] == '-';
    if (!is_west && (rest.empty() || rest[0] != '+')) ok = false;
    if (!ok) return 0;
    rest.remove_prefix(1);
    const unsigned hours = digits(2);
    expect(':');
    const unsigned minutes = digits(2);
    if (hours > 24 || minutes > 59) ok = false;
    const std::int64_t seconds = static_cast<std::int64_t>(hours) * 3600 + minutes * 60;
    return is_west ? -seconds : seconds;
  }
};

std::optional<std::int64_t> unitNanos(std::string_view unit) {
  if (unit == "ns") return 1;
  if (unit == "us" || unit == "\u00b5s" || unit == "\u03bcs") return 1'000;
  if (unit == "ms") return 1'000'000;
  if (unit == "s") return kNanosPerSecond;
  if (unit == "m") return 60 * kNanosPerSecond;
  if (unit == "h") return 3600 * kNanosPerSecond;
  return std::nullopt;
}

std::unexpected<Error> badDuration(std::string_view text, std::string_view why) {
  return fail(
      ErrorKind::kInvalid,
      fmt::format("invalid duration \"{}\": {}; write it as 30s, 5m or 1h30m (units: ns, us, ms, s, m, h)", text, why));
}

// One "1.5h" of a duration, cut off the front of `rest`.
Result<std::int64_t> takeTerm(std::string_view& rest, std::string_view text) {
  __int128 whole = 0;
  __int128 fraction = 0;
  __int128 scale = 1;
  std::size_t at = 0;
  std::size_t digits = 0;
  bool past_point = false;
  for (; at < rest.size() && (isDigit(rest[at]) || (rest[at] == '.' && !past_point)); ++at) {
    if (rest[at] == '.') {
      past_point = true;
      continue;
    }
    ++digits;
    if (!past_point) {
      if (whole > kMaxNanos) return badDuration(text, "it is too long");
      whole = whole * 10 + (rest[at] - '0');
    } else if (scale < kMaxNanos / 10) {  // what follows is far below a nanosecond
      fraction = fraction * 10 + (rest[at] - '0');
      scale *= 10;
    }
  }
  if (digits == 0) return badDuration(text, "a number is missing");
  rest.remove_prefix(at);
  const std::size_t unit_size = std::min(rest.find_first_of(".0123456789"), rest.size());
  if (unit_size == 0) return badDuration(text, "a unit is missing");
  const std::optional<std::int64_t> unit = unitNanos(rest.substr(0, unit_size));
  if (!unit) return badDuration(text, fmt::format("unknown unit \"{}\"", rest.substr(0, unit_size)));
  rest.remove_prefix(unit_size);
  // whole is below 10 × 2^63 and the unit below 2^42, so the products fit.
  const __int128 nanos = whole * *unit + fraction * *unit / scale;
  if (nanos > kMaxNanos) return badDuration(text, "it is too long");
  return static_cast<std::int64_t>(nanos);
}

// "1.5" for 1500 of 1000: the fraction without trailing zeros.
std::string decimal(std::uint64_t number, std::uint64_t unit) {
  std::string text = std::to_string(number / unit);
  std::uint64_t fraction = number % unit;
  if (fraction == 0) return text;
  text += '.';
  for (std::uint64_t place = unit / 10; fraction != 0; place /= 10) {
    text += static_cast<char>('0' + fraction / place);
    fraction %= place;
  }
  return text;
}

// "3m12s", or "3m" if the smaller part is zero.
std::string twoParts(std::int64_t big, char big_unit, std::int64_t small, char small_unit) {
  return small == 0 ? fmt::format("{}{}", big, big_unit) : fmt::format("{}{}{}{}", big, big_unit, small, small_unit);
}

}  // namespace

std::string formatRfc3339(WallTime time) {
  const Civil c = toCivil(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::string formatRfc3339Micro(WallTime time) {
  const Civil c = toCivil(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", c.year, c.month, c.day, c.hour, c.minute, c.second,
                     c.micros);
}

std::optional<WallTime> parseRfc3339(std::string_view text) {
  Scanner in{text};
  const unsigned year = in.digits(4);
  in.expect('-');
  const unsigned month = in.digits(2);
  in.expect('-');
  const unsigned day = in.digits(2);
  in.expect('T');
  const unsigned hour = in.digits(2);
  in.expect(':');
  const unsigned minute = in.digits(2);
  in.expect(':');
  const unsigned second = in.digits(2);
  const std::int64_t nanos = in.ok && in.take('.') ? in.fraction() : 0;
  const std::int64_t east = in.ok ? in.offset() : 0;
  if (!in.ok || !in.rest.empty()) return std::nullopt;

  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  // 64 bits of nanoseconds end in 2262 and begin in 1677.
  if (year < 1678 || year > 2261) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - east;
  return WallTime(Duration(seconds * kNanosPerSecond + nanos));
}

Result<Duration> parseGoDuration(std::string_view text) {
  std::string_view rest = text;
  bool is_negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    is_negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return Duration(0);
  if (rest.empty()) return badDuration(text, "a number is missing");
  std::int64_t total = 0;
  while (!rest.empty()) {
    const Result<std::int64_t> term = takeTerm(rest, text);
    if (!term) return std::unexpected(term.error());
    if (__builtin_add_overflow(total, *term, &total)) return badDuration(text, "it is too long");
  }
  return Duration(is_negative ? -total : total);
}

std::string formatGoDuration(Duration duration) {
  const std::int64_t count = duration.count();
  if (count == 0) return "0s";
  // Negated as unsigned, so that the smallest value has an absolute value too.
  const std::uint64_t nanos = count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  std::string text = count < 0 ? "-" : "";
  constexpr std::uint64_t kSecond = kNanosPerSecond;
  if (nanos < 1'000) return text + std::to_string(nanos) + "ns";
  if (nanos < 1'000'000) return text + decimal(nanos, 1'000) + "\u00b5s";
  if (nanos < kSecond) return text + decimal(nanos, 1'000'000) + "ms";
  const std::uint64_t hours = nanos / (3600 * kSecond);
  const std::uint64_t minutes = nanos / (60 * kSecond) % 60;
  if (hours > 0) text += std::to_string(hours) + "h";
  if (hours > 0 || minutes > 0) text += std::to_string(minutes) + "m";
  return text + decimal(nanos % (60 * kSecond), kSecond) + "s";
}

std::string formatAge(Duration duration) {
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  const std::int64_t minutes = seconds / 60;
  const std::int64_t hours = minutes / 60;
  const std::int64_t days = hours / 24;
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (minutes < 10) return twoParts(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return fmt::format("{}m", minutes);
  if (hours < 8) return twoParts(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return fmt::format("{}h", hours);
  if (days < 8) return twoParts(days, 'd', hours % 24, 'h');
  if (days < 2 * 365) return fmt::format("{}d", days);
  if (days < 8 * 365) return twoParts(days / 365, 'y', days % 365, 'd');
  return fmt::format("{}y", days / 365);
}

}  // namespace towpath
