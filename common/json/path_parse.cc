#include <charconv>

#include "json/path_nodes.h"
#include "json/utf8.h"

namespace towpath::json {

namespace {

constexpr std::size_t kMaxText = 64u << 10;
constexpr int kMaxNesting = 16;  // of ranges, and of filters within filters

enum class ActionKind { kPlain, kRange, kEnd };

struct Action {
  ActionKind kind = ActionKind::kPlain;
  PathNodes nodes;
};

bool isSpace(char c) { return c == ' ' || c == '\t'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
// Letters beyond ASCII count as letters.
bool isWord(char c) {
  return isDigit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
}
bool isTerminator(char c) { return isSpace(c) || std::string_view("\r\n.,[]$@{}").find(c) != std::string_view::npos; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
  return text;
}

// The inside of one pair of braces.
class ActionParser {
 public:
  ActionParser(std::string_view text, int nesting) : text_(text), nesting_(nesting) {}

  Result<Action> parse();

 private:
  Result<void> item();
  Result<void> recursive();
  Result<void> field();
  Result<void> number();
  Result<void> word();
  Result<void> quoted(char quote);
  Result<void> bracket();
  Result<void> unionOf(const std::vector<std::string_view>& parts);
  Result<void> slice(std::string_view text);
  Result<void> filter();
  Result<PathNodes> nested(std::string_view text) const;

  template <class Node>
  Result<void> push(Node node) {
    action_.nodes.push_back(PathNode{std::move(node)});
    return {};
  }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  std::unexpected<Error> failHere(std::string_view why) const {
    return fail(ErrorKind::kInvalid,
                fmt::format("invalid JSONPath \"{:.200}\" at character {}: {}", text_, at_ + 1, why));
  }

  std::string_view text_;
  int nesting_;
  std::size_t at_ = 0;
  Action action_;
};

Result<Action> ActionParser::parse() {
  if (nesting_ > kMaxNesting) return failHere("nested too deeply");
  while (at_ < text_.size()) {
    const Result<void> parsed = item();
    if (!parsed) return std::unexpected(parsed.error());
  }
  return std::move(action_);
}

Result<void> ActionParser::item() {
  const std::string_view rest = text_.substr(at_);
  const char c = rest[0];
  if (rest.starts_with("[?(")) return filter();
  if (rest.starts_with("..")) return recursive();
  if (isSpace(c) || c == '@' || c == '$') {  // the current object
    ++at_;
    return {};
  }
  if (c == '[') return bracket();
  if (c == '"' || c == '\'') return quoted(c);
  if (c == '.') {
    ++at_;
    return field();
  }
  if (c == '+' || c == '-' || isDigit(c)) return number();
  if (isWord(c)) return word();
  return failHere(fmt::format("unexpected character '{}'", rest.substr(0, std::max<std::size_t>(utf8Length(rest), 1))));
}

Result<void> ActionParser::recursive() {
  if (!action_.nodes.empty() && std::holds_alternative<PathRecursive>(action_.nodes.back().node)) {
    return failHere("two recursive descents in a row");
  }
  at_ += 2;
  const Result<void> pushed = push(PathRecursive{});
  return isWord(peek()) ? field() : pushed;
}

Result<void> ActionParser::field() {
  std::string name;
  while (at_ < text_.size() && !isTerminator(text_[at_])) {
    if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
    name += text_[at_++];
  }
  if (name.empty()) {
    // "{.}" is the object itself, and a dot before a bracket adds nothing.
    const bool is_alone = action_.nodes.empty() && at_ == text_.size();
    return is_alone || peek() == '[' ? Result<void>() : failHere("a field name is missing");
  }
  if (name == "*") return push(PathWildcard{});
  return push(PathField{std::move(name)});
}

Result<void> ActionParser::number() {
  const std::size_t begin = at_;
  if (text_[at_] == '+' || text_[at_] == '-') ++at_;
  while (isDigit(peek()) || peek() == '.') ++at_;
  std::string_view digits = text_.substr(begin, at_ - begin);
  if (digits[0] == '+') digits.remove_prefix(1);
  const char* const end = digits.data() + digits.size();
  std::int64_t integer = 0;
  const auto as_integer = std::from_chars(digits.data(), end, integer);
  if (as_integer.ec == std::errc() && as_integer.ptr == end)
    return push(PathLiteral{Value(static_cast<long long>(integer))});
  double real = 0;
  const auto as_real = std::from_chars(digits.data(), end, real);
  if (as_real.ec == std::errc() && as_real.ptr == end) return push(PathLiteral{Value(real)});
  return failHere(fmt::format("\"{}\" is no number", digits));
}

// "true", "false", and the words that begin and end a loop.
Result<void> ActionParser::word() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && !isTerminator(text_[at_])) ++at_;
  const std::string_view name = text_.substr(begin, at_ - begin);
  if (name == "true" || name == "false") return push(PathLiteral{Value(name == "true")});
  if (name != "range" && name != "end") {
    return failHere(fmt::format("unknown word \"{}\"; a field is written with a dot before it (.{})", name, name));
  }
  if (!action_.nodes.empty()) return failHere(fmt::format("\"{}\" must come first", name));
  action_.kind = name == "range" ? ActionKind::kRange : ActionKind::kEnd;
  return {};
}

// A Go string literal in either kind of quotes.
Result<void> ActionParser::quoted(char quote) {
  std::string text;
  for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
    if (text_[at_] != '\\') {
      text += text_[at_];
      continue;
    }
    ++at_;
    switch (peek()) {
      case 'n':
        text += '\n';
        break;
      case 't':
        text += '\t';
        break;
      case 'r':
        text += '\r';
        break;
      case '\\':
        text += '\\';
        break;
      case '"':
        text += '"';
        break;
      case '\'':
        text += '\'';
        break;
      default:
        return failHere("unknown escape in a quoted text");
    }
  }
  if (at_ >= text_.size()) return failHere("a quoted text has no end");
  ++at_;
  return push(PathLiteral{Value(std::move(text))});
}

