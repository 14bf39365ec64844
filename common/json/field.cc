#include "json/field.h"

#include <algorithm>
#include <charconv>

namespace towpath::json {

namespace {

// Takes "name", "[3]", "['name']" or "[name]" off the front; false when the rest is no path. A step into a list keeps
// `is_index` so that "[3]" may also name the member "3" of an object.
bool takeStep(std::string_view& rest, std::string_view& name, bool& is_index) {
  is_index = false;
  if (rest.starts_with('.')) rest.remove_prefix(1);
  if (rest.empty()) return false;
  if (rest[0] != '[') {
    name = rest.substr(0, rest.find_first_of(".["));
    rest.remove_prefix(name.size());
    return !name.empty();
  }
  const bool is_quoted = rest.size() > 1 && (rest[1] == '\'' || rest[1] == '"');
  const std::size_t begin = is_quoted ? 2 : 1;
  const std::size_t end = is_quoted ? rest.find(rest[1], begin) : rest.find(']', begin);
  if (end == std::string_view::npos) return false;
  name = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  if (is_quoted) rest.remove_prefix(1);
  if (!rest.starts_with(']')) return false;
  rest.remove_prefix(1);
  is_index = !is_quoted;
  return true;
}

const Value& elementAt(const Value& list, std::string_view name) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  return error == std::errc() && end == name.data() + name.size() ? list[index] : Value::null();
}

}  // namespace

const Value& fieldAt(const Value& root, std::string_view path) {
  const Value* value = &root;
  while (!path.empty()) {
    std::string_view name;
    bool is_index = false;
    if (!takeStep(path, name, is_index)) return Value::null();
    value = is_index && value->isArray() ? &elementAt(*value, name) : &(*value)[name];
  }
  return *value;
}

std::string joinPath(std::string_view parent, std::string_view member) {
  const bool is_plain = !member.empty() && member.find_first_of("./[] ") == std::string_view::npos;
  if (!is_plain) return fmt::format("{}[{}]", parent, member);
  return parent.empty() ? std::string(member) : fmt::format("{}.{}", parent, member);
}

std::string joinPath(std::string_view parent, std::size_t index) { return fmt::format("{}[{}]", parent, index); }

}  // namespace towpath::json
