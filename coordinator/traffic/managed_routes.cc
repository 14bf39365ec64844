#include "traffic/managed_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace towpath::traffic {
namespace {

const Value* backendOf(const Value& rule, std::string_view service) {
  for (const Value& ref : rule["backendRefs"].asArray()) {
    if (ref["name"].asStringView() == service) return &ref;
  }
  return nullptr;
}

bool isSource(const Value& rule, const Target& target) {
  return !isManaged(rule, target) && backendOf(rule, target.canary_service) && backendOf(rule, target.stable_service);
}

// The reference without what belongs to its place among others.
Value canaryReference(const Value& source, const Target& target) {
  const Value& ref = *backendOf(source, target.canary_service);
  Value copy;
  copy["group"] = ref["group"].asString();
  copy["kind"] = ref["kind"].asString("Service");
  copy["name"] = target.canary_service;
  for (const char* key : {"namespace", "port"}) {
    if (!ref[key].isNull()) copy[key] = ref[key];
  }
  return copy;
}

Array matchesOf(const Value& source) {
  Array matches = source["matches"].asArray();
  if (matches.empty()) matches.emplace_back(Object{{"path", Object{{"type", "PathPrefix"}, {"value", "/"}}}});
  return matches;
}

// Gateway API has no prefix of a header.
Value headerMatch(const model::HeaderMatch& match) {
  const model::StringMatch& value = match.value;
  const bool exact = !value.exact.empty();
  const std::string pattern = !value.prefix.empty() ? value.prefix + ".*" : value.regex;
  return Object{{"type", exact ? "Exact" : "RegularExpression"},
                {"name", match.header_name},
                {"value", exact ? value.exact : pattern}};
}

void addHeaders(Value& match, const std::vector<model::HeaderMatch>& headers) {
  for (const model::HeaderMatch& header : headers) match["headers"].makeArray().push_back(headerMatch(header));
}

Value headerRule(const Value& source, const Target& target, const model::SetHeaderRouteStep& step) {
  Value rule;
  Array matches;
  for (Value match : matchesOf(source)) {
    addHeaders(match, step.match);
    matches.push_back(std::move(match));
  }
  rule["matches"] = std::move(matches);
  if (!source["filters"].asArray().empty()) rule["filters"] = source["filters"];
  Value ref = canaryReference(source, target);
  ref["weight"] = 1;
  rule["backendRefs"] = Array{std::move(ref)};
  return rule;
}

struct Path {
  std::string type = "PathPrefix";
  std::string value = "/";
};

Path pathOf(const Value& match) {
  const Value& path = match["path"];
  return {path["type"].asString("PathPrefix"), path["value"].asString("/")};
}

Path pathOf(const model::StringMatch& match) {
  if (!match.exact.empty()) return {"Exact", match.exact};
  if (!match.prefix.empty()) return {"PathPrefix", match.prefix};
  return {"RegularExpression", match.regex};
}

// Is every path that `inner` matches one that the prefix `outer` matches? Prefixes go by elements: /a covers /a/b, not
// /ab.
bool covers(const Path& outer, const Path& inner) {
  if (outer.type != "PathPrefix") return false;
  if (outer.value == "/") return true;
  if (inner.type == "RegularExpression") return false;
  std::string_view prefix = outer.value;
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return inner.value.starts_with(prefix) && (inner.value.size() == prefix.size() || inner.value[prefix.size()] == '/');
}

// What both match, if one path can say it.
std::optional<Path> both(const Path& a, const Path& b) {
  if (covers(a, b)) return b;
  if (covers(b, a)) return a;
  if (a.type == b.type && a.value == b.value) return a;
  return std::nullopt;
}

std::optional<Value> mirrorMatch(const Value& source, const model::RouteMatch& wanted) {
  Value match = source;
  const std::optional<Path> path = wanted.path ? both(pathOf(source), pathOf(*wanted.path)) : pathOf(source);
  if (!path) return std::nullopt;
  match["path"] = Object{{"type", path->type}, {"value", path->value}};
  if (wanted.method) {
    const std::string method = source["method"].asString(wanted.method->exact);
    if (method != wanted.method->exact) return std::nullopt;
    match["method"] = method;
  }
  addHeaders(match, wanted.headers);
  return match;
}

std::optional<Value> mirrorRule(const Value& source, const Target& target, const model::SetMirrorRouteStep& step) {
  Array matches;
  for (const Value& match : matchesOf(source)) {
    for (const model::RouteMatch& wanted : step.match) {
      if (std::optional<Value> joined = mirrorMatch(match, wanted)) matches.push_back(std::move(*joined));
    }
  }
  if (matches.empty()) return std::nullopt;
  Value rule;
  rule["matches"] = std::move(matches);
  Value mirror;
  mirror["backendRef"] = canaryReference(source, target);
  // All of them is the default, which Gateway API before 1.3 knows too.
  if (step.percentage.value_or(100) != 100) mirror["percent"] = *step.percentage;
  rule["filters"] = source["filters"];
  rule["filters"].makeArray().push_back(Object{{"type", "RequestMirror"}, {"requestMirror", std::move(mirror)}});
  rule["backendRefs"] = source["backendRefs"];
  return rule;
}

Value named(const std::string& name, std::size_t index, Value rule) {
  Object whole{{"name", index == 0 ? name : fmt::format("{}-{}", name, index)}};
  for (Object::Member& member : rule.makeObject()) whole.append(std::move(member.key), std::move(member.value));
  return whole;
}

Result<Array> rulesOf(const std::vector<const Value*>& sources, const Target& target,
                      const model::ManagedRoute& route) {
  Array rules;
  for (const Value* source : sources) {
    std::optional<Value> rule;
    if (const auto* header = std::get_if<model::SetHeaderRouteStep>(&route))
      rule = headerRule(*source, target, *header);
    if (const auto* mirror = std::get_if<model::SetMirrorRouteStep>(&route))
      rule = mirrorRule(*source, target, *mirror);
    if (rule) rules.push_back(named(nameOf(route), rules.size(), std::move(*rule)));
  }
  if (rules.empty()) {
    return fail(
        ErrorKind::kInvalid,
        fmt::format("managed route {}: no rule of the HTTPRoute that names both {} and {} has a path and method in "
                    "common with what the step matches; change the step's match",
                    nameOf(route), target.canary_service, target.stable_service));
  }
  return rules;
}

Result<void> unsupported(const std::string& why) { return fail(ErrorKind::kUnsupported, why); }

Result<void> mirrorExpressible(const model::SetMirrorRouteStep& step) {
  const std::int32_t percentage = step.percentage.value_or(100);
  if (percentage < 0 || percentage > 100) return unsupported("percentage must be between 0 and 100");
  for (const model::RouteMatch& match : step.match) {
    if (match.method && match.method->exact.empty())
      return unsupported("an HTTPRoute matches a method exactly, not by prefix or regex; use method.exact");
  }
  return {};
}

}  // namespace

