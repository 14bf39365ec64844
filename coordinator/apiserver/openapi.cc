// OpenAPI documents, as far as kubectl reads them: explain looks up the path of a resource and then its schema; apply
// looks for `fieldValidation` and `dryRun` among the parameters of PATCH, and for the merge keys of lists.

#include <fmt/format.h>

#include <algorithm>

#include "apiserver/discovery.h"

namespace towpath::apiserver {
namespace {

Value gvk(const Kind& kind) {
  return Object{{"group", kind.resource.group}, {"version", kind.resource.version}, {"kind", kind.resource.kind}};
}

// "io.argoproj.v1alpha1.Rollout", "io.k8s.api.core.v1.Pod".
std::string definitionName(const Kind& kind) {
  const auto& resource = kind.resource;
  if (!kind.custom) {
    const auto dot = resource.group.find('.');
    const auto group = resource.group.empty() ? "core" : resource.group.substr(0, dot);
    return fmt::format("io.k8s.api.{}.{}.{}", group, resource.version, resource.kind);
  }
  std::string reversed;
  for (std::string_view rest = resource.group; !rest.empty();) {
    const auto dot = rest.rfind('.');
    reversed += rest.substr(dot == std::string_view::npos ? 0 : dot + 1);
    reversed += '.';
    rest = rest.substr(0, dot == std::string_view::npos ? 0 : dot);
  }
  return fmt::format("{}{}.{}", reversed, resource.version, resource.kind);
}

Value described(const char* type, const char* text) { return Object{{"type", type}, {"description", text}}; }

Value stringMap(const char* text) {
  Value map = described("object", text);
  map["additionalProperties"] = Object{{"type", "string"}};
  return map;
}

Value ownerSchema() {
  return Object{
      {"type", "object"},
      {"required", Array{"apiVersion", "kind", "name", "uid"}},
      {"properties", Object{{"apiVersion", described("string", "API version of the owner.")},
                            {"kind", described("string", "Kind of the owner.")},
                            {"name", described("string", "Name of the owner.")},
                            {"uid", described("string", "UID of the owner.")},
                            {"controller", described("boolean", "Whether the owner is the managing controller.")},
                            {"blockOwnerDeletion", described("boolean",
                                                             "Whether this object holds up a foreground "
                                                             "deletion of its owner.")}}}};
}

const char* const kMetaName = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

Value metaSchema() {
  Object owners{{"type", "array"},
                {"description", "Objects that this one depends on."},
                {"items", ownerSchema()},
                {"x-kubernetes-patch-merge-key", "uid"},
                {"x-kubernetes-patch-strategy", "merge"}};
  Object finalizers{{"type", "array"},
                    {"description", "What must be done before the object goes."},
                    {"items", Object{{"type", "string"}}},
                    {"x-kubernetes-patch-strategy", "merge"}};
  return Object{
      {"type", "object"},
      {"description", "Metadata that all objects have."},
      {"properties", Object{{"name", described("string", "Unique within a namespace.")},
                            {"namespace", described("string", "The space within which names are unique.")},
                            {"generateName", described("string", "Prefix of a name that the server completes.")},
                            {"labels", stringMap("Keys and values by which objects are selected.")},
                            {"annotations", stringMap("Keys and values for tools.")},
                            {"ownerReferences", std::move(owners)},
                            {"finalizers", std::move(finalizers)},
                            {"managedFields", Object{{"type", "array"}, {"items", Object{{"type", "object"}}}}},
                            {"uid", described("string", "Unique in time and space.")},
                            {"resourceVersion", described("string", "Opaque version, for optimistic concurrency.")},
                            {"generation", Object{{"type", "integer"}, {"format", "int64"}}},
                            {"creationTimestamp", Object{{"type", "string"}, {"format", "date-time"}}},
                            {"deletionTimestamp", Object{{"type", "string"}, {"format", "date-time"}}},
                            {"deletionGracePeriodSeconds", Object{{"type", "integer"}, {"format", "int64"}}},
                            {"selfLink", described("string", "Not used any more.")}}}};
}

Value schemaOf(const Kind& kind, const char* reference_prefix) {
  Value schema = *kind.schema;
  if (schema.isNull()) schema = Object{{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  auto& properties = schema["properties"];
  properties["apiVersion"] = described("string", "Version of the schema of this object.");
  properties["kind"] = described("string", "The kind of this object.");
  properties["metadata"] = Object{{"$ref", std::string(reference_prefix) + kMetaName}};
  schema["x-kubernetes-group-version-kind"] = Array{gvk(kind)};
  if (!kind.description.empty()) schema["description"] = kind.description;
  return schema;
}

std::string collectionPath(const Kind& kind) {
  const auto& resource = kind.resource;
  const auto root = resource.group.empty() ? "/api/" + resource.version
                                           : fmt::format("/apis/{}/{}", resource.group, resource.version);
  return fmt::format("{}{}/{}", root, resource.namespaced ? "/namespaces/{namespace}" : "", resource.plural);
}

Value operation(const Kind& kind, const char* action) {
  Array parameters;
  for (const auto* name : {"dryRun", "fieldManager", "fieldValidation"}) {
    parameters.push_back(
        Object{{"name", name}, {"in", "query"}, {"schema", Object{{"type", "string"}, {"uniqueItems", true}}}});
  }
  return Object{{"operationId", fmt::format("{}{}{}", action, kind.resource.version, kind.resource.kind)},
                {"x-kubernetes-action", action},
                {"x-kubernetes-group-version-kind", gvk(kind)},
                {"parameters", std::move(parameters)},
                {"responses", Object{{"200", Object{{"description", "OK"}}}}}};
}

void addPaths(const Kind& kind, Object& paths) {
  const auto path = collectionPath(kind);
  paths.set(path, Object{{"get", operation(kind, "list")}, {"post", operation(kind, "post")}});
  paths.set(path + "/{name}", Object{{"get", operation(kind, "get")},
                                     {"put", operation(kind, "put")},
                                     {"patch", operation(kind, "patch")},
                                     {"delete", operation(kind, "delete")}});
}

Value info() { return Object{{"title", "Towpath"}, {"version", "v1.35.0"}}; }

}  // namespace

Value openApiIndex(const KindTable& kinds) {
  Object paths;
  for (const auto& kind : kinds.all()) {
    const auto& resource = kind->resource;
    const auto path = resource.group.empty() ? "api/" + resource.version
                                             : fmt::format("apis/{}/{}", resource.group, resource.version);
    // The hash lets clients cache for ever: it changes with every kind that comes, changes or goes.
    paths.set(path, Object{{"serverRelativeURL", fmt::format("/openapi/v3/{}?hash={}", path, kinds.epoch())}});
  }
  return Object{{"paths", std::move(paths)}};
}

Answer<Value> openApiDocument(const KindTable& kinds, std::string_view group, std::string_view version) {
  Object paths, schemas;
  for (const auto& kind : kinds.all()) {
    if (kind->resource.group != group || kind->resource.version != version) continue;
    addPaths(*kind, paths);
    schemas.set(definitionName(*kind), schemaOf(*kind, "#/components/schemas/"));
  }
  if (schemas.empty()) return refuse(Reason::kNotFound, "the server could not find the requested resource");
  schemas.set(kMetaName, metaSchema());
  return Object{{"openapi", "3.0.0"},
                {"info", info()},
                {"paths", std::move(paths)},
                {"components", Object{{"schemas", std::move(schemas)}}}};
}

Value openApiV2(const KindTable& kinds) {
  Object paths, definitions;
  for (const auto& kind : kinds.all()) {
    addPaths(*kind, paths);
    definitions.set(definitionName(*kind), schemaOf(*kind, "#/definitions/"));
  }
  definitions.set(kMetaName, metaSchema());
  return Object{
      {"swagger", "2.0"}, {"info", info()}, {"paths", std::move(paths)}, {"definitions", std::move(definitions)}};
}

}  // namespace towpath::apiserver
