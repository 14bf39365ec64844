#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/schema.h"
#include "json/field.h"
#include "lint/checks.h"
#include "play/manifests.h"

namespace towpath::lint {
namespace {

constexpr const char* kOurVersion = "argoproj.io/v1alpha1";
constexpr std::size_t kFarthest = 3;  // edits between what was written and what is suggested

// Levenshtein's distance. Names of fields are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// Which of the object's fields is at the path: "spec.steps[2].wait" → the schema of spec.steps[2] and "wait".
struct Place {
  const Value* schema = nullptr;
  std::string field;
};

// Members are found by `properties` or `additionalProperties`, elements by `items`.
Place placeOf(const Value& root, std::string_view path) {
  Place place{&root, ""};
  while (!path.empty()) {
    if (path.front() == '.') path.remove_prefix(1);
    const bool bracket = path.starts_with('[');
    const std::size_t end = bracket ? std::min(path.find(']') + 1, path.size()) : path.find_first_of(".[");
    const std::string_view step = path.substr(0, end);
    path.remove_prefix(step.size());
    if (path.empty()) {
      place.field = std::string(step);
      return place;
    }
    const Value& schema = *place.schema;
    const Value& property = schema["properties"][step];
    const Value& items = schema["items"];
    place.schema = bracket && items.isObject() ? &items
                   : property.isObject()       ? &property
                                               : &schema["additionalProperties"];
  }
  return place;
}

std::string mendOf(const Value& schema, std::string_view path) {
  const Place place = placeOf(schema, path);
  std::vector<std::string> known;
  for (const Object::Member& member : (*place.schema)["properties"].asObject()) known.push_back(member.key);
  if (known.empty()) return "remove it";
  const auto nearest =
      std::ranges::min_element(known, {}, [&](const std::string& name) { return distance(name, place.field); });
  if (distance(*nearest, place.field) <= std::min(kFarthest, place.field.size() / 2)) {
    return fmt::format("did you mean \"{}\"?", *nearest);
  }
  return fmt::format("known here are {}", fmt::join(known, ", "));
}

void checkSchema(const Document& document, const Value& schema, Findings& findings) {
  Value object = document.object;
  for (const std::string& path : api::findUnknownFields(schema, object, api::UnknownFields::kKeep)) {
    findings.error(document, path, fmt::format("unknown field: {}", mendOf(schema, path)));
  }
  api::applyDefaults(schema, object);
  for (const api::FieldError& error : api::validateSchema(schema, object)) findings.error(document, error);
}

bool isOurs(std::string_view api_version) { return api_version.starts_with("argoproj.io/"); }

// Kinds of other groups that share a name with one of ours do not exist.
bool checkVersion(const Document& document, const Value& schema, Findings& findings) {
  const std::string_view version = document.object["apiVersion"].asStringView();
  if (!schema.isNull() && version != kOurVersion) {
    findings.error(document, "apiVersion", fmt::format("a {} is of \"{}\"", document.kind(), kOurVersion));
    return false;
  }
  // Argo CD and its relatives have the group as well.
  constexpr std::array<std::string_view, 6> kRelatives{"Application", "ApplicationSet",   "AppProject",
                                                       "Workflow",    "WorkflowTemplate", "CronWorkflow"};
  const bool relative = std::ranges::find(kRelatives, document.kind()) != kRelatives.end();
  if (schema.isNull() && version == kOurVersion && !relative) {
    findings.warning(document, "kind", fmt::format("no kind \"{}\" of {} is known here", document.kind(), kOurVersion));
    return false;
  }
  return true;
}

}  // namespace

bool checkShape(const Document& document, Findings& findings) {
  if (!document.object.isObject()) {
    findings.error(document, "", "an object is wanted, with apiVersion, kind and metadata");
    return false;
  }
  bool whole = true;
  for (const char* const field : {"apiVersion", "kind"}) {
    if (!document.object[field].asStringView().empty()) continue;
    findings.error(document, field, "Required value: every object has one");
    whole = false;
  }
  if (!whole) return false;
  const bool generated = !document.object["metadata"]["generateName"].asStringView().empty();
  if (document.name().empty() && !generated) {
    findings.error(document, "metadata.name", "Required value: name or generateName is required");
  }
  const Value& schema = play::schemaOf(document.kind());
  if (!checkVersion(document, schema, findings)) return false;
  if (isOurs(document.object["apiVersion"].asStringView()) && !schema.isNull()) checkSchema(document, schema, findings);
  return true;
}

}  // namespace towpath::lint
