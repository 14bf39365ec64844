#include "traffic/gateway_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "loop/loop.h"
#include "traffic/live_weights.h"
#include "traffic/managed_routes.h"

namespace towpath::traffic {
namespace {

constexpr int kWriteAttempts = 5;
constexpr Duration kRetryDelay = 10ms;

// The services of experiments that have a share of the route, so that they lose it when the experiment is over, also
// after a restart.
constexpr const char* kExperimentBackends = "towpath.dev/experiment-backends";

Value* backend(Value& rule, std::string_view service) {
  for (Value& ref : rule["backendRefs"].makeArray()) {
    if (ref["name"].asStringView() == service) return &ref;
  }
  return nullptr;
}

std::int32_t stableWeight(const Target& target, const Weights& weights) {
  std::int32_t rest = target.max_weight - weights.canary;
  for (const model::WeightDestination& destination : weights.additional) rest -= destination.weight;
  return std::max(rest, 0);
}

// True if the rule names both services. One that names one of them alone sends it everything at any weight but 0.
bool setWeights(Value& rule, const Target& target, const Weights& weights) {
  Value* canary = backend(rule, target.canary_service);
  Value* stable = backend(rule, target.stable_service);
  if (!canary || !stable) return false;
  (*canary)["weight"] = weights.canary;
  (*stable)["weight"] = stableWeight(target, weights);
  return true;
}

bool isDestination(const Weights& weights, std::string_view service) {
  return std::ranges::any_of(weights.additional, [service](const model::WeightDestination& destination) {
    return destination.service_name == service;
  });
}

void removeFormer(Value& rule, const Weights& weights) {
  std::erase_if(rule["backendRefs"].makeArray(), [&](const Value& ref) {
    const std::string_view name = ref["name"].asStringView();
    return std::ranges::find(weights.former, name) != weights.former.end() && !isDestination(weights, name);
  });
}

// Destinations of an experiment come and go beside the two.
void setAdditional(Value& rule, const Target& target, const Weights& weights, const DestinationPorts& ports) {
  const Value of_stable = (*backend(rule, target.stable_service))["port"];
  for (const model::WeightDestination& destination : weights.additional) {
    if (Value* existing = backend(rule, destination.service_name)) {
      (*existing)["weight"] = destination.weight;
      continue;
    }
    const auto known = ports.find(destination.service_name);
    const Value port = known == ports.end() ? of_stable : Value(known->second);
    Value ref;
    ref["name"] = destination.service_name;
    if (!port.isNull()) ref["port"] = port;
    ref["weight"] = destination.weight;
    rule["backendRefs"].makeArray().push_back(std::move(ref));
  }
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (comma > 0) names.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return names;
}

// The port that serves HTTP by its name, else the first.
std::optional<std::int64_t> portOf(const Value& service) {
  const Array& ports = service["spec"]["ports"].asArray();
  for (const Value& port : ports) {
    if (port["name"].asStringView() == "http") return port["port"].asInt();
  }
  if (ports.empty()) return std::nullopt;
  return ports.front()["port"].asInt();
}

// A merge patch of the rules and of the list of experiments' services; an empty object if it is so already.
Result<Value> weightsPatch(const Value& route, const Target& target, Weights weights, const DestinationPorts& ports) {
  const Value& noted = route["metadata"]["annotations"][kExperimentBackends];
  for (std::string& name : split(noted.asStringView())) weights.former.push_back(std::move(name));
  Result<Value> rules = rulesWithWeights(route, target, weights, ports);
  if (!rules) return rules;
  Value patch{Object{}};
  if (*rules != route["spec"]["rules"]) patch["spec"]["rules"] = std::move(*rules);
  std::vector<std::string> names;
  for (const model::WeightDestination& destination : weights.additional) names.push_back(destination.service_name);
  const std::string list = fmt::format("{}", fmt::join(names, ","));
  if (list != noted.asStringView())
    patch["metadata"]["annotations"][kExperimentBackends] = list.empty() ? Value() : Value(list);
  return patch;
}

struct RouteName {
  std::string name;
  bool managed = false;  // header and mirror routes go here too
};

class GatewayApi final : public Router {
 public:
  GatewayApi(std::vector<RouteName> routes, std::string ns, const RouterContext& context)
      : routes_(std::move(routes)), ns_(std::move(ns)), context_(context) {}

  loop::Task<Result<void>> setWeight(Target target, Weights weights) override {
    DestinationPorts ports;
    for (const model::WeightDestination& destination : weights.additional) {
      const Result<cluster::ObjectRef> service =
          co_await context_.api->get(cluster::kServices, target.ns, destination.service_name);
      if (!service)
        co_return std::unexpected(
            withContext(service.error(), "Service " + destination.service_name + " of the experiment"));
      if (const std::optional<std::int64_t> port = portOf((*service)->parse())) ports[destination.service_name] = *port;
    }
    for (const RouteName& route : routes_) {
      Result<void> written = co_await edit(
          route.name, target, [&](const Value& object) { return weightsPatch(object, target, weights, ports); });
      if (!written) co_return written;
    }
    co_return {};
  }

  loop::Task<Result<std::optional<bool>>> verifyWeight(Target target, Weights weights) override {
    if (context_.reports == RouteReports::kNone) co_return std::nullopt;
    for (const RouteName& name : routes_) {
      const Result<cluster::ObjectRef> route = co_await read(name.name, target);
      if (!route) co_return std::unexpected(route.error());
      const Value object = (*route)->parse();
      const Result<Value> patch = weightsPatch(object, target, weights, {});
      if (!patch) co_return std::unexpected(patch.error());
      const LiveCheck check = checkLive(object, target.canary_service, specShare(object, target.canary_service));
      const bool asked_for = patch->asObject().empty();
      if (asked_for && check.liveness == Liveness::kLive) continue;
      log::debug("weight not live yet",
                 {{"route", name.name}, {"because", asked_for ? check.waiting_for : "the route has other weights"}});
      co_return std::optional<bool>(false);
    }
    co_return std::optional<bool>(true);
  }

