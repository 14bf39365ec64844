#include "base/quantity.h"

#include <charconv>
#include <limits>

namespace towpath {

namespace {

using Int128 = __int128;

enum class Format { kDecimalSi, kDecimalExponent, kBinarySi };

struct Suffix {
  Format format = Format::kDecimalSi;
  int exponent = 0;  // of ten, or of two for kBinarySi
};

// mantissa × 10^exponent.
struct Quantity {
  Int128 mantissa = 0;
  int exponent = 0;
  Format format = Format::kDecimalSi;
  bool is_canonical = false;  // the peer keeps such a text as it is instead of rendering it anew
};

// The pieces of "-1.50Ki": sign, "1", "50", "Ki".
struct Pieces {
  bool is_negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::string_view suffix;
};

constexpr int kNano = -9;
constexpr int kMaxExponent = 1000;
constexpr std::size_t kMaxDigits = 36;  // more would not fit 128 bits; the peer takes them, but nobody means them
constexpr int kFastDigits = 18;         // digits up to which the peer computes in 64 bits and keeps a canonical text

bool isDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view takeDigits(std::string_view& rest) {
  std::size_t count = 0;
  while (count < rest.size() && isDigit(rest[count])) ++count;
  const std::string_view digits = rest.substr(0, count);
  rest.remove_prefix(count);
  return digits;
}

Pieces split(std::string_view text) {
  Pieces pieces;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    pieces.is_negative = text[0] == '-';
    text.remove_prefix(1);
  }
  while (!text.empty() && text[0] == '0') text.remove_prefix(1);
  pieces.whole = takeDigits(text);
  if (pieces.whole.empty()) pieces.whole = "0";
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    pieces.fraction = takeDigits(text);
  }
  pieces.suffix = text;
  return pieces;
}

std::optional<Suffix> readSuffix(std::string_view text) {
  static constexpr struct {
    std::string_view text;
    Suffix suffix;
  } kSuffixes[] = {
      {"", {Format::kDecimalSi, 0}},   {"n", {Format::kDecimalSi, -9}}, {"u", {Format::kDecimalSi, -6}},
      {"m", {Format::kDecimalSi, -3}}, {"k", {Format::kDecimalSi, 3}},  {"M", {Format::kDecimalSi, 6}},
      {"G", {Format::kDecimalSi, 9}},  {"T", {Format::kDecimalSi, 12}}, {"P", {Format::kDecimalSi, 15}},
      {"E", {Format::kDecimalSi, 18}}, {"Ki", {Format::kBinarySi, 10}}, {"Mi", {Format::kBinarySi, 20}},
      {"Gi", {Format::kBinarySi, 30}}, {"Ti", {Format::kBinarySi, 40}}, {"Pi", {Format::kBinarySi, 50}},
      {"Ei", {Format::kBinarySi, 60}},
  };
  for (const auto& known : kSuffixes) {
    if (known.text == text) return known.suffix;
  }
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return std::nullopt;
  text.remove_prefix(1);
  if (text[0] == '+') text.remove_prefix(1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc() || end != text.data() + text.size() || std::abs(exponent) > kMaxExponent)
    return std::nullopt;
  return Suffix{Format::kDecimalExponent, exponent};
}

std::unexpected<Error> malformed(std::string_view text) {
  return fail(ErrorKind::kInvalid,
              fmt::format("\"{}\" is not a quantity; write a number with an optional suffix, as 500m, "
                          "1.5, 64Mi or 2G",
                          text));
}

// Whether the peer would print the text back unchanged; it has a quick check that also lets some odd spellings through
// ("1.500", "+1"), which end up in template hashes.
bool keepsText(const Pieces& pieces, const Suffix& suffix, Int128 digits) {
  const int digit_count = static_cast<int>(pieces.whole.size() + pieces.fraction.size());
  if (suffix.format == Format::kBinarySi) {
    if (!pieces.fraction.empty()) return false;
    if (15 - digit_count - suffix.exponent * 3 / 10 - 1 < 0) return false;
    return (digits & 7) != 0;
  }
  const int exponent = suffix.exponent - static_cast<int>(pieces.fraction.size());
  if (digit_count > kFastDigits || exponent < kNano || exponent % 3 != 0 || pieces.whole[0] == '0') return false;
  const std::string shifted = std::string(pieces.whole) + std::string(pieces.fraction);
  return !shifted.ends_with("000");
}

// Divides by ten until the exponent is reached, rounding away from zero: who asks for a little gets something.
void roundTo(Quantity& quantity, int exponent) {
  bool lost = false;
  while (quantity.exponent < exponent && quantity.mantissa != 0) {
    lost = lost || quantity.mantissa % 10 != 0;
    quantity.mantissa /= 10;
    ++quantity.exponent;
    if (quantity.mantissa == 0 && lost) break;
  }
  quantity.exponent = std::max(quantity.exponent, exponent);
  if (lost) quantity.mantissa += 1;
}

// The peer caps sizes at 2^63 - 1. Here the exponent is between -9 and 0.
void capAtInt64(Quantity& quantity) {
  Int128 most = std::numeric_limits<std::int64_t>::max();
  for (int exponent = quantity.exponent; exponent < 0; ++exponent) most *= 10;
  if (quantity.mantissa > most) quantity = {std::numeric_limits<std::int64_t>::max(), 0, quantity.format, false};
}

