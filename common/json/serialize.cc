#include "json/serialize.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "json/utf8.h"

namespace towpath::json {

namespace {

enum class Escapes { kJson, kGoHtml };

void appendEscape(char c, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

constexpr auto kNeedsCare = [] {
  std::array<bool, 256> table{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    table[byte] =
        byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80 || byte == '<' || byte == '>' || byte == '&';
  }
  return table;
}();

void appendString(std::string_view text, Escapes escapes, std::string& out) {
  out += '"';
  std::size_t copied = 0;
  std::size_t at = 0;
  const auto flush = [&] { out.append(text, copied, at - copied); };
  while (at < text.size()) {
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    if (!kNeedsCare[byte]) {
      ++at;
      continue;
    }
    if (byte >= 0x80) {
      const std::size_t length = utf8Length(text.substr(at));
      const std::string_view sequence = text.substr(at, length);
      const bool is_separator = sequence == "\u2028" || sequence == "\u2029";
      if (length > 0 && !(is_separator && escapes == Escapes::kGoHtml)) {
        at += length;
        continue;
      }
      flush();
      out += length == 0 ? "\\ufffd" : sequence == "\u2028" ? "\\u2028" : "\\u2029";
      at += std::max<std::size_t>(length, 1);
      copied = at;
      continue;
    }
    const bool is_html = c == '<' || c == '>' || c == '&';
    if (is_html && escapes == Escapes::kJson) {
      ++at;
      continue;
    }
    flush();
    appendEscape(c, out);
    copied = ++at;
  }
  flush();
  out += '"';
}

void appendInt(std::int64_t number, std::string& out) {
  char buffer[24];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, number);
  out.append(buffer, result.ptr);
}

std::vector<const Object::Member*> sortedMembers(const Object& object) {
  std::vector<const Object::Member*> members;
  members.reserve(object.size());
  for (const Object::Member& member : object) members.push_back(&member);
  std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
  return members;
}

// Scalars and empty containers, which all forms write alike; false if it was none.
bool appendLeaf(const Value& value, std::string& out) {
  switch (value.kind()) {
    case Value::Kind::kNull:
    case Value::Kind::kOpaque:
      out += "null";
      return true;
    case Value::Kind::kBool:
      out += *value.ifBool() ? "true" : "false";
      return true;
    case Value::Kind::kInt:
      appendInt(*value.ifInt(), out);
      return true;
    case Value::Kind::kDouble:
      appendGoNumber(*value.ifDouble(), out);
      return true;
    case Value::Kind::kString:
      appendString(*value.ifString(), Escapes::kJson, out);
      return true;
    case Value::Kind::kArray:
      if (!value.ifArray()->empty()) return false;
      out += "[]";
      return true;
    case Value::Kind::kObject:
      if (!value.ifObject()->empty()) return false;
      out += "{}";
      return true;
  }
  return false;
}

void appendCanonical(const Value& value, std::string& out) {
  if (appendLeaf(value, out)) return;
  if (const Array* array = value.ifArray()) {
    out += '[';
    for (const Value& element : *array) {
      appendCanonical(element, out);
      out += ',';
    }
    out.back() = ']';
    return;
  }
  out += '{';
  for (const Object::Member* member : sortedMembers(value.asObject())) {
    appendString(member->key, Escapes::kJson, out);
    out += ':';
    appendCanonical(member->value, out);
    out += ',';
  }
  out.back() = '}';
}

struct PrettyWriter {
  std::size_t indent;
  std::string out;

  void newLine(std::size_t depth) {
    out += '\n';
    out.append(depth * indent, ' ');
  }

  void write(const Value& value, std::size_t depth) {
    if (appendLeaf(value, out)) return;
    const Array* array = value.ifArray();
    out += array ? '[' : '{';
    bool is_first = true;
    const auto next = [&] {
      if (!is_first) out += ',';
      is_first = false;
      newLine(depth + 1);
    };
    if (array) {
      for (const Value& element : *array) {
        next();
        write(element, depth + 1);
      }
    } else {
      for (const Object::Member& member : value.asObject()) {
        next();
        appendString(member.key, Escapes::kJson, out);
        out += ": ";
        write(member.value, depth + 1);
      }
    }
    newLine(depth);
    out += array ? ']' : '}';
  }
};

// "-1.8446744073709552" and "19" → "-18446744073709552000".
void appendWithoutExponent(std::string_view mantissa, std::string_view exponent, std::string& out) {
  std::size_t zeros = 0;
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), zeros);
  const std::size_t point = mantissa.find('.');
  if (point != std::string_view::npos) zeros -= mantissa.size() - point - 1;
  for (const char c : mantissa) {
    if (c != '.') out += c;
  }
  out.append(zeros, '0');
}

}  // namespace

void appendGoString(std::string_view text, std::string& out) { appendString(text, Escapes::kGoHtml, out); }

void appendGoNumber(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  const double size = std::fabs(number);
  const bool is_plain = size == 0 || (size >= 1e-6 && size < 1e21);
  // Above 2^53 the fixed form would give all digits, of which Go prints only those that tell the number from its
  // neighbours, then zeros.
  const bool is_long = is_plain && size >= 9007199254740992.0;
  char buffer[64];
  const auto format = is_plain && !is_long ? std::chars_format::fixed : std::chars_format::scientific;
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, number, format);
  const std::string_view text(buffer, static_cast<std::size_t>(result.ptr - buffer));
  const std::size_t exponent = text.find('e');
  if (exponent == std::string_view::npos) {
    out.append(text);
  } else if (is_long) {
    appendWithoutExponent(text.substr(0, exponent), text.substr(exponent + 2), out);
  } else if (text.substr(exponent).starts_with("e-0")) {  // Go writes e-9 where C writes e-09
    out.append(text.substr(0, exponent)).append("e-").append(text.substr(exponent + 3));
  } else {
    out.append(text);
  }
}

void serializeTo(const Value& value, std::string& out) {
  if (appendLeaf(value, out)) return;
  if (const Array* array = value.ifArray()) {
    out += '[';
    for (const Value& element : *array) {
      serializeTo(element, out);
      out += ',';
    }
    out.back() = ']';
    return;
  }
  out += '{';
  for (const Object::Member& member : value.asObject()) {
    appendString(member.key, Escapes::kJson, out);
    out += ':';
    serializeTo(member.value, out);
    out += ',';
  }
  out.back() = '}';
}

// Texts are kept for long, and one that grew to its length has room for up to twice as much: it grows elsewhere.
std::string serialize(const Value& value) {
  constexpr std::size_t kScratchMax = 256u << 10;
  thread_local std::string scratch;
  scratch.clear();
  serializeTo(value, scratch);
  std::string text(scratch);
  if (scratch.capacity() > kScratchMax) scratch = {};
  return text;
}

std::string serializePretty(const Value& value, int indent) {
  PrettyWriter writer{static_cast<std::size_t>(std::max(indent, 0)), {}};
  writer.write(value, 0);
  return std::move(writer.out);
}

std::string serializeCanonical(const Value& value) {
  std::string out;
  appendCanonical(value, out);
  return out;
}

}  // namespace towpath::json
