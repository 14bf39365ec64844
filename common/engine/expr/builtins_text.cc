// Functions of text. Positions are bytes, as in Go; upper and lower know the letters of ASCII.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/base64.h"
#include "engine/expr/builtins.h"

namespace towpath::expr {
namespace {

// White space of Unicode.
constexpr std::string_view kSpace =
    " \t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
    "\u202f\u205f\u3000";
constexpr std::size_t kAll = std::string_view::npos;

std::unexpected<Error> bad(std::string message) { return fail(ErrorKind::kInvalid, std::move(message)); }

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// The characters of UTF-8.
std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t start = 0; start < text.size();) {
    std::size_t end = start + 1;
    while (end < text.size() && continues(text[end])) ++end;
    out.push_back(text.substr(start, end - start));
    start = end;
  }
  return out;
}

Result<Value> trim(Call& call) {
  std::string_view text = call.text(0);
  const std::vector<std::string_view> set = characters(call.size() == 2 ? call.text(1) : kSpace);
  if (Result<void> done = call.budget().work(text.size() * set.size() / 16); !done) {
    return std::unexpected(done.error());
  }
  for (bool again = true; again && !text.empty();) {
    again = false;
    for (const std::string_view each : set) {
      if (text.starts_with(each)) {
        text.remove_prefix(each.size());
        again = true;
      }
      if (text.ends_with(each)) {
        text.remove_suffix(each.size());
        again = true;
      }
    }
  }
  return Value(text);
}

Result<Value> trimPrefix(Call& call) {
  std::string_view text = call.text(0);
  const std::string_view prefix = call.size() == 2 ? call.text(1) : " ";
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  return Value(text);
}

Result<Value> trimSuffix(Call& call) {
  std::string_view text = call.text(0);
  const std::string_view suffix = call.size() == 2 ? call.text(1) : " ";
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return Value(text);
}

Value mapped(std::string_view text, char first, char last) {
  std::string out(text);
  for (char& c : out) {
    if (c >= first && c <= last) c = static_cast<char>(c ^ 0x20);
  }
  return Value(std::move(out));
}

Result<Value> upper(Call& call) { return mapped(call.text(0), 'a', 'z'); }
Result<Value> lower(Call& call) { return mapped(call.text(0), 'A', 'Z'); }

// A count argument: negative, or left out, is no limit.
std::size_t limit(Call& call, std::size_t index) {
  if (call.size() <= index || call[index].asInt() < 0) return kAll;
  return static_cast<std::size_t>(call[index].asInt());
}

// At most `most` parts, each with `kept` of the separator's bytes at its end.
Result<Value> parts(Call& call, std::size_t kept) {
  std::string_view rest = call.text(0);
  const std::string_view separator = call.text(1);
  const std::size_t most = limit(call, 2);
  Array out;
  if (most == 0) return Value(std::move(out));
  if (Result<void> room = call.budget().room(rest.size() / std::max<std::size_t>(separator.size(), 1)); !room) {
    return std::unexpected(room.error());
  }
  if (separator.empty()) {
    for (const std::string_view each : characters(rest)) {
      if (out.size() + 1 == most) break;
      out.push_back(Value(each));
      rest.remove_prefix(each.size());
    }
    if (!rest.empty()) out.push_back(Value(rest));
    return Value(std::move(out));
  }
  while (out.size() + 1 < most) {
    const std::size_t at = rest.find(separator);
    if (at == std::string_view::npos) break;
    out.push_back(Value(rest.substr(0, at + kept)));
    rest.remove_prefix(at + separator.size());
  }
  out.push_back(Value(rest));
  return Value(std::move(out));
}

Result<Value> split(Call& call) { return parts(call, 0); }
Result<Value> splitAfter(Call& call) { return parts(call, call.text(1).size()); }

Result<Value> replace(Call& call) {
  std::string_view rest = call.text(0);
  const std::string_view from = call.text(1);
  const std::string_view to = call.text(2);
  std::size_t left = limit(call, 3);
  std::string out;
  const auto put = [&](std::string_view text) -> Result<void> {
    out += text;
    return call.budget().room(textUnits(out.size() + to.size()));
  };
  // An empty text is found before each character and at the end, as in Go.
  while (left > 0) {
    const std::size_t at = rest.find(from);
    if (at == std::string_view::npos) break;
    if (Result<void> room = put(rest.substr(0, at)); !room) return std::unexpected(room.error());
    out += to;
    rest.remove_prefix(at + from.size());
    --left;
    if (!from.empty()) continue;
    if (rest.empty()) break;
    std::size_t next = 1;
    while (next < rest.size() && continues(rest[next])) ++next;
    out += rest.substr(0, next);
    rest.remove_prefix(next);
  }
  out += rest;
  return Value(std::move(out));
}