Result<Quantity> parse(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (text.empty() || text.find_first_of("0123456789") == std::string_view::npos) return malformed(text);
  const Pieces pieces = split(text);
  const std::optional<Suffix> suffix = readSuffix(pieces.suffix);
  if (!suffix || pieces.whole.size() + pieces.fraction.size() > kMaxDigits) return malformed(text);

  Quantity quantity;
  quantity.format = suffix->format;
  for (const char c : pieces.whole) quantity.mantissa = quantity.mantissa * 10 + (c - '0');
  for (const char c : pieces.fraction) quantity.mantissa = quantity.mantissa * 10 + (c - '0');
  quantity.is_canonical = keepsText(pieces, *suffix, quantity.mantissa);
  quantity.exponent = -static_cast<int>(pieces.fraction.size());
  if (suffix->format == Format::kBinarySi) {
    Int128 scaled = 0;
    if (__builtin_mul_overflow(quantity.mantissa, Int128{1} << suffix->exponent, &scaled)) return malformed(text);
    quantity.mantissa = scaled;
  } else {
    quantity.exponent += suffix->exponent;
  }
  roundTo(quantity, std::min(quantity.exponent, 0) < kNano ? kNano : quantity.exponent);
  if (quantity.format == Format::kBinarySi) capAtInt64(quantity);
  if (pieces.is_negative) quantity.mantissa = -quantity.mantissa;
  return quantity;
}

std::string digitsOf(Int128 number) {
  std::string digits;
  const bool is_negative = number < 0;
  if (is_negative) number = -number;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(number % 10)));
    number /= 10;
  } while (number != 0);
  return is_negative ? "-" + digits : digits;
}

// The whole number that it is, or nullopt.
std::optional<Int128> wholeNumber(Quantity quantity) {
  while (quantity.exponent < 0) {
    if (quantity.mantissa % 10 != 0) return std::nullopt;
    quantity.mantissa /= 10;
    ++quantity.exponent;
  }
  for (; quantity.exponent > 0; --quantity.exponent) {
    if (__builtin_mul_overflow(quantity.mantissa, 10, &quantity.mantissa)) return std::nullopt;
  }
  return quantity.mantissa;
}

std::string renderBinary(Int128 number) {
  static constexpr std::string_view kSuffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  std::size_t power = 0;
  while (power + 1 < std::size(kSuffixes) && number % 1024 == 0) {
    number /= 1024;
    ++power;
  }
  return digitsOf(number) + std::string(kSuffixes[power]);
}

Result<std::string> renderDecimal(Quantity quantity, std::string_view text) {
  while (quantity.mantissa % 10 == 0) {
    quantity.mantissa /= 10;
    ++quantity.exponent;
  }
  while (quantity.exponent % 3 != 0) {
    if (__builtin_mul_overflow(quantity.mantissa, 10, &quantity.mantissa)) return malformed(text);
    --quantity.exponent;
  }
  const std::string digits = digitsOf(quantity.mantissa);
  // What is printed must be readable again.
  const std::size_t sign = quantity.mantissa < 0 ? 1 : 0;
  if (digits.size() - sign > kMaxDigits || quantity.exponent > kMaxExponent) return malformed(text);
  if (quantity.exponent == 0) return digits;
  if (quantity.format == Format::kDecimalExponent) return digits + "e" + std::to_string(quantity.exponent);
  static constexpr std::string_view kSuffixes[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
  const int at = quantity.exponent / 3 + 3;
  if (at < 0 || at >= static_cast<int>(std::size(kSuffixes))) return malformed(text);
  return digits + std::string(kSuffixes[at]);
}

}  // namespace

Result<std::int64_t> parseQuantityMilli(std::string_view text) {
  Result<Quantity> quantity = parse(text);
  if (!quantity) return std::unexpected(quantity.error());
  const bool is_negative = quantity->mantissa < 0;
  Quantity milli = *quantity;
  if (is_negative) milli.mantissa = -milli.mantissa;
  milli.exponent += 3;
  if (milli.exponent < 0) roundTo(milli, 0);
  const std::optional<Int128> number = wholeNumber(milli);
  if (!number || *number > std::numeric_limits<std::int64_t>::max()) {
    return fail(ErrorKind::kInvalid, fmt::format("the quantity \"{}\" is too large", text));
  }
  return static_cast<std::int64_t>(is_negative ? -*number : *number);
}

Result<std::string> canonicalQuantity(std::string_view text) {
  Result<Quantity> quantity = parse(text);
  if (!quantity) return std::unexpected(quantity.error());
  if (quantity->mantissa == 0) return std::string("0");
  if (quantity->is_canonical) {
    const std::size_t begin = text.find_first_not_of(" \t");
    return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
  }
  if (quantity->format == Format::kBinarySi) {
    const std::optional<Int128> number = wholeNumber(*quantity);
    if (number && (*number >= 1024 || *number <= -1024)) return renderBinary(*number);
    quantity->format = Format::kDecimalSi;  // small or broken numbers lose nothing this way
  }
  return renderDecimal(*quantity, text);
}

}  // namespace towpath