bool isManaged(const Value& rule, const Target& target) {
  const std::string_view name = rule["name"].asStringView();
  return std::ranges::any_of(target.managed_routes, [name](const std::string& route) {
    if (route.empty() || !name.starts_with(route)) return false;
    const std::string_view rest = name.substr(route.size());
    const bool numbered =
        rest.size() > 1 && rest.starts_with('-') && rest.find_first_not_of("0123456789", 1) == std::string_view::npos;
    return rest.empty() || numbered;
  });
}

Result<Value> rulesWithManagedRoutes(const Value& route, const Target& target,
                                     const std::vector<model::ManagedRoute>& routes) {
  const Array& present = route["spec"]["rules"].asArray();
  std::vector<const Value*> sources;
  Array own;
  for (const Value& rule : present) {
    if (isSource(rule, target)) sources.push_back(&rule);
    if (!isManaged(rule, target)) own.push_back(rule);
  }
  Array rules, headers;
  for (const model::ManagedRoute& managed : routes) {
    Result<Array> made = rulesOf(sources, target, managed);
    if (!made) return std::unexpected(made.error());
    Array& place = std::holds_alternative<model::SetMirrorRouteStep>(managed) ? rules : headers;
    std::ranges::move(*made, std::back_inserter(place));
  }
  std::ranges::move(own, std::back_inserter(rules));
  std::ranges::move(headers, std::back_inserter(rules));
  return Value(std::move(rules));
}

Result<void> expressible(const model::Step& step) {
  const auto* mirror = std::get_if<model::SetMirrorRouteStep>(&step);
  return mirror ? mirrorExpressible(*mirror) : Result<void>{};
}

}  // namespace towpath::traffic
