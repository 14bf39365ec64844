#include "apiserver/kinds.h"

#include <fmt/format.h>

#include <algorithm>

#include "apiserver/builtin_kinds.h"
#include "base/assert.h"
#include "crds/crds.h"
#include "json/yaml.h"

namespace towpath::apiserver {
namespace {

std::vector<std::string> strings(const Value& list) {
  std::vector<std::string> texts;
  for (const auto& entry : list.asArray()) texts.emplace_back(entry.asStringView());
  return texts;
}

std::string lowered(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::vector<Column> columnsOf(const Value& version) {
  std::vector<Column> columns;
  for (const auto& entry : version["additionalPrinterColumns"].asArray()) {
    columns.push_back({.name = entry["name"].asString(),
                       .type = entry["type"].asString("string"),
                       .format = entry["format"].asString(),
                       .description = entry["description"].asString(),
                       .priority = static_cast<int>(entry["priority"].asInt()),
                       .path = entry["jsonPath"].asString()});
  }
  if (columns.empty()) {
    columns.push_back({.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"});
  }
  return columns;
}

Kind kindOfVersion(const Value& spec, const Value& version) {
  const auto& names = spec["names"];
  Kind kind;
  kind.resource = {.group = spec["group"].asString(),
                   .version = version["name"].asString(),
                   .plural = names["plural"].asString(),
                   .kind = names["kind"].asString(),
                   .namespaced = spec["scope"].asStringView() != "Cluster"};
  kind.singular = names["singular"].asString(lowered(kind.resource.kind));
  kind.list_kind = names["listKind"].asString(kind.resource.kind + "List");
  kind.short_names = strings(names["shortNames"]);
  kind.categories = strings(names["categories"]);
  kind.custom = true;
  kind.has_generation = true;
  const auto& subresources = version["subresources"];
  kind.has_status = subresources["status"].isObject();
  if (const auto& scale = subresources["scale"]; scale.isObject()) {
    kind.scale = ScalePaths{scale["specReplicasPath"].asString(), scale["statusReplicasPath"].asString(),
                            scale["labelSelectorPath"].asString()};
  }
  for (const auto& field : version["selectableFields"].asArray()) {
    const auto path = field["jsonPath"].asStringView();
    kind.selectable_fields.emplace_back(path.substr(path.starts_with('.') ? 1 : 0));
  }
  kind.columns = columnsOf(version);
  const auto& schema = version["schema"]["openAPIV3Schema"];
  kind.description = schema["description"].asString();
  kind.schema = std::make_shared<const Value>(schema);
  return kind;
}

}  // namespace

Result<std::vector<Kind>> kindsOfDefinition(const Value& definition) {
  const auto& spec = definition["spec"];
  const auto& names = spec["names"];
  for (const auto* member : {"plural", "kind"}) {
    if (names[member].asStringView().empty()) {
      return fail(ErrorKind::kInvalid, "Required value", fmt::format("spec.names.{}", member));
    }
  }
  if (spec["group"].asStringView().empty()) return fail(ErrorKind::kInvalid, "Required value", "spec.group");
  const auto wanted = fmt::format("{}.{}", names["plural"].asStringView(), spec["group"].asStringView());
  if (definition["metadata"]["name"].asStringView() != wanted) {
    return fail(ErrorKind::kInvalid, fmt::format("must be spec.names.plural + \".\" + spec.group, which is {}", wanted),
                "metadata.name");
  }
  std::vector<Kind> kinds;
  std::vector<std::string> versions;
  std::string stored;
  for (std::size_t i = 0; i < spec["versions"].asArray().size(); ++i) {
    const auto& version = spec["versions"][i];
    if (!version["schema"]["openAPIV3Schema"].isObject()) {
      return fail(ErrorKind::kInvalid, "Required value: schemas are required",
                  fmt::format("spec.versions[{}].schema.openAPIV3Schema", i));
    }
    if (version["storage"].asBool()) {
      if (!stored.empty()) return fail(ErrorKind::kInvalid, "only one version may be the stored one", "spec.versions");
      stored = version["name"].asString();
    }
    if (!version["served"].asBool()) continue;
    kinds.push_back(kindOfVersion(spec, version));
    versions.push_back(kinds.back().resource.version);
  }
  if (stored.empty()) return fail(ErrorKind::kInvalid, "one version must have storage: true", "spec.versions");
  if (const auto at = std::ranges::find(versions, stored); at != versions.end())
    std::rotate(versions.begin(), at, at + 1);
  for (auto& kind : kinds) kind.versions = versions;
  return kinds;
}

KindTable::KindTable() {
  for (auto& kind : builtInKinds()) {
    built_in_.insert(kind.storageName());
    add(std::move(kind));
  }
  for (const auto& file : crds::files()) {
    const auto definition = json::parseYamlDocument(file.text);
    TOWPATH_ASSERT(definition, "our own CustomResourceDefinitions are YAML");
    addBuiltIn(*definition);
  }
}

void KindTable::addBuiltIn(const Value& definition) {
  const auto added = applyDefinition(definition);
  TOWPATH_ASSERT(added, "our own CustomResourceDefinitions are sound");
  built_in_.insert(definition["metadata"]["name"].asString());
}

void KindTable::add(Kind kind) {
  Key key{kind.storageName(), kind.resource.version};
  kinds_[std::move(key)] = std::make_shared<const Kind>(std::move(kind));
  ++epoch_;
}

KindRef KindTable::find(std::string_view group, std::string_view version, std::string_view plural) const {
  Key key{group.empty() ? std::string(plural) : fmt::format("{}.{}", plural, group), std::string(version)};
  const auto found = kinds_.find(key);
  return found == kinds_.end() ? nullptr : found->second;
}

KindRef KindTable::find(const cluster::Resource& resource) const {
  return find(resource.group, resource.version, resource.plural);
}

KindRef KindTable::findStorage(std::string_view storage_name) const {
  const auto found = kinds_.lower_bound(Key{std::string(storage_name), std::string()});
  return found == kinds_.end() || found->first.first != storage_name ? nullptr : found->second;
}

KindRef KindTable::findKind(std::string_view api_version, std::string_view kind) const {
  for (const auto& [key, candidate] : kinds_) {
    if (candidate->resource.kind == kind && candidate->resource.apiVersion() == api_version) return candidate;
  }
  return nullptr;
}

std::vector<KindRef> KindTable::all() const {
  std::vector<KindRef> kinds;
  for (const auto& [key, kind] : kinds_) kinds.push_back(kind);
  std::ranges::sort(kinds, {}, [](const KindRef& kind) {
    return std::tie(kind->resource.group, kind->resource.version, kind->resource.plural);
  });
  return kinds;
}

Result<void> KindTable::checkDefinition(const Value& definition) const {
  auto kinds = kindsOfDefinition(definition);
  if (!kinds) return std::unexpected(kinds.error());
  const auto name = definition["metadata"]["name"].asStringView();
  for (const auto& kind : *kinds) {
    for (const auto& [key, other] : kinds_) {
      if (key.first != name && other->resource.group == kind.resource.group &&
          other->resource.kind == kind.resource.kind) {
        return fail(ErrorKind::kInvalid, fmt::format("{} has this kind already", key.first), "spec.names.kind");
      }
    }
  }
  return {};
}

Result<void> KindTable::applyDefinition(const Value& definition) {
  if (auto checked = checkDefinition(definition); !checked) return checked;
  const auto name = definition["metadata"]["name"].asString();
  if (built_in_.contains(name)) return {};
  removeDefinition(name);
  for (auto& kind : *kindsOfDefinition(definition)) add(std::move(kind));
  return {};
}

void KindTable::removeDefinition(std::string_view storage_name) {
  if (built_in_.contains(storage_name)) return;
  std::erase_if(kinds_, [&](const auto& entry) { return entry.first.first == storage_name; });
  ++epoch_;
}

bool KindTable::isBuiltIn(std::string_view storage_name) const { return built_in_.contains(storage_name); }

}  // namespace towpath::apiserver
