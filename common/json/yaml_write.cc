#include <algorithm>

#include "json/serialize.h"
#include "json/utf8.h"
#include "json/yaml.h"
#include "json/yaml_scalar.h"

namespace towpath::json {

namespace {

enum class Style { kPlain, kSingleQuoted, kDoubleQuoted, kLiteral };

// What decides about the ways a text can be written.
struct Traits {
  bool is_plain_safe = true;     // no indicator stands where a reader would act on it
  bool has_break = false;        // \n
  bool has_special = false;      // control characters, other line breaks, broken UTF-8
  bool has_space_break = false;  // a line ends in a blank
};

// Characters that readers take for line breaks or that do not print.
bool isSpecial(std::uint32_t code) {
  if (code == '\n' || code == '\t') return false;
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 || code == 0xFEFF ||
         code == 0xFFFE || code == 0xFFFF;
}

bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

bool startsSafely(std::string_view text) {
  if (text.starts_with("---") || text.starts_with("...")) return false;
  if (std::string_view("#,[]{}&*!|>'\"%@`").find(text[0]) != std::string_view::npos) return false;
  const bool is_mark = text[0] == '-' || text[0] == '?' || text[0] == ':';
  return !is_mark || (text.size() > 1 && !isBlank(text[1]));
}

Traits examine(std::string_view text) {
  Traits traits;
  if (text.empty()) return traits;
  traits.is_plain_safe = startsSafely(text) && !isBlank(text.front()) && !isBlank(text.back());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8Length(text.substr(at));
    if (length == 0 || isSpecial(utf8Decode(text.substr(at, length)))) traits.has_special = true;
    const char c = text[at];
    const bool is_last = at + 1 == text.size();
    if (c == '\n') traits.has_break = true;
    if (c == '\t') traits.is_plain_safe = false;
    if (c == ':' && (is_last || isBlank(text[at + 1]))) traits.is_plain_safe = false;
    if (c == '#' && at > 0 && isBlank(text[at - 1])) traits.is_plain_safe = false;
    if ((c == ' ' || c == '\t') && (is_last || text[at + 1] == '\n')) traits.has_space_break = true;
    at += std::max<std::size_t>(length, 1);
  }
  return traits;
}

Style chooseStyle(std::string_view text) {
  const Traits traits = examine(text);
  if (traits.has_special) return Style::kDoubleQuoted;
  if (traits.has_break) {
    // A block that begins with a blank would need an indentation mark.
    const bool is_literal = !traits.has_space_break && !isBlank(text.front());
    return is_literal ? Style::kLiteral : Style::kDoubleQuoted;
  }
  if (needsQuotes(text)) return Style::kDoubleQuoted;
  return traits.is_plain_safe ? Style::kPlain : Style::kSingleQuoted;
}

class Writer {
 public:
  void document(const Value& value) {
    node(value, 0, Place::kRoot);
    out_ += '\n';
  }
  std::string take() { return std::move(out_); }

 private:
  enum class Place { kRoot, kMember, kElement };

  void node(const Value& value, std::size_t depth, Place place);
  void members(const Object& object, std::size_t depth, Place place);
  void elements(const Array& array, std::size_t depth, Place place);
  void string(std::string_view text, std::size_t depth);
  void key(std::string_view text);
  void singleQuoted(std::string_view text);
  void doubleQuoted(std::string_view text);
  void literal(std::string_view text, std::size_t depth);
  void newLine(std::size_t depth) {
    out_ += '\n';
    out_.append(depth * 2, ' ');
  }

  std::string out_;
};

// After a key stands a blank before what fits on its line; containers begin on the next line.
void Writer::node(const Value& value, std::size_t depth, Place place) {
  if (const Object* object = value.ifObject(); object && !object->empty()) return members(*object, depth, place);
  if (const Array* array = value.ifArray(); array && !array->empty()) return elements(*array, depth, place);
  if (place == Place::kMember) out_ += ' ';
  if (const std::string* text = value.ifString()) return string(*text, depth);
  serializeTo(value, out_);
}

void Writer::members(const Object& object, std::size_t depth, Place place) {
  std::vector<const Object::Member*> sorted;
  for (const Object::Member& member : object) sorted.push_back(&member);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
  bool is_first = place != Place::kMember;
  for (const Object::Member* member : sorted) {
    if (!is_first) newLine(depth);
    is_first = false;
    key(member->key);
    out_ += ':';
    // The entries of a list stand under the key's first letter, as kubectl prints them.
    node(member->value, member->value.isArray() ? depth : depth + 1, Place::kMember);
  }
}

void Writer::elements(const Array& array, std::size_t depth, Place place) {
  bool is_first = place != Place::kMember;
  for (const Value& element : array) {
    if (!is_first) newLine(depth);
    is_first = false;
    out_ += "- ";
    node(element, depth + 1, Place::kElement);
  }
}

void Writer::string(std::string_view text, std::size_t depth) {
  switch (chooseStyle(text)) {
    case Style::kPlain:
      out_ += text;
      return;
    case Style::kSingleQuoted:
      return singleQuoted(text);
    case Style::kDoubleQuoted:
      return doubleQuoted(text);
    case Style::kLiteral:
      return literal(text, std::max<std::size_t>(depth, 1));
  }
}

void Writer::key(std::string_view text) {
  switch (chooseStyle(text)) {
    case Style::kPlain:
      out_ += text;
      return;
    case Style::kSingleQuoted:
      return singleQuoted(text);
    case Style::kDoubleQuoted:
    case Style::kLiteral:
      return doubleQuoted(text);
  }
}

void Writer::singleQuoted(std::string_view text) {
  out_ += '\'';
  for (const char c : text) {
    out_ += c;
    if (c == '\'') out_ += c;
  }
  out_ += '\'';
}

void Writer::doubleQuoted(std::string_view text) {
  out_ += '"';
  while (!text.empty()) {
    const std::size_t length = utf8Length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    const std::uint32_t code = length == 0 ? 0xFFFD : utf8Decode(sequence);
    text.remove_prefix(sequence.size());
    if (code == '"' || code == '\\') {
      out_ += '\\';
      out_ += static_cast<char>(code);
    } else if (code == '\n') {
      out_ += "\\n";
    } else if (code == '\t') {
      out_ += "\\t";
    } else if (code == '\r') {
      out_ += "\\r";
    } else if (length == 0 || isSpecial(code)) {
      out_ += fmt::format("\\u{:04X}", code);
    } else {
      out_ += sequence;
    }
  }
  out_ += '"';
}

// "|" keeps one last line break, "|-" none, "|+" all.
void Writer::literal(std::string_view text, std::size_t depth) {
  out_ += '|';
  if (!text.ends_with('\n')) {
    out_ += '-';
  } else if (text.ends_with("\n\n")) {
    out_ += '+';
  }
  const bool has_break = text.ends_with('\n');
  if (has_break) text.remove_suffix(1);
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    out_ += '\n';
    if (!line.empty()) out_.append(depth * 2, ' ').append(line);
    at = end + 1;
  }
}

}  // namespace

std::string toYaml(const Value& value) {
  Writer writer;
  writer.document(value);
  return writer.take();
}

}  // namespace towpath::json
