#include "play/manifests.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "api/schema.h"
#include "api/validate.h"
#include "crds/crds.h"
#include "json/yaml.h"

namespace towpath::play {
namespace {

std::string_view kindOf(const Value& object) { return object["kind"].asStringView(); }
std::string_view nameOf(const Value& object) { return object["metadata"]["name"].asStringView(); }

std::unexpected<Error> refuse(const Value& object, const std::string& what) {
  return fail(ErrorKind::kInvalid, fmt::format("{} \"{}\": {}", kindOf(object), nameOf(object), what));
}

// As the API server takes an object in; unknown fields are typing errors.
Result<void> admit(Value& object) {
  const Value& schema = schemaOf(kindOf(object));
  if (schema.isNull()) return {};
  const std::vector<std::string> unknown = api::findUnknownFields(schema, object, api::UnknownFields::kKeep);
  if (!unknown.empty()) return refuse(object, fmt::format("unknown field \"{}\"", unknown.front()));
  api::applyDefaults(schema, object);
  const api::FieldErrors errors = api::validateSchema(schema, object);
  if (!errors.empty()) return refuse(object, api::describe(errors.front()));
  if (kindOf(object) == "Rollout") return {};
  const api::FieldErrors broken = api::validateAnalysis(object);
  if (!broken.empty()) return refuse(object, api::describe(broken.front()));
  return {};
}

const Value* findObject(const std::vector<Value>& objects, std::string_view kind, std::string_view name) {
  const auto found = std::ranges::find_if(
      objects, [&](const Value& object) { return kindOf(object) == kind && nameOf(object) == name; });
  return found == objects.end() ? nullptr : &*found;
}

}  // namespace

const Value& schemaOf(std::string_view kind) {
  static const std::map<std::string, Value, std::less<>> schemas = [] {
    std::map<std::string, Value, std::less<>> found;
    for (const crds::File& file : crds::files()) {
      const Value definition = json::parseYamlDocument(file.text).value();
      found.emplace(definition["spec"]["names"]["kind"].asString(),
                    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    }
    return found;
  }();
  const auto found = schemas.find(kind);
  return found == schemas.end() ? Value::null() : found->second;
}

Result<Manifests> Manifests::read(std::vector<Value> objects, std::string_view name) {
  Manifests manifests;
  std::vector<Value> rollouts;
  for (Value& object : objects) {
    const std::string_view kind = kindOf(object);
    const bool is_template = kind == "AnalysisTemplate" || kind == "ClusterAnalysisTemplate";
    if (kind == "Service") manifests.services.push_back(object);
    if (kind != "Rollout" && !is_template) continue;
    if (kind == "Rollout" && !name.empty() && nameOf(object) != name) continue;
    if (Result<void> admitted = admit(object); !admitted) return std::unexpected(admitted.error());
    (is_template ? manifests.templates : rollouts).push_back(std::move(object));
  }
  if (rollouts.empty()) {
    return fail(ErrorKind::kInvalid,
                name.empty() ? "the files have no Rollout" : fmt::format("the files have no Rollout \"{}\"", name),
                "-f");
  }
  if (rollouts.size() > 1) {
    return fail(ErrorKind::kInvalid, fmt::format("the files have {} Rollouts: name the one to play ({}, {}, …)",
                                                 rollouts.size(), nameOf(rollouts[0]), nameOf(rollouts[1])));
  }
  manifests.rollout = std::move(rollouts.front());
  return manifests;
}

Result<void> Manifests::check() const {
  const api::FieldErrors errors = api::validateRollout(rollout);
  if (!errors.empty()) return refuse(rollout, api::describe(errors.front()));
  static const Value sound(Object{{"spec", Object{}}});
  const auto template_of = [this](std::string_view kind) {
    return [this, kind](std::string_view name) { return findObject(templates, kind, name); };
  };
  const api::FieldErrors broken =
      api::validateReferences(rollout, {.service =
                                            [this](std::string_view name) {
                                              const Value* given = findObject(services, "Service", name);
                                              return given ? given : &sound;
                                            },
                                        .analysis_template = template_of("AnalysisTemplate"),
                                        .cluster_analysis_template = template_of("ClusterAnalysisTemplate")});
  if (broken.empty()) return {};
  return refuse(rollout, api::describe(broken.front()) + "; what it refers to must be in one of the files");
}

api::FindTemplate Manifests::find() const {
  return [this](const model::TemplateRef& reference) {
    const char* kind = reference.cluster_scope ? "ClusterAnalysisTemplate" : "AnalysisTemplate";
    const Value* found = findObject(templates, kind, reference.name);
    return found ? *found : Value();
  };
}

}  // namespace towpath::play