// Splits at commas outside of quotes.
std::vector<std::string_view> splitUnion(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  char quote = '\0';
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == ',') {
      parts.push_back(trim(text.substr(begin, at - begin)));
      begin = at + 1;
    }
  }
  parts.push_back(trim(text.substr(begin)));
  return parts;
}

Result<void> ActionParser::bracket() {
  std::size_t end = at_ + 1;
  char quote = '\0';
  for (; end < text_.size() && (text_[end] != ']' || quote != '\0'); ++end) {
    const char c = text_[end];
    if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    }
  }
  if (end >= text_.size()) return failHere("a bracket is not closed");
  const std::string_view inside = trim(text_.substr(at_ + 1, end - at_ - 1));
  const std::vector<std::string_view> parts = splitUnion(inside);
  if (parts.size() > 1) {
    const Result<void> pushed = unionOf(parts);
    at_ = end + 1;
    return pushed;
  }
  if (inside == "*") {
    at_ = end + 1;
    return push(PathWildcard{});
  }
  if (inside.size() >= 2 && (inside.front() == '\'' || inside.front() == '"') && inside.back() == inside.front()) {
    std::string name;
    for (const char c : inside.substr(1, inside.size() - 2)) {
      if (c != '\\') name += c;
    }
    at_ = end + 1;
    return push(PathField{std::move(name)});
  }
  const Result<void> pushed = slice(inside);
  if (pushed) at_ = end + 1;
  return pushed;
}

Result<void> ActionParser::unionOf(const std::vector<std::string_view>& parts) {
  PathUnion branches;
  for (const std::string_view part : parts) {
    Result<PathNodes> nodes = nested(fmt::format("[{}]", part));
    if (!nodes) return std::unexpected(nodes.error());
    branches.branches.push_back(std::move(*nodes));
  }
  return push(std::move(branches));
}

// "3", "-1", "1:", ":2", "::2", ":".
Result<void> ActionParser::slice(std::string_view text) {
  std::array<std::optional<std::int64_t>, 3> numbers;
  std::size_t index = 0;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    const std::string_view digits = text.substr(begin, end - begin);
    if (!digits.empty()) {
      std::int64_t number = 0;
      const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (result.ec != std::errc() || result.ptr != digits.data() + digits.size() || std::abs(number) > INT32_MAX) {
        return failHere(fmt::format("invalid array index \"{}\"", text));
      }
      numbers[index] = number;
    }
    if (end == text.size()) break;
    if (++index > 2) return failHere(fmt::format("invalid array index \"{}\"", text));
    begin = end + 1;
  }
  if (text.empty()) return failHere("an array index is missing");
  if (numbers[2].value_or(1) <= 0) return failHere("the step of a slice must be above 0");
  return push(PathSlice{numbers[0], numbers[1], numbers[2].value_or(1), index == 0});
}

