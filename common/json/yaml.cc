#include "json/yaml.h"

#include <yaml.h>

#include <cmath>
#include <unordered_map>

#include "base/limits.h"
#include "json/field.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "json/yaml_scalar.h"

namespace towpath::json {

namespace {

constexpr std::size_t kPairwise = 32;            // keys up to which comparing beats hashing
constexpr std::size_t kExpandedNodes = 200'000;  // that aliases of one document may add

struct Event {
  Event() = default;
  ~Event() { yaml_event_delete(&raw); }
  Event(Event&& other) noexcept : raw(std::exchange(other.raw, yaml_event_t{})) {}
  Event& operator=(Event&&) = delete;

  yaml_event_t raw{};
};

std::string_view text(const yaml_char_t* chars) { return chars ? reinterpret_cast<const char*>(chars) : ""; }

std::size_t countNodes(const Value& value) {
  std::size_t count = 1;
  for (const Value& element : value.asArray()) count += countNodes(element);
  for (const Object::Member& member : value.asObject()) count += countNodes(member.value);
  return count;
}

// A mapping as it grows. Keys written out win over merged ones wherever the merge stands, and earlier merges over
// later.
class Mapping {
 public:
  // False if the key was there already; then its value is replaced.
  bool set(std::string key, Value value) {
    if (Value* old = find(key)) {
      *old = std::move(value);
      return false;
    }
    append(std::move(key), std::move(value));
    return true;
  }
  void merge(const Object& object) {
    for (const Object::Member& member : object) merged_.push_back(member);
  }
  std::size_t size() const { return object_.size() + merged_.size(); }
  Object take() {
    for (Object::Member& member : merged_) {
      if (!find(member.key)) append(std::move(member.key), std::move(member.value));
    }
    return std::move(object_);
  }

 private:
  Value* find(const std::string& key) {
    if (object_.size() <= kPairwise) return object_.find(key);
    if (places_.empty()) {
      std::size_t place = 0;
      for (const Object::Member& member : object_) places_.emplace(member.key, place++);
    }
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &(object_.begin() + static_cast<std::ptrdiff_t>(found->second))->value;
  }
  void append(std::string key, Value value) {
    if (!places_.empty()) places_.emplace(key, object_.size());
    object_.append(std::move(key), std::move(value));
  }