Result<Value> repeat(Call& call) {
  const std::string_view text = call.text(0);
  const std::int64_t times = call[1].asInt();
  if (times < 0) return bad(fmt::format("invalid argument for repeat (expected positive integer, got {})", times));
  const std::size_t each = std::max<std::size_t>(text.size(), 1);
  const auto count = static_cast<std::size_t>(std::min<std::int64_t>(times, std::int64_t{1} << 30));
  if (Result<void> room = call.budget().room(textUnits(each * count)); !room) return std::unexpected(room.error());
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return Value(std::move(out));
}

Result<Value> join(Call& call) {
  const std::string_view glue = call.size() == 2 ? call.text(1) : "";
  std::string out;
  bool first = true;
  for (const Value& element : call.list(0)) {
    if (!element.isString()) return bad(fmt::format("join needs a list of strings: {} is in it", typeName(element)));
    if (!first) out += glue;
    first = false;
    out += element.asStringView();
    if (Result<void> room = call.budget().room(textUnits(out.size() + glue.size())); !room) {
      return std::unexpected(room.error());
    }
  }
  return Value(std::move(out));
}

Value position(std::size_t at) { return at == std::string_view::npos ? Value(-1) : Value(static_cast<long long>(at)); }

Result<Value> indexOf(Call& call) { return position(call.text(0).find(call.text(1))); }
Result<Value> lastIndexOf(Call& call) { return position(call.text(0).rfind(call.text(1))); }
Result<Value> hasPrefix(Call& call) { return Value(call.text(0).starts_with(call.text(1))); }
Result<Value> hasSuffix(Call& call) { return Value(call.text(0).ends_with(call.text(1))); }

Result<Value> toBase64(Call& call) { return Value(encodeBase64(call.text(0))); }

Result<Value> fromBase64(Call& call) {
  std::optional<std::string> bytes = decodeBase64(call.text(0));
  if (!bytes) return bad("fromBase64: the text is no base64");
  return Value(std::move(*bytes));
}

// The shortest digits that read back equal; with an exponent below 1e-4 and from 1e6.
std::string printed(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  const double size = std::abs(number);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e6);
  char buffer[64];
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto [end, error] = std::to_chars(std::begin(buffer), std::end(buffer), number, format);
  return std::string(buffer, end);
}

// As Go prints it with %v: "[1 2.5 a]", "map[a:1]", "<nil>".
std::string printed(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return "<nil>";
    case Value::Kind::kBool:
      return value.asBool() ? "true" : "false";
    case Value::Kind::kInt:
      return std::to_string(value.asInt());
    case Value::Kind::kDouble:
      return printed(value.asDouble());
    case Value::Kind::kString:
      return value.asString();
    case Value::Kind::kArray: {
      std::vector<std::string> elements;
      for (const Value& element : value.asArray()) elements.push_back(printed(element));
      return fmt::format("[{}]", fmt::join(elements, " "));
    }
    case Value::Kind::kObject: {
      std::vector<std::string> members;
      for (const Object::Member& member : value.asObject()) members.push_back(member.key + ":" + printed(member.value));
      std::ranges::sort(members);
      return fmt::format("map[{}]", fmt::join(members, " "));
    }
    case Value::Kind::kOpaque:
      return value.ifOpaque()->text();
  }
  return "";
}

Result<Value> stringOf(Call& call) { return Value(printed(call[0])); }

constexpr std::array<Builtin, 17> kBuiltins = {{{"string", 1, 1, "a", 's', stringOf},
                                                {"trim", 1, 2, "s", 's', trim},
                                                {"trimPrefix", 1, 2, "s", 's', trimPrefix},
                                                {"trimSuffix", 1, 2, "s", 's', trimSuffix},
                                                {"upper", 1, 1, "s", 's', upper},
                                                {"lower", 1, 1, "s", 's', lower},
                                                {"split", 2, 3, "ssk", 'S', split},
                                                {"splitAfter", 2, 3, "ssk", 'S', splitAfter},
                                                {"replace", 3, 4, "sssk", 's', replace},
                                                {"repeat", 2, 2, "sk", 's', repeat},
                                                {"join", 1, 2, "ls", 's', join},
                                                {"indexOf", 2, 2, "s", 'i', indexOf},
                                                {"lastIndexOf", 2, 2, "s", 'i', lastIndexOf},
                                                {"hasPrefix", 2, 2, "s", 'b', hasPrefix},
                                                {"hasSuffix", 2, 2, "s", 'b', hasSuffix},
                                                {"toBase64", 1, 1, "s", 's', toBase64},
                                                {"fromBase64", 1, 1, "s", 's', fromBase64}}};

}  // namespace

std::span<const Builtin> textBuiltins() { return kBuiltins; }

}  // namespace towpath::expr
