#include "engine/expr/lexer.h"

#include <array>
#include <charconv>

namespace towpath::expr {
namespace {

// Longer ones first.
constexpr std::array<std::string_view, 29> kOperators = {"==", "!=", "<=", ">=", "&&", "||", "**", "??", "?.", "<",
                                                         ">",  "+",  "-",  "*",  "/",  "%",  "^",  "!",  "?",  ":",
                                                         "(",  ")",  "[",  "]",  ".",  ",",  "{",  "}",  "#"};

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool startsName(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> tokens;
    while (true) {
      while (at_ < source_.size() && isSpace(source_[at_])) ++at_;
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

  Result<Token> next() {
    if (at_ == source_.size()) return Token{TokenKind::kEnd, "", {}, at_};
    const char c = peek();
    if (isDigit(c) || (c == '.' && isDigit(peek(1)))) return number();
    if (startsName(c)) return name();
    if (c == '"' || c == '\'' || c == '`') return text();
    for (const std::string_view op : kOperators) {
      // "a ?.5 : b" is a choice, not a member.
      if (op == "?." && isDigit(peek(2))) continue;
      if (!source_.substr(at_).starts_with(op)) continue;
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

  // 12, 1_000, 0x1f, 1.5, .5, 1e-3
  Result<Token> number() {
    const std::size_t start = at_;
    const bool hex = peek() == '0' && (peek(1) == 'x' || peek(1) == 'X');
    if (hex) at_ += 2;
    std::string digits;
    bool real = false;
    while (true) {
      const char c = peek();
      const bool exponent = !hex && (c == 'e' || c == 'E');
      const bool sign =
          (c == '-' || c == '+') && !digits.empty() && (digits.back() == 'e' || digits.back() == 'E') && !hex;
      const bool hex_digit = hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
      if (c == '_') {
        ++at_;
        continue;
      }
      if (!isDigit(c) && !exponent && !sign && !hex_digit && !(c == '.' && !hex && !real)) break;
      real = real || c == '.' || exponent;
      digits += c;
      ++at_;
    }
    return numberToken(start, digits, hex, real);
  }

  Result<Token> numberToken(std::size_t start, const std::string& digits, bool hex, bool real) const {
    Token token{TokenKind::kNumber, "", {}, start};
    const char* const end = digits.data() + digits.size();
    if (!real) {
      std::int64_t number = 0;
      const auto [stop, error] = std::from_chars(digits.data(), end, number, hex ? 16 : 10);
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
    return failAt(start, fmt::format("\"{}\" is no number", source_.substr(start, at_ - start)));
  }

  Result<Token> text() {
    const std::size_t start = at_;
    const char quote = peek();
    ++at_;
    std::string out;
    while (peek() != quote) {
      if (at_ >= source_.size()) return failAt(start, "the string is not closed");
      if (peek() == '\\' && quote != '`') {
        ++at_;
        const std::optional<char> escaped = escape(peek());
        if (!escaped) return failAt(at_ - 1, "unknown escape in a string");
        out += *escaped;
      } else {
        out += peek();
      }
      ++at_;
    }
    ++at_;
    return Token{TokenKind::kString, "", Value(std::move(out)), start};
  }

  static std::optional<char> escape(char c) {
    switch (c) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case '\\':
      case '"':
      case '\'':
        return c;
      default:
        return std::nullopt;
    }
  }

  std::string_view source_;
  std::size_t at_ = 0;
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