  Object object_;
  std::vector<Object::Member> merged_;
  std::unordered_map<std::string, std::size_t> places_;  // of the keys; filled once there are many
};

class Reader {
 public:
  Reader(std::string_view input, const YamlOptions& options) : options_(options) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(input.data()), input.size());
  }
  ~Reader() { yaml_parser_delete(&parser_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Result<std::vector<YamlDocument>> documents();

 private:
  struct Step {
    std::string key;
    std::size_t index = 0;
    bool is_index = false;
  };

  Result<Event> next();
  Result<Value> node(Event event);
  Result<Value> scalar(const Event& event);
  Result<Value> alias(const Event& event);
  Result<Value> sequence(const Event& begin);
  Result<Value> mapping(const Event& begin);
  Result<std::string> key(Event event);
  std::optional<Error> addMember(Mapping& mapping, Event key_event);
  std::optional<Error> mergeInto(Mapping& mapping, const Value& value, const yaml_mark_t& mark);
  std::optional<Error> enter(const yaml_mark_t& mark);
  void remember(const yaml_char_t* anchor, const Value& value) {
    if (anchor) anchors_[std::string(text(anchor))] = value;
  }
  std::string path() const;
  void noteLine(const yaml_mark_t& mark) {
    if (options_.lines == YamlLines::kFields) lines_.emplace(path(), mark.line + 1);
  }
  static std::unexpected<Error> failAt(ErrorKind kind, const yaml_mark_t& mark, std::string_view why);

  const YamlOptions& options_;
  yaml_parser_t parser_{};
  std::unordered_map<std::string, Value> anchors_;
  std::map<std::string, std::size_t> lines_;  // of the present document
  std::vector<Step> steps_;  // from the root of the document to the node being read; its size is the depth
  std::size_t aliases_ = 0;
  std::size_t expanded_nodes_ = 0;
};

std::unexpected<Error> Reader::failAt(ErrorKind kind, const yaml_mark_t& mark, std::string_view why) {
  return fail(kind, fmt::format("invalid YAML at line {}, column {}: {}", mark.line + 1, mark.column + 1, why));
}

std::string Reader::path() const {
  std::string joined;
  for (const Step& step : steps_) joined = step.is_index ? joinPath(joined, step.index) : joinPath(joined, step.key);
  return joined;
}

Result<Event> Reader::next() {
  Event event;
  if (yaml_parser_parse(&parser_, &event.raw)) return event;
  if (parser_.error == YAML_MEMORY_ERROR) return fail(ErrorKind::kInternal, "out of memory while reading YAML");
  if (parser_.error == YAML_READER_ERROR) {
    return fail(ErrorKind::kInvalid,
                fmt::format("invalid YAML at byte {}: {}", parser_.problem_offset, parser_.problem));
  }
  std::string why = parser_.problem ? parser_.problem : "malformed";
  if (parser_.context) why += fmt::format(" ({}, line {})", parser_.context, parser_.context_mark.line + 1);
  return failAt(ErrorKind::kInvalid, parser_.problem_mark, why);
}

Result<std::vector<YamlDocument>> Reader::documents() {
  std::vector<YamlDocument> found;
  while (true) {
    Result<Event> event = next();
    if (!event) return std::unexpected(std::move(event.error()));
    if (event->raw.type == YAML_STREAM_END_EVENT) return found;
    if (event->raw.type != YAML_DOCUMENT_START_EVENT) continue;
    anchors_.clear();
    aliases_ = expanded_nodes_ = 0;
    Result<Event> root = next();
    if (!root) return std::unexpected(std::move(root.error()));
    const std::size_t line = root->raw.start_mark.line + 1;
    Result<Value> value = node(std::move(*root));
    if (!value) return std::unexpected(std::move(value.error()));
    std::map<std::string, std::size_t> lines = std::exchange(lines_, {});
    if (!value->isNull()) found.push_back({std::move(*value), line, std::move(lines)});
  }
}

Result<Value> Reader::node(Event event) {
  switch (event.raw.type) {
    case YAML_SCALAR_EVENT:
      return scalar(event);
    case YAML_ALIAS_EVENT:
      return alias(event);
    case YAML_SEQUENCE_START_EVENT:
      return sequence(event);
    case YAML_MAPPING_START_EVENT:
      return mapping(event);
    default:
      return failAt(ErrorKind::kInvalid, event.raw.start_mark, "a value is missing");
  }
}

Result<Value> Reader::scalar(const Event& event) {
  const auto& raw = event.raw.data.scalar;
  const std::string_view content(reinterpret_cast<const char*>(raw.value), raw.length);
  std::string_view tag = text(raw.tag);
  if (tag.starts_with("tag:yaml.org,2002:")) tag.remove_prefix(std::string_view("tag:yaml.org,2002:").size());
  const bool is_typed = tag == "int" || tag == "float" || tag == "bool" || tag == "null";
  const bool is_plain = tag.empty() && raw.style == YAML_PLAIN_SCALAR_STYLE;
  Value value = is_plain || is_typed ? resolvePlainScalar(content) : Value(content);
  if (tag == "binary") return failAt(ErrorKind::kInvalid, event.raw.start_mark, "!!binary is not supported here");
  if (tag == "float" && value.isInt()) value = Value(value.asDouble());
  const bool fits = (tag == "int" && value.isInt()) || (tag == "float" && value.isDouble()) ||
                    (tag == "bool" && value.isBool()) || (tag == "null" && value.isNull());
  if (is_typed && !fits) {
    return failAt(ErrorKind::kInvalid, event.raw.start_mark, fmt::format("\"{}\" is not a !!{}", content, tag));
  }
  if (const double* number = value.ifDouble(); number && !std::isfinite(*number)) {
    return failAt(ErrorKind::kInvalid, event.raw.start_mark,
                  fmt::format("{} has no place in JSON; quote it if it is text", content));
  }
  remember(raw.anchor, value);
  return value;
}

Result<Value> Reader::alias(const Event& event) {
  const std::string name(text(event.raw.data.alias.anchor));
  const auto found = anchors_.find(name);
  if (found == anchors_.end()) {
    return failAt(ErrorKind::kInvalid, event.raw.start_mark, fmt::format("unknown anchor \"{}\"", name));
  }
  expanded_nodes_ += countNodes(found->second);
  if (++aliases_ > limits::kYamlAliases || expanded_nodes_ > kExpandedNodes) {
    return failAt(ErrorKind::kTooLarge, event.raw.start_mark, "the aliases of this document expand to too much");
  }
  return found->second;
}

std::optional<Error> Reader::enter(const yaml_mark_t& mark) {
  if (steps_.size() >= limits::kJsonDepth) {
    return failAt(ErrorKind::kTooLarge, mark, fmt::format("nested deeper than {} levels", limits::kJsonDepth)).error();
  }
  steps_.emplace_back();
  return std::nullopt;
}

Result<Value> Reader::sequence(const Event& begin) {
  if (std::optional<Error> error = enter(begin.raw.start_mark)) return std::unexpected(std::move(*error));
  Array array;
  steps_.back().is_index = true;
  while (true) {
    Result<Event> event = next();
    if (!event) return std::unexpected(std::move(event.error()));
    if (event->raw.type == YAML_SEQUENCE_END_EVENT) break;
    steps_.back().index = array.size();
    noteLine(event->raw.start_mark);
    Result<Value> element = node(std::move(*event));
    if (!element) return element;
    array.push_back(std::move(*element));
  }
  steps_.pop_back();
  Value value(std::move(array));
  remember(begin.raw.data.sequence_start.anchor, value);
  return value;
}

Result<Value> Reader::mapping(const Event& begin) {
  if (std::optional<Error> error = enter(begin.raw.start_mark)) return std::unexpected(std::move(*error));
  Mapping members;
  while (true) {
    Result<Event> event = next();
    if (!event) return std::unexpected(std::move(event.error()));
    if (event->raw.type == YAML_MAPPING_END_EVENT) break;
    if (std::optional<Error> error = addMember(members, std::move(*event))) return std::unexpected(std::move(*error));
  }
  steps_.pop_back();
  Value value(members.take());
  if (value.asObject().size() > limits::kJsonMembers) {
    return failAt(ErrorKind::kTooLarge, begin.raw.start_mark, "a mapping has too many members");
  }
  remember(begin.raw.data.mapping_start.anchor, value);
  return value;
}

std::optional<Error> Reader::addMember(Mapping& members, Event key_event) {
  const yaml_mark_t mark = key_event.raw.start_mark;
  if (members.size() >= limits::kJsonMembers) {
    return failAt(ErrorKind::kTooLarge, mark, fmt::format("a mapping has more than {} members", limits::kJsonMembers))
        .error();
  }
  const bool is_merge = key_event.raw.type == YAML_SCALAR_EVENT &&
                        key_event.raw.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                        text(key_event.raw.data.scalar.value) == "<<";
  Result<std::string> name = key(std::move(key_event));
  if (!name) return std::move(name.error());
  steps_.back().key = *name;
  noteLine(mark);
  Result<Event> event = next();
  if (!event) return std::move(event.error());
  Result<Value> value = node(std::move(*event));
  if (!value) return std::move(value.error());
  if (is_merge) return mergeInto(members, *value, mark);
  if (members.set(std::move(*name), std::move(*value))) return std::nullopt;
  if (!options_.duplicates) {
    return failAt(ErrorKind::kInvalid, mark, fmt::format("the key \"{}\" is given twice", path())).error();
  }
  if (options_.duplicates->size() < kMaxDuplicates) options_.duplicates->push_back(path());
  return std::nullopt;
}

std::optional<Error> Reader::mergeInto(Mapping& members, const Value& value, const yaml_mark_t& mark) {
  if (const Object* object = value.ifObject()) {
    members.merge(*object);
    return std::nullopt;
  }
  for (const Value& element : value.asArray()) {
    if (!element.isObject()) return failAt(ErrorKind::kInvalid, mark, "only mappings can be merged").error();
    members.merge(element.asObject());
  }
  if (!value.isArray()) return failAt(ErrorKind::kInvalid, mark, "only mappings can be merged").error();
  return std::nullopt;
}

// Keys that are numbers or booleans to YAML become the texts of those, since JSON knows only strings there.
Result<std::string> Reader::key(Event event) {
  const yaml_mark_t mark = event.raw.start_mark;
  const Result<Value> value = node(std::move(event));
  if (!value) return std::unexpected(value.error());
  if (const std::string* name = value->ifString()) return *name;
  if (value->isBool() || value->isNumber()) return serialize(*value);
  return failAt(ErrorKind::kInvalid, mark,
                fmt::format("a key must be text, but this one is of type {}", toString(value->kind())));
}

}  // namespace

Result<std::vector<YamlDocument>> parseYaml(std::string_view input, const YamlOptions& options) {
  return Reader(input, options).documents();
}

Result<Value> parseYamlDocument(std::string_view input, const YamlOptions& options) {
  Result<std::vector<YamlDocument>> documents = parseYaml(input, options);
  if (!documents) return std::unexpected(std::move(documents.error()));
  if (documents->empty()) return fail(ErrorKind::kInvalid, "the YAML has no document");
  if (documents->size() > 1) {
    return fail(ErrorKind::kInvalid,
                fmt::format("one document is expected, but a second begins at line {}", (*documents)[1].line));
  }
  return std::move(documents->front().value);
}

}  // namespace towpath::json