  // Versions are known by their services here.
  loop::Task<Result<void>> updateHash(Target, Hashes) override { co_return {}; }

  loop::Task<Result<void>> setManagedRoutes(Target target, std::vector<model::ManagedRoute> routes) override {
    if (target.managed_routes.empty()) co_return {};
    for (const RouteName& route : routes_) {
      if (!route.managed) continue;
      Result<void> written = co_await edit(route.name, target, [&](const Value& object) -> Result<Value> {
        Result<Value> rules = rulesWithManagedRoutes(object, target, routes);
        if (!rules) return rules;
        Value patch{Object{}};
        if (*rules != object["spec"]["rules"]) patch["spec"]["rules"] = std::move(*rules);
        return patch;
      });
      if (!written) co_return written;
    }
    co_return {};
  }

  Result<void> supports(const model::Step& step) const override {
    const auto* header = std::get_if<model::SetHeaderRouteStep>(&step);
    const auto* mirror = std::get_if<model::SetMirrorRouteStep>(&step);
    const bool sets_route = (header && !header->match.empty()) || (mirror && !mirror->match.empty());
    if (!sets_route) return {};
    if (mirror && context_.reports == RouteReports::kExpected)
      return fail(ErrorKind::kUnsupported, "the proxies of the nodes cannot mirror requests; remove the step");
    if (std::ranges::none_of(routes_, &RouteName::managed))
      return fail(ErrorKind::kUnsupported,
                  "none of its routes takes managed routes; set useHeaderRoutes: true on an entry of httpRoutes");
    return expressible(step);
  }

 private:
  const std::string& namespaceOf(const Target& target) const { return ns_.empty() ? target.ns : ns_; }

  loop::Task<Result<cluster::ObjectRef>> read(std::string name, const Target& target) {
    if (context_.http_routes) {
      if (cluster::ObjectRef route = context_.http_routes->find(namespaceOf(target), name)) co_return route;
    }
    co_return co_await context_.api->get(cluster::kHttpRoutes, namespaceOf(target), name);
  }

  // Read, ask for a patch, write it with the version that was read; again when somebody else was faster.
  template <class PatchFor>
  loop::Task<Result<void>> edit(const std::string& name, const Target& target, PatchFor patchFor) {
    Result<cluster::ObjectRef> route = co_await read(name, target);
    for (int attempt = 1;; ++attempt) {
      if (!route) co_return std::unexpected(withContext(route.error(), "HTTPRoute " + name));
      Result<Value> patch = patchFor((*route)->parse());
      if (!patch) co_return std::unexpected(patch.error());
      if (patch->asObject().empty()) co_return {};
      (*patch)["metadata"]["resourceVersion"] = (*route)->meta().resource_version;
      const Result<cluster::ObjectRef> written = co_await context_.api->patch(
          cluster::kHttpRoutes, namespaceOf(target), name, cluster::PatchType::kMerge, std::move(*patch),
          {.field_manager = "rollouts-controller", .urgency = context_.urgency});
      if (written) {
        if (context_.observe_route) context_.observe_route(*written);
        co_return {};
      }
      if (written.error().kind != ErrorKind::kConflict || attempt == kWriteAttempts) {
        co_return std::unexpected(withContext(written.error(), "HTTPRoute " + name));
      }
      // The other write may not be readable yet: it is on its way to the disk.
      if (context_.loop) co_await loop::sleep(*context_.loop, kRetryDelay * attempt);
      route = co_await context_.api->get(cluster::kHttpRoutes, namespaceOf(target), name);
    }
  }

  std::vector<RouteName> routes_;
  std::string ns_;
  RouterContext context_;
};

}  // namespace

Result<Value> rulesWithWeights(const Value& route, const Target& target, const Weights& weights,
                               const DestinationPorts& ports) {
  Value rules = route["spec"]["rules"];
  bool found = false;
  for (Value& rule : rules.makeArray()) {
    // A mirror route splits as its source does; a header route names the canary alone.
    if (!rule["backendRefs"].isArray() || !setWeights(rule, target, weights)) continue;
    removeFormer(rule, weights);
    if (isManaged(rule, target)) continue;
    if (!found) setAdditional(rule, target, weights, ports);
    found = true;
  }
  if (!found) {
    return fail(
        ErrorKind::kInvalid,
        fmt::format("backendRef was not found in httpRoute: no rule of HTTPRoute {} names both {} and {}; add the "
                    "two services to the backendRefs of one rule",
                    route["metadata"]["name"].asStringView(), target.canary_service, target.stable_service));
  }
  return rules;
}

Result<std::unique_ptr<Router>> makeGatewayApi(const Value& config, const RouterContext& context) {
  std::vector<RouteName> routes;
  if (!config["httpRoute"].asStringView().empty()) routes.push_back({config["httpRoute"].asString(), true});
  for (const Value& route : config["httpRoutes"].asArray())
    routes.push_back({route["name"].asString(), route["useHeaderRoutes"].asBool()});
  if (routes.empty() || std::ranges::count(routes, "", &RouteName::name) > 0) {
    return fail(ErrorKind::kInvalid,
                "name the HTTPRoute whose weights are to be set, by httpRoute or httpRoutes[].name", "httpRoute");
  }
  return std::make_unique<GatewayApi>(std::move(routes), config["namespace"].asString(), context);
}

}  // namespace towpath::traffic
