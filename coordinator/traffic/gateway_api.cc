#include "traffic/gateway_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "loop/loop.h"
#include "traffic/live_weights.h"

namespace towpath::traffic {
namespace {

constexpr int kWriteAttempts = 5;
constexpr Duration kRetryDelay = 10ms;

// A rule that was made for a header route: named after it, or after it with "-N".
bool isManaged(const Value& rule, const Target& target) {
  const std::string_view name = rule["name"].asStringView();
  return std::ranges::any_of(target.managed_routes, [name](const std::string& route) {
    if (!name.starts_with(route)) return false;
    const std::string_view rest = name.substr(route.size());
    return rest.empty() || (rest.starts_with("-") && rest.find_first_not_of("0123456789", 1) == std::string_view::npos);
  });
}

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

// True if the rule names both services.
bool setWeights(Value& rule, const Target& target, const Weights& weights) {
  Value* canary = backend(rule, target.canary_service);
  Value* stable = backend(rule, target.stable_service);
  if (canary) (*canary)["weight"] = weights.canary;
  if (stable) (*stable)["weight"] = stableWeight(target, weights);
  return canary && stable;
}

// Destinations of an experiment come and go beside the two; their port is the stable backend's.
void setAdditional(Value& rule, const Target& target, const Weights& weights) {
  const Value port = (*backend(rule, target.stable_service))["port"];
  for (const model::WeightDestination& destination : weights.additional) {
    if (Value* existing = backend(rule, destination.service_name)) {
      (*existing)["weight"] = destination.weight;
      continue;
    }
    Value ref;
    ref["name"] = destination.service_name;
    if (!port.isNull()) ref["port"] = port;
    ref["weight"] = destination.weight;
    rule["backendRefs"].makeArray().push_back(std::move(ref));
  }
}

class GatewayApi final : public Router {
 public:
  GatewayApi(std::vector<std::string> routes, std::string ns, const RouterContext& context)
      : routes_(std::move(routes)), ns_(std::move(ns)), context_(context) {}

  loop::Task<Result<void>> setWeight(Target target, Weights weights) override {
    for (const std::string& name : routes_) {
      Result<void> written = co_await write(name, target, weights);
      if (!written) co_return written;
    }
    co_return {};
  }

  loop::Task<Result<std::optional<bool>>> verifyWeight(Target target, Weights weights) override {
    if (context_.reports == RouteReports::kNone) co_return std::nullopt;
    const double share = static_cast<double>(weights.canary) / target.max_weight;
    for (const std::string& name : routes_) {
      const Result<cluster::ObjectRef> route = co_await read(name, target);
      if (!route) co_return std::unexpected(route.error());
      const LiveCheck check = checkLive((*route)->parse(), target.canary_service, share);
      if (check.liveness == Liveness::kLive) continue;
      log::debug("weight not live yet", {{"route", name}, {"because", check.waiting_for}});
      co_return std::optional<bool>(false);
    }
    co_return std::optional<bool>(true);
  }

  // Versions are known by their services here.
  loop::Task<Result<void>> updateHash(Target, Hashes) override { co_return {}; }

  loop::Task<Result<void>> removeManagedRoutes(Target target) override {
    if (target.managed_routes.empty()) co_return {};
    for (const std::string& name : routes_) {
      Result<void> removed = co_await removeManaged(name, target);
      if (!removed) co_return removed;
    }
    co_return {};
  }

 private:
  const std::string& namespaceOf(const Target& target) const { return ns_.empty() ? target.ns : ns_; }

  loop::Task<Result<cluster::ObjectRef>> read(std::string name, const Target& target) {
    if (context_.http_routes) {
      if (cluster::ObjectRef route = context_.http_routes->find(namespaceOf(target), name)) co_return route;
    }
    co_return co_await context_.api->get(cluster::kHttpRoutes, namespaceOf(target), name);
  }

  loop::Task<Result<void>> write(std::string name, const Target& target, const Weights& weights) {
    co_return co_await edit(name, target, [&](const Value& route) { return rulesWithWeights(route, target, weights); });
  }

  loop::Task<Result<void>> removeManaged(std::string name, const Target& target) {
    co_return co_await edit(name, target, [&](const Value& route) -> Result<Value> {
      Value rules = route["spec"]["rules"];
      std::erase_if(rules.makeArray(), [&](const Value& rule) { return isManaged(rule, target); });
      return rules;
    });
  }

  // Read, change the rules, write with the version that was read; again when somebody else was faster.
  template <class Change>
  loop::Task<Result<void>> edit(const std::string& name, const Target& target, Change change) {
    Result<cluster::ObjectRef> route = co_await read(name, target);
    for (int attempt = 1;; ++attempt) {
      if (!route) co_return std::unexpected(withContext(route.error(), "HTTPRoute " + name));
      const Value object = (*route)->parse();
      Result<Value> rules = change(object);
      if (!rules) co_return std::unexpected(rules.error());
      if (*rules == object["spec"]["rules"]) co_return {};
      Value patch;
      patch["metadata"]["resourceVersion"] = (*route)->meta().resource_version;
      patch["spec"]["rules"] = std::move(*rules);
      const Result<cluster::ObjectRef> written =
          co_await context_.api->patch(cluster::kHttpRoutes, namespaceOf(target), name, cluster::PatchType::kMerge,
                                       std::move(patch), {.field_manager = "rollouts-controller"});
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

  std::vector<std::string> routes_;
  std::string ns_;
  RouterContext context_;
};

}  // namespace

Result<Value> rulesWithWeights(const Value& route, const Target& target, const Weights& weights) {
  Value rules = route["spec"]["rules"];
  bool found = false;
  for (Value& rule : rules.makeArray()) {
    if (isManaged(rule, target) || !rule["backendRefs"].isArray()) continue;
    if (!setWeights(rule, target, weights)) continue;
    if (!found) setAdditional(rule, target, weights);
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
  std::vector<std::string> routes;
  if (!config["httpRoute"].asStringView().empty()) routes.push_back(config["httpRoute"].asString());
  for (const Value& route : config["httpRoutes"].asArray()) routes.push_back(route["name"].asString());
  if (routes.empty() || std::ranges::count(routes, "") > 0) {
    return fail(ErrorKind::kInvalid,
                "name the HTTPRoute whose weights are to be set, by httpRoute or httpRoutes[].name", "httpRoute");
  }
  return std::make_unique<GatewayApi>(std::move(routes), config["namespace"].asString(), context);
}

}  // namespace towpath::traffic