Result<void> ActionParser::filter() {
  const std::size_t begin = at_ + 3;
  std::size_t end = begin;
  char quote = '\0';
  int depth = 0;
  for (; end < text_.size(); ++end) {
    const char c = text_[end];
    if (quote != '\0') {
      if (c == '\\')
        ++end;
      else if (c == quote)
        quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && depth-- == 0) {
      break;
    }
  }
  if (end + 1 >= text_.size() || text_[end + 1] != ']') return failHere("a filter must end in )]");
  const std::string_view inside = text_.substr(begin, end - begin);

  PathFilter filter;
  const std::size_t op_begin = std::min(inside.find_first_of("!<>="), inside.size());
  const std::size_t op_end = std::min(inside.find_first_not_of("!<>=", op_begin), inside.size());
  const std::string_view op = inside.substr(op_begin, op_end - op_begin);
  static constexpr std::pair<std::string_view, PathOperator> kOperators[] = {
      {"", PathOperator::kExists},        {"==", PathOperator::kEqual},     {"!=", PathOperator::kNotEqual},
      {"<", PathOperator::kLess},         {"<=", PathOperator::kLessEqual}, {">", PathOperator::kGreater},
      {">=", PathOperator::kGreaterEqual}};
  const auto* const known =
      std::find_if(std::begin(kOperators), std::end(kOperators), [&](const auto& o) { return o.first == op; });
  if (known == std::end(kOperators)) return failHere(fmt::format("unknown filter operator \"{}\"", op));
  filter.op = known->second;
  Result<PathNodes> left = nested(inside.substr(0, op_begin));
  if (!left) return std::unexpected(left.error());
  filter.left = std::move(*left);
  if (filter.op != PathOperator::kExists) {
    Result<PathNodes> right = nested(inside.substr(op_end));
    if (!right) return std::unexpected(right.error());
    filter.right = std::move(*right);
  }
  at_ = end + 2;
  return push(std::move(filter));
}

Result<PathNodes> ActionParser::nested(std::string_view text) const {
  Result<Action> action = ActionParser(text, nesting_ + 1).parse();
  if (!action) return std::unexpected(action.error());
  if (action->kind != ActionKind::kPlain) return failHere("a loop can't stand here");
  if (action->nodes.empty() && trim(text).empty()) return failHere("something is missing here");
  return std::move(action->nodes);
}

// Where the brace that opened just before `begin` closes, quotes respected; npos if nowhere.
std::size_t findClose(std::string_view text, std::size_t begin) {
  char quote = '\0';
  for (std::size_t at = begin; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != '\0') {
      if (c == '\\')
        ++at;
      else if (c == quote)
        quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '\\') {
      ++at;
    } else if (c == '}') {
      return at;
    }
  }
  return std::string_view::npos;
}

class TemplateParser {
 public:
  explicit TemplateParser(std::string_view text) : text_(text) {}

  // Up to the end of the text, or of the loop that is open.
  Result<std::vector<PathPiece>> pieces(int nesting);

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

Result<std::vector<PathPiece>> TemplateParser::pieces(int nesting) {
  if (nesting > kMaxNesting) return fail(ErrorKind::kInvalid, "invalid JSONPath: loops are nested too deeply");
  std::vector<PathPiece> found;
  while (at_ < text_.size()) {
    const std::size_t open = std::min(text_.find('{', at_), text_.size());
    if (open > at_) {
      PathPiece piece{.is_text = true};
      piece.nodes.push_back(PathNode{PathLiteral{Value(text_.substr(at_, open - at_))}});
      found.push_back(std::move(piece));
    }
    if (open == text_.size()) {
      at_ = open;
      break;
    }
    const std::size_t close = findClose(text_, open + 1);
    if (close == std::string_view::npos) {
      return fail(ErrorKind::kInvalid,
                  fmt::format("invalid JSONPath: the brace at character {} is not closed", open + 1));
    }
    Result<Action> action = ActionParser(text_.substr(open + 1, close - open - 1), 0).parse();
    if (!action) return std::unexpected(action.error());
    at_ = close + 1;
    if (action->kind == ActionKind::kEnd) {
      if (nesting == 0) return fail(ErrorKind::kInvalid, "invalid JSONPath: {end} without {range}");
      return found;
    }
    PathPiece piece{.nodes = std::move(action->nodes), .is_range = action->kind == ActionKind::kRange};
    if (piece.is_range) {
      Result<std::vector<PathPiece>> body = pieces(nesting + 1);
      if (!body) return body;
      piece.body = std::move(*body);
    }
    found.push_back(std::move(piece));
  }
  return found;
}

}  // namespace

Result<std::vector<PathPiece>> parsePathTemplate(std::string_view text) {
  if (text.size() > kMaxText) return fail(ErrorKind::kTooLarge, "the JSONPath is too long");
  if (text.find('{') != std::string_view::npos) return TemplateParser(text).pieces(0);
  text = trim(text);
  const bool is_rooted =
      text.starts_with('.') || text.starts_with('[') || text.starts_with('$') || text.starts_with('@');
  const std::string wrapped = fmt::format("{{{}{}}}", is_rooted ? "" : ".", text);
  return TemplateParser(wrapped).pieces(0);
}

}  // namespace towpath::json
