#include "engine/expr/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace towpath::expr {
namespace {

// Longer ones first.
constexpr std::array<std::string_view, 34> kOperators = {
    "==", "!=", "<=", ">=", "&&", "||", "**", "??", "?.", "..", "::", "<", ">", "+", "-", "*", "/",
    "%",  "^",  "!",  "?",  ":",  "(",  ")",  "[",  "]",  ".",  ",",  "{", "}", "#", "|", ";", "="};

bool isDigit(char c) { return c >= '0' && c <= '9'; }
// Letters of other alphabets (bytes of UTF-8) may stand in the name of a variable.
bool startsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}
std::optional<unsigned> hexDigit(char c) {
  if (isDigit(c)) return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
  return std::nullopt;
}

// One-letter escapes, each followed by what it stands for.
constexpr std::string_view kEscapes = "a\ab\bf\fn\nr\rt\tv\v\\\\''\"\"``";

void appendUtf8(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xc0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      byte(0xe0 | (code >> 12));
    } else {
      byte(0xf0 | (code >> 18));
      byte(0x80 | ((code >> 12) & 0x3f));
    }
    byte(0x80 | ((code >> 6) & 0x3f));
  }
  byte(0x80 | (code & 0x3f));
}

bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> tokens;
    while (true) {
      if (Result<void> skipped = skip(); !skipped) return std::unexpected(skipped.error());
      Result<Token> token = next();
      if (!token) return std::unexpected(token.error());
      tokens.push_back(std::move(*token));
      if (tokens.back().kind == TokenKind::kEnd) return tokens;
    }
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  std::unexpected<Error> failAt(std::size_t offset, std::string message) const {
    return std::unexpected(errorAt(source_, offset, std::move(message)));
  }

  bool at(std::string_view text) const { return source_.substr(at_).starts_with(text); }

  // White space and comments.
  Result<void> skip() {
    while (true) {
      while (at_ < source_.size() && isSpace(source_[at_])) ++at_;
      if (at("//")) {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else if (at("/*")) {
        const std::size_t end = source_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return failAt(at_, "the comment is not closed: \"*/\" is missing");
        at_ = end + 2;
      } else {
        return {};
      }
    }
  }

  Result<Token> next() {
    if (at_ == source_.size()) return Token{TokenKind::kEnd, "", {}, at_};
    const char c = peek();
    if (isDigit(c) || (c == '.' && isDigit(peek(1)))) return number();
    if (c == 'b' && (peek(1) == '"' || peek(1) == '\'')) return bytes();
    if (startsName(c)) return name();
    if (c == '"' || c == '\'') return text();
    if (c == '`') return raw();
    for (const std::string_view op : kOperators) {
      // "a ?.5 : b" is a choice, not a member.
      if (op == "?." && isDigit(peek(2))) continue;
      if (!at(op)) continue;
      Token token{TokenKind::kOperator, std::string(op), {}, at_};
      at_ += op.size();
      return token;
    }
    return failAt(at_, fmt::format("unexpected character '{}'", c));
  }

  Result<Token> name() {
    const std::size_t start = at_;
    while (startsName(peek()) || isDigit(peek())) ++at_;
    return Token{TokenKind::kName, std::string(source_.substr(start, at_ - start)), {}, start};
  }

  // 12, 1_000, 0x1f, 0o17, 0b101, 1.5, .5, 1e-3
  Result<Token> number() {
    const std::size_t start = at_;
    int base = 10;
    if (peek() == '0') {
      const char letter = static_cast<char>(peek(1) | 0x20);
      base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    }
    if (base != 10) at_ += 2;
    std::string digits;
    bool real = false;
    if (base == 10) {
      takeDigits(digits);
      // "1..3" is a range.
      const bool exponent = (peek(1) | 0x20) == 'e' && (isDigit(peek(2)) || peek(2) == '-' || peek(2) == '+');
      if (peek() == '.' && peek(1) != '.' && (exponent || !startsName(peek(1)))) {
        real = true;
        digits += '.';
        ++at_;
        takeDigits(digits);
      }
      if (peek() == 'e' || peek() == 'E') {
        real = true;
        takeExponent(digits);
      }
    }
    // What still sticks to it belongs to it, and makes it wrong unless the base knows it.
    while (isDigit(peek()) || startsName(peek())) {
      if (peek() != '_') digits += peek();
      ++at_;
    }
    return numberToken(start, digits, base, real);
  }

  void takeDigits(std::string& digits) {
    while (isDigit(peek()) || peek() == '_') {
      if (peek() != '_') digits += peek();
      ++at_;
    }
  }

  void takeExponent(std::string& digits) {
    digits += 'e';
    ++at_;
    // from_chars knows no plus.
    if (peek() == '-') digits += '-';
    if (peek() == '-' || peek() == '+') ++at_;
    takeDigits(digits);
  }

  Result<Token> numberToken(std::size_t start, const std::string& digits, int base, bool real) const {
    Token token{TokenKind::kNumber, std::string(source_.substr(start, at_ - start)), {}, start};
    const char* const end = digits.data() + digits.size();
    if (!real) {
      std::int64_t number = 0;
      const auto [stop, error] = std::from_chars(digits.data(), end, number, base);
      if (error == std::errc() && stop == end) {
        token.value = Value(static_cast<long long>(number));
        return token;
      }
    } else {
      double number = 0;
      const auto [stop, error] = std::from_chars(digits.data(), end, number);
      if (error == std::errc() && stop == end) {
        token.value = Value(number);
        return token;
      }
    }
    return failAt(start, fmt::format("\"{}\" is no number, or too large for one", token.text));
  }

  // `as it is`, with `` for a backtick.
  Result<Token> raw() {
    const std::size_t start = at_++;
    std::string out;
    while (at_ < source_.size()) {
      if (peek() == '`' && peek(1) != '`') {
        ++at_;
        return Token{TokenKind::kString, "", Value(std::move(out)), start};
      }
      if (peek() == '`') ++at_;
      out += peek();
      ++at_;
    }
    return failAt(start, "the string is not closed");
  }

  // b"…": the bytes of what stands there.
  Result<Token> bytes() {
    const std::size_t start = at_++;
    bytes_ = true;
    Result<Token> token = text();
    bytes_ = false;
    if (!token) return token;
    Array list;
    for (const char c : token->value.asStringView())
      list.push_back(Value(static_cast<int>(static_cast<unsigned char>(c))));
    return Token{TokenKind::kBytes, "", Value(std::move(list)), start};
  }

  Result<Token> text() {
    const std::size_t start = at_;
    const char quote = peek();
    ++at_;
    std::string out;
    while (at_ < source_.size() && peek() != quote) {
      if (peek() == '\n') return failAt(start, "the string is not closed on its line: write \\n, or use backticks");
      if (peek() != '\\') {
        out += peek();
        ++at_;
      } else if (Result<void> escaped = escape(out); !escaped) {
        return std::unexpected(escaped.error());
      }
    }
    if (at_ >= source_.size()) return failAt(start, "the string is not closed");
    ++at_;
    return Token{TokenKind::kString, "", Value(std::move(out)), start};
  }

  // \n and its like, \x41, \101, \u00e9, \u{1f600}, \U0001f600; the last three name no byte.
  Result<void> escape(std::string& out) {
    const std::size_t start = at_++;
    const char c = peek();
    for (std::size_t i = 0; i + 1 < kEscapes.size(); i += 2) {
      if (kEscapes[i] != c) continue;
      out += kEscapes[i + 1];
      ++at_;
      return {};
    }
    std::optional<std::uint32_t> code;
    if (c >= '0' && c <= '3') {
      code = digits(3, 8);
    } else if (c == 'x' || (!bytes_ && (c == 'u' || c == 'U'))) {
      ++at_;
      code = c == 'u' && peek() == '{' ? braced() : digits(c == 'x' ? 2 : c == 'u' ? 4 : 8, 16);
    } else {
      return failAt(start, "unknown escape in a string: a backslash itself is \\\\");
    }
    if (!code || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000)) {
      return failAt(start, "the escape names no character");
    }
    if (bytes_) {
      out += static_cast<char>(*code);
    } else {
      appendUtf8(out, *code);
    }
    return {};
  }

  std::optional<std::uint32_t> digits(int count, unsigned base) {
    std::uint32_t code = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      const std::optional<unsigned> digit = hexDigit(peek());
      if (!digit || *digit >= base) return std::nullopt;
      code = code * base + *digit;
    }
    return code;
  }

  std::optional<std::uint32_t> braced() {
    ++at_;
    std::uint32_t code = 0;
    int count = 0;
    for (; hexDigit(peek()) && count < 6; ++count, ++at_) code = code * 16 + *hexDigit(peek());
    if (count == 0 || peek() != '}') return std::nullopt;
    ++at_;
    return code;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  bool bytes_ = false;  // within b"…"
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) { return Lexer(source).run(); }

Error errorAt(std::string_view source, std::size_t offset, std::string message) {
  const std::string_view before = source.substr(0, offset);
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? offset + 1 : offset - newline;
  return Error{ErrorKind::kInvalid, fmt::format("{}:{}: {}", line, column, message), {}};
}

}  // namespace towpath::expr
