#include "apiserver/table.h"

#include <map>

#include "json/path.h"

namespace towpath::apiserver {
namespace {

Value definition(const Column& column) {
  return Object{{"name", column.name},
                {"type", column.type},
                {"format", column.format},
                {"description", column.description},
                {"priority", column.priority}};
}

const Column kName{
    .name = "Name", .type = "string", .format = "name", .description = "Name must be unique within a namespace."};

// Parsed paths are kept: a watch makes a row for each event.
const json::Path* parsedPath(const std::string& text) {
  static std::map<std::string, std::optional<json::Path>> paths;
  auto found = paths.find(text);
  if (found == paths.end()) {
    auto parsed = json::Path::parse(text);
    found = paths.emplace(text, parsed ? std::optional(std::move(*parsed)) : std::nullopt).first;
  }
  return found->second ? &*found->second : nullptr;
}

Value pathCell(const Column& column, const Value& object, WallTime now) {
  const auto* path = parsedPath(column.path);
  if (path == nullptr) return {};
  const auto found = path->find(object);
  if (!found || found->empty()) return {};
  const Value& first = *found->front();
  if (column.type == "date") return ageText(first, now);
  if (column.type == "integer" && first.isNumber()) return first.asInt();
  if (column.type == "number" && first.isNumber()) return first.asDouble();
  if (column.type == "boolean" && first.isBool()) return first;
  auto printed = path->print(object);
  return printed ? Value(std::move(*printed)) : Value();
}

}  // namespace

std::string ageText(const Value& timestamp, WallTime now) {
  const auto since = parseRfc3339(timestamp.asStringView());
  return since ? formatAge(now - *since) : "<unknown>";
}

Value columnDefinitions(const Kind& kind) {
  Array definitions;
  if (const auto* computed = computedColumns(kind)) {
    for (const auto& column : *computed) definitions.push_back(definition(column.column));
    return definitions;
  }
  definitions.push_back(definition(kName));
  for (const auto& column : kind.columns) definitions.push_back(definition(column));
  return definitions;
}

Value partialMetadata(const Value& object) {
  return Object{{"kind", "PartialObjectMetadata"}, {"apiVersion", "meta.k8s.io/v1"}, {"metadata", object["metadata"]}};
}

Value tableRow(const Kind& kind, const Value& object, IncludeObject include, WallTime now) {
  Array cells;
  if (const auto* computed = computedColumns(kind)) {
    for (const auto& column : *computed) cells.push_back(column.cell(object, now));
  } else {
    cells.push_back(object["metadata"]["name"]);
    for (const auto& column : kind.columns) cells.push_back(pathCell(column, object, now));
  }
  Object row{{"cells", std::move(cells)}};
  switch (include) {
    case IncludeObject::kNone:
      break;
    case IncludeObject::kMetadata:
      row.set("object", partialMetadata(object));
      break;
    case IncludeObject::kObject:
      row.set("object", object);
      break;
  }
  return row;
}

}  // namespace towpath::apiserver
