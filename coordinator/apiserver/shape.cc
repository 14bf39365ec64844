#include "apiserver/shape.h"

#include "base/assert.h"
#include "json/parse.h"

namespace towpath::apiserver {
namespace {

// The next piece of `text` up to `separator`, taken off its front.
std::string_view cut(std::string_view& text, char separator) {
  const auto at = std::min(text.find(separator), text.size());
  const auto piece = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return piece;
}

std::vector<std::string> splitAll(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    if (auto piece = cut(text, separator); !piece.empty()) pieces.emplace_back(piece);
  }
  return pieces;
}

Value plain(const char* type) { return Object{{"type", type}}; }

Value intOrString() { return Object{{"x-kubernetes-int-or-string", true}}; }

// Calls `use` with each logical line: lines that begin with a space go on.
template <class Use>
void eachLine(std::string_view text, Use use) {
  std::string line;
  while (!text.empty()) {
    const auto piece = cut(text, '\n');
    if (!piece.starts_with(' ') && !line.empty()) use(std::exchange(line, {}));
    line += piece;
  }
  if (!line.empty()) use(line);
}

}  // namespace

void ShapeTable::read(std::string_view text) {
  eachLine(text, [this](std::string_view line) {
    if (line.empty()) return;
    const std::string name(cut(line, ' '));
    shapes_[name] = shapeSchema(line);
  });
}

Value ShapeTable::shapeSchema(std::string_view fields) const {
  Object properties;
  Array required;
  while (!fields.empty()) {
    if (auto field = cut(fields, ' '); !field.empty()) addField(field, properties, required);
  }
  Object schema{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema.set("required", std::move(required));
  return schema;
}

void ShapeTable::addField(std::string_view field, Object& properties, Array& required) const {
  auto name = cut(field, ':');
  if (name.ends_with('!')) {
    name.remove_suffix(1);
    required.emplace_back(name);
  }
  const auto type = cut(field, '=');
  Value schema = typeSchema(type);
  if (!field.empty()) {
    auto otherwise = json::parse(field);
    TOWPATH_ASSERT(otherwise, "defaults in the table of built-in kinds are JSON");
    schema["default"] = std::move(*otherwise);
  }
  properties.append(std::string(name), std::move(schema));
}

Value ShapeTable::typeSchema(std::string_view type) const {
  if (type == "s") return plain("string");
  if (type == "i") return Object{{"type", "integer"}, {"format", "int64"}};
  if (type == "n") return plain("number");
  if (type == "b") return plain("boolean");
  if (type == "t") return Object{{"type", "string"}, {"format", "date-time"}, {"nullable", true}};
  if (type == "q" || type == "ios") return intOrString();
  if (type == "any") return Object{{"x-kubernetes-preserve-unknown-fields", true}};
  if (type == "obj") return Object{{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  if (type.starts_with("s(")) {
    Array allowed;
    for (auto& one : splitAll(type.substr(2, type.size() - 3), '|')) allowed.emplace_back(std::move(one));
    return Object{{"type", "string"}, {"enum", std::move(allowed)}};
  }
  if (type.starts_with('{')) {
    return Object{{"type", "object"}, {"additionalProperties", typeSchema(type.substr(1, type.size() - 2))}};
  }
  if (type.starts_with('[')) {
    const auto end = type.find(']');
    Object schema{{"type", "array"}, {"items", typeSchema(type.substr(1, end - 1))}};
    if (end + 2 < type.size()) {
      schema.set("x-kubernetes-patch-merge-key", type.substr(end + 2));
      schema.set("x-kubernetes-patch-strategy", "merge");
    }
    return schema;
  }
  const auto shape = shapes_.find(type);
  TOWPATH_ASSERT(shape != shapes_.end(), "the table of built-in kinds names only shapes that come before");
  return shape->second;
}

std::vector<Kind> ShapeTable::kinds(std::string_view table) const {
  std::vector<Kind> kinds;
  eachLine(table, [&](std::string_view line) {
    if (line.empty()) return;
    Kind kind;
    std::vector<std::string> words = splitAll(line, ' ');
    const std::string_view api_version = words[1];
    const auto slash = api_version.find('/');
    kind.resource.group = slash == std::string_view::npos ? "" : api_version.substr(0, slash);
    kind.resource.version = slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
    kind.resource.kind = words[2];
    kind.resource.plural = words[3];
    for (std::size_t i = 4; i < words.size(); ++i) {
      std::string_view values = words[i];
      const auto flag = cut(values, '=');
      if (flag == "cluster") kind.resource.namespaced = false;
      if (flag == "status") kind.has_status = true;
      if (flag == "gen") kind.has_generation = true;
      if (flag == "custom") kind.custom = true;
      if (flag == "scale") kind.scale = ScalePaths{".spec.replicas", ".status.replicas", ""};
      if (flag == "short") kind.short_names = splitAll(values, ',');
      if (flag == "cat") kind.categories = splitAll(values, ',');
      if (flag == "fields") {
        for (auto& field : splitAll(values, ',')) kind.selectable_fields.push_back(std::move(field));
      }
    }
    for (const char c : kind.resource.kind) kind.singular += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    kind.list_kind = kind.resource.kind + "List";
    kind.versions = {kind.resource.version};
    Value schema = shapes_.find(kind.resource.kind)->second;
    Object with_type{{"apiVersion", plain("string")}, {"kind", plain("string")}, {"metadata", plain("object")}};
    for (auto& [name, property] : *schema["properties"].ifObject()) with_type.append(name, std::move(property));
    schema["properties"] = std::move(with_type);
    // shared: with requests under way (kinds.h)
    kind.schema = std::make_shared<const Value>(std::move(schema));
    kinds.push_back(std::move(kind));
  });
  return kinds;
}

}  // namespace towpath::apiserver
