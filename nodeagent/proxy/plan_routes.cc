#include "proxy/plan_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "base/hostname.h"

namespace towpath::proxy {
namespace {

// Says what is wrong with a route, for a person, and gives false.
class Faults {
 public:
  Faults(const PlannedRoute& route, std::vector<Problem>& problems) : route_(route), problems_(problems) {}
  bool add(std::string message) {
    problems_.push_back({"HTTPRoute", route_.ns, route_.name, std::move(message), ""});
    return false;
  }

 private:
  const PlannedRoute& route_;
  std::vector<Problem>& problems_;
};

bool isPlainText(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool isHostname(std::string_view text) { return isToken(text.starts_with("*.") ? text.substr(2) : text); }

// HAProxy would refuse the whole configuration for one bad expression, so it is tried here, in a dialect near enough.
bool isRegex(const std::string& text) {
  try {
    const std::regex tried(text, std::regex::ECMAScript);
    return true;
  } catch (const std::regex_error&) {
    return false;
  }
}

bool readText(const Value& match, std::string_view default_type, std::string_view where, TextMatch& kind,
              std::string& value, Faults& faults) {
  const std::string_view type = match["type"].asStringView(default_type);
  value = match["value"].asString();
  if (type == "Exact")
    kind = TextMatch::kExact;
  else if (type == "PathPrefix")
    kind = TextMatch::kPrefix;
  else if (type == "RegularExpression")
    kind = TextMatch::kRegex;
  else
    return faults.add(fmt::format("{}: match type {} is not known", where, type));
  if (!isPlainText(value)) return faults.add(fmt::format("{}: the value has control characters", where));
  if (kind == TextMatch::kRegex && !isRegex(value)) {
    return faults.add(fmt::format("{}: \"{}\" is not a regular expression", where, value));
  }
  return true;
}

bool readNamed(const Value& list, std::string_view where, std::vector<NamedMatch>& matches, Faults& faults) {
  for (const Value& item : list.asArray()) {
    NamedMatch match{.name = item["name"].asString()};
    if (!isToken(match.name))
      return faults.add(fmt::format("{}: \"{}\" is not a name that can be matched", where, match.name));
    if (!readText(item, "Exact", where, match.kind, match.value, faults)) return false;
    matches.push_back(std::move(match));
  }
  return true;
}

bool readMatch(const Value& match, Entry& entry, Faults& faults) {
  if (const Value& path = match["path"]; path.isObject()) {
    if (!readText(path, "PathPrefix", "path", entry.path.kind, entry.path.value, faults)) return false;
    if (entry.path.value.empty()) entry.path.value = "/";
  }
  entry.method = match["method"].asString();
  if (!entry.method.empty() && !isToken(entry.method)) return faults.add("method: not a method");
  return readNamed(match["headers"], "headers", entry.headers, faults) &&
         readNamed(match["queryParams"], "queryParams", entry.queries, faults);
}

bool readHeaderValues(const Value& list, std::vector<HeaderValue>& values, Faults& faults) {
  for (const Value& item : list.asArray()) {
    HeaderValue header{item["name"].asString(), item["value"].asString()};
    if (!isToken(header.name) || !isPlainText(header.value))
      return faults.add("filter: header \"" + header.name + "\" cannot be set");
    values.push_back(std::move(header));
  }
  return true;
}

bool readHeaderEdit(const Value& filter, HeaderEdit& edit, Faults& faults) {
  for (const Value& name : filter["remove"].asArray()) {
    if (!isToken(name.asStringView()))
      return faults.add("filter: header \"" + name.asString() + "\" cannot be removed");
    edit.remove.push_back(name.asString());
  }
  return readHeaderValues(filter["set"], edit.set, faults) && readHeaderValues(filter["add"], edit.add, faults);
}

bool readRedirect(const Value& filter, Rule& rule, Faults& faults) {
  Redirect redirect{.scheme = filter["scheme"].asString(), .hostname = filter["hostname"].asString()};
  redirect.status = static_cast<int>(filter["statusCode"].asInt(302));
  if (const Value& port = filter["port"]; port.isInt()) redirect.port = static_cast<std::uint16_t>(port.asInt());
  if (const Value& path = filter["path"]; path.isObject()) {
    if (path["type"].asStringView() != "ReplaceFullPath")
      return faults.add("filter RequestRedirect: only ReplaceFullPath is served");
    redirect.path = path["replaceFullPath"].asString();
  }
  const bool plain = isPlainText(redirect.path) && !redirect.path.contains('%') &&
                     (redirect.hostname.empty() || isHostname(redirect.hostname)) &&
                     (redirect.scheme.empty() || redirect.scheme == "http" || redirect.scheme == "https");
  if (!plain) return faults.add("filter RequestRedirect: the new location is not valid");
  if (redirect.status < 300 || redirect.status > 399)
    return faults.add("filter RequestRedirect: statusCode is no redirection");
  rule.redirect = std::move(redirect);
  return true;
}

bool readFilters(const Value& filters, Rule& rule, Faults& faults) {
  for (const Value& filter : filters.asArray()) {
    const std::string_view type = filter["type"].asStringView();
    bool read = false;
    if (type == "RequestHeaderModifier")
      read = readHeaderEdit(filter["requestHeaderModifier"], rule.request_headers, faults);
    else if (type == "ResponseHeaderModifier")
      read = readHeaderEdit(filter["responseHeaderModifier"], rule.response_headers, faults);
    else if (type == "RequestRedirect")
      read = readRedirect(filter["requestRedirect"], rule, faults);
    else
      read = faults.add(fmt::format("filter {} is not served by this node's proxy", type));
    if (!read) return false;
  }
  return true;
}

// A backendRef that names nothing is answered 500 for its share; ReferenceGrants are not looked at, so other namespaces
// are refused.
std::vector<WeighedTarget> readBackend(const Value& ref, const PlannedRoute& route,
                                       const std::vector<PlannedService>& services, Faults& faults) {
  const std::int64_t weight = std::clamp<std::int64_t>(ref["weight"].asInt(1), 0, 1000000);
  const std::string_view name = ref["name"].asStringView();
  const std::string_view ns = ref["namespace"].asStringView(route.ns);
  const std::vector<WeighedTarget> invalid = {{Target{.kind = Target::Kind::kInvalid}, weight * kFinely}};
  const PlannedService* service = findPlanned(services, ns, name);
  if (ref["kind"].asStringView("Service") != "Service" || !ref["group"].asStringView().empty() || ns != route.ns ||
      !service) {
    faults.add(fmt::format("backendRef {}/{} does not name a Service of the route's namespace that this node knows", ns,
                           name));
    return invalid;
  }
  const auto port = std::ranges::find(service->ports, ref["port"].asInt(), &PlannedPort::port);
  if (port == service->ports.end() || port->backend.mode == Mode::kTcp) {
    faults.add(fmt::format("backendRef {}: the Service has no HTTP port {}", name, ref["port"].asInt()));
    return invalid;
  }
  return targetsOf(*port, weight);
}

Stickiness routeStickiness(const Value& object, const Value& rule) {
  const Value& persistence = rule["sessionPersistence"];
  if (!persistence.isObject()) return readStickiness(annotationOf(object, "towpath.dev/sticky"));
  const bool header = persistence["type"].asStringView() == "Header";
  const std::string_view name = persistence["sessionName"].asStringView(header ? "" : "towpath");
  return readStickiness(fmt::format("{}:{}", header ? "header" : "cookie", name));
}

void readTargets(const Value& object, const Value& spec, const PlannedRoute& route,
                 const std::vector<PlannedService>& services, Rule& rule, Faults& faults) {
  std::vector<WeighedTarget> targets;
  for (const Value& ref : spec["backendRefs"].asArray()) {
    for (WeighedTarget& target : readBackend(ref, route, services, faults)) targets.push_back(std::move(target));
  }
  const auto unavailable = [](const WeighedTarget& t) { return t.target.kind == Target::Kind::kUnavailable; };
  const bool some =
      std::ranges::any_of(targets, [&](const WeighedTarget& t) { return !unavailable(t) && t.weight > 0; });
  if (some && annotationOf(object, "towpath.dev/unready-backend") == "Redistribute")
    std::erase_if(targets, unavailable);
  rule.targets = shared(targets);
}

PlannedRule planRule(const Value& object, int index, const PlannedRoute& route,
                     const std::vector<PlannedService>& services, Faults& faults) {
  const Value& spec = object.at({"spec", "rules"})[static_cast<std::size_t>(index)];
  PlannedRule planned;
  Rule& rule = planned.rule;
  rule.ref = {"HTTPRoute", route.ns, route.name, index};
  rule.id = makeRuleId(rule.ref);
  rule.generation = object.at({"metadata", "generation"}).asInt();
  rule.stickiness = routeStickiness(object, spec);
  // A filter that is not served must not be skipped: the rule's requests get 500.
  if (readFilters(spec["filters"], rule, faults)) readTargets(object, spec, route, services, rule, faults);
  const std::string age = object.at({"metadata", "creationTimestamp"}).asString();
  Array matches = spec["matches"].asArray();
  if (matches.empty()) matches.emplace_back(Object());
  for (const Value& match : matches) {
    Row row{Entry{.rule = rule.id}, age};
    if (readMatch(match, row.entry, faults)) planned.rows.push_back(std::move(row));
  }
  return planned;
}

int specificity(std::string_view hostname) {
  if (hostname.empty()) return 2;
  return hostname.starts_with("*.") ? 1 : 0;
}

int pathRank(TextMatch kind) {
  switch (kind) {
    case TextMatch::kExact:
      return 0;
    case TextMatch::kRegex:
      return 1;
    case TextMatch::kPrefix:
      return 2;
  }
  return 2;
}

}  // namespace

std::tuple<int, int, int, int, int, int, int, std::string, std::string> Row::order() const {
  const auto length = [](const auto& sized) { return -static_cast<int>(sized.size()); };
  // The rule's id ends with its index, which decides last; ten thousand rules sort rightly.
  const std::size_t dot = entry.rule.rfind('.');
  const std::string rule = fmt::format("{}.{:0>5}", entry.rule.substr(0, dot), entry.rule.substr(dot + 1));
  return {specificity(entry.hostname),
          length(entry.hostname),
          pathRank(entry.path.kind),
          length(entry.path.value),
          entry.method.empty() ? 1 : 0,
          length(entry.headers),
          length(entry.queries),
          age,
          rule};
}

PlannedRoute planRoute(const Value& object, const std::vector<PlannedService>& services,
                       std::vector<Problem>& problems) {
  PlannedRoute route{.ns = object.at({"metadata", "namespace"}).asString(),
                     .name = object.at({"metadata", "name"}).asString()};
  Faults faults(route, problems);
  for (const Value& parent : object.at({"spec", "parentRefs"}).asArray()) {
    route.parents.push_back({parent["kind"].asString("Gateway"), parent["namespace"].asString(route.ns),
                             parent["name"].asString(), parent["sectionName"].asString(), parent["port"].asInt()});
  }
  for (const Value& hostname : object.at({"spec", "hostnames"}).asArray()) {
    std::string name = lowerCase(hostname.asStringView());
    if (isHostname(name))
      route.hostnames.push_back(std::move(name));
    else
      faults.add("hostnames: \"" + name + "\" is not a host name");
  }
  // None of its host names is valid: without any it would take all requests.
  if (route.hostnames.empty() && !object.at({"spec", "hostnames"}).asArray().empty()) route.parents.clear();
  const std::size_t rules = object.at({"spec", "rules"}).asArray().size();
  for (std::size_t i = 0; i < rules; ++i)
    route.rules.push_back(planRule(object, static_cast<int>(i), route, services, faults));
  return route;
}

std::vector<Target> shared(const std::vector<WeighedTarget>& targets) {
  std::vector<std::int64_t> weights;
  for (const WeighedTarget& target : targets) weights.push_back(target.weight);
  const std::vector<int> shares = toShares(weights);
  std::vector<Target> result;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (shares[i] == 0) continue;
    result.push_back(targets[i].target);
    result.back().weight = shares[i];
  }
  return result;
}

}  // namespace towpath::proxy
