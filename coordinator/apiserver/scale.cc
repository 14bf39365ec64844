#include "apiserver/scale.h"

#include <fmt/format.h>

#include "cluster/selector.h"

namespace towpath::apiserver {
namespace {

const Value& at(const Value& root, std::string_view path) {
  const Value* value = &root;
  while (!path.empty()) {
    if (path.starts_with('.')) path.remove_prefix(1);
    const auto dot = std::min(path.find('.'), path.size());
    value = &(*value)[path.substr(0, dot)];
    path.remove_prefix(dot);
  }
  return *value;
}

void put(Value& root, std::string_view path, Value value) {
  Value* place = &root;
  while (!path.empty()) {
    if (path.starts_with('.')) path.remove_prefix(1);
    const auto dot = std::min(path.find('.'), path.size());
    place = &(*place)[path.substr(0, dot)];
    path.remove_prefix(dot);
  }
  *place = std::move(value);
}

// A selector as text; a status may hold the text itself.
std::string selectorText(const Value& selector) {
  if (selector.isString()) return selector.asString();
  const auto parsed = cluster::LabelSelector::fromObject(selector);
  return parsed ? parsed->text() : std::string();
}

}  // namespace

Value scaleOfObject(const Kind& kind, const Value& object) {
  const auto& paths = *kind.scale;
  const auto& from = object["metadata"];
  Object metadata{{"name", from["name"]},
                  {"uid", from["uid"]},
                  {"resourceVersion", from["resourceVersion"]},
                  {"creationTimestamp", from["creationTimestamp"]}};
  if (kind.resource.namespaced) metadata.set("namespace", from["namespace"]);
  Object status{{"replicas", at(object, paths.status_replicas).asInt()}};
  const auto& selector = paths.label_selector.empty() ? object["spec"]["selector"] : at(object, paths.label_selector);
  if (auto text = selectorText(selector); !text.empty()) status.set("selector", std::move(text));
  return Object{{"kind", "Scale"},
                {"apiVersion", "autoscaling/v1"},
                {"metadata", std::move(metadata)},
                {"spec", Object{{"replicas", at(object, paths.spec_replicas).asInt()}}},
                {"status", std::move(status)}};
}

Answer<void> applyScale(const Kind& kind, const Value& scale, Value& object) {
  const auto& replicas = scale["spec"]["replicas"];
  if (!replicas.isNull() && (!replicas.isInt() || replicas.asInt() < 0 || replicas.asInt() > 2147483647)) {
    Failure failure{.reason = Reason::kInvalid, .group = "autoscaling", .kind = "Scale"};
    failure.name = scale["metadata"]["name"].asString();
    failure.causes.push_back(
        {.message = "Invalid value: must be an integer, greater than or equal to 0", .field = "spec.replicas"});
    failure.message =
        fmt::format("Scale.autoscaling \"{}\" is invalid: spec.replicas: {}", failure.name, failure.causes[0].message);
    return std::unexpected(std::move(failure));
  }
  put(object, kind.scale->spec_replicas, replicas.asInt());
  return {};
}

}  // namespace towpath::apiserver
