// Services, routes and what a Rollout's trafficRouting names of them.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "json/field.h"
#include "lint/checks.h"

namespace towpath::lint {
namespace {

constexpr const char* kRouting = "spec.strategy.canary.trafficRouting";
constexpr const char* kGatewayApi = "argoproj-labs/gatewayAPI";
constexpr std::int64_t kMaxBackendWeight = 1000000;  // of Gateway API

// Fields of the routers that name an object; with "[]" a list of names, with "[].name" one of objects.
struct Reference {
  const char* path;
  const char* kind;
};
constexpr std::array<Reference, 13> kReferences{{
    {"nginx.stableIngress", "Ingress"},
    {"nginx.stableIngresses[]", "Ingress"},
    {"alb.ingress", "Ingress"},
    {"alb.ingresses[]", "Ingress"},
    {"alb.rootService", "Service"},
    {"istio.virtualService.name", "VirtualService"},
    {"istio.virtualServices[].name", "VirtualService"},
    {"istio.destinationRule.name", "DestinationRule"},
    {"ambassador.mappings[]", "Mapping"},
    {"apisix.route.name", "ApisixRoute"},
    {"traefik.weightedTraefikServiceName", "TraefikService"},
    {"appMesh.virtualService.name", "VirtualService"},
    {"smi.rootService", "Service"},
}};

void checkNamed(const Document& rollout, const Value& name, const std::string& path, const char* kind, Bench bench) {
  // "namespace/name", as Istio's references may be.
  std::string_view text = name.asStringView();
  std::string_view ns = rollout.ns();
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    ns = text.substr(0, slash);
    text.remove_prefix(slash + 1);
  }
  if (text.empty() || bench.documents.find(kind, text, ns)) return;
  bench.findings.missing(rollout, path, fmt::format("{} \"{}\"", kind, text));
}

void checkReference(const Document& rollout, const Value& routing, const Reference& reference, Bench bench) {
  const std::string_view path = reference.path;
  const std::size_t list = path.find("[]");
  if (list == std::string_view::npos) {
    checkNamed(rollout, json::fieldAt(routing, path), fmt::format("{}.{}", kRouting, path), reference.kind, bench);
    return;
  }
  const std::string_view head = path.substr(0, list);
  const std::string_view tail = path.substr(list + 2);  // "" or ".name"
  const Array& entries = json::fieldAt(routing, head).asArray();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Value& name = tail.empty() ? entries[i] : json::fieldAt(entries[i], tail.substr(1));
    checkNamed(rollout, name, fmt::format("{}.{}[{}]{}", kRouting, head, i, tail), reference.kind, bench);
  }
}

bool namesBoth(const Value& rule, std::string_view stable, std::string_view canary) {
  const auto names = [&rule](std::string_view service) {
    return std::ranges::any_of(rule["backendRefs"].asArray(),
                               [service](const Value& ref) { return ref["name"].asStringView() == service; });
  };
  return names(stable) && names(canary);
}

// An HTTPRoute whose weights the Rollout is to set has a rule that names both of its Services.
void checkRoute(const Document& rollout, std::string_view name, const std::string& path, const Value& config,
                Bench bench) {
  const std::string_view ns = config["namespace"].asStringView(rollout.ns());
  const Document* route = bench.documents.find("HTTPRoute", name, ns);
  if (!route) {
    bench.findings.missing(rollout, path, fmt::format("HTTPRoute \"{}\"", name));
    return;
  }
  const Value& canary = rollout.object["spec"]["strategy"]["canary"];
  const std::string_view of_stable = canary["stableService"].asStringView();
  const std::string_view of_canary = canary["canaryService"].asStringView();
  const bool ping_pong = canary["pingPong"].isObject();
  const bool both = std::ranges::any_of(route->object["spec"]["rules"].asArray(), [&](const Value& rule) {
    return ping_pong ? namesBoth(rule, canary["pingPong"]["pingService"].asStringView(),
                                 canary["pingPong"]["pongService"].asStringView())
                     : namesBoth(rule, of_stable, of_canary);
  });
  if (both || (of_stable.empty() && !ping_pong)) return;
  bench.findings.error(
      rollout, path,
      fmt::format("no rule of HTTPRoute \"{}\" ({}:{}) names both Services of this rollout in its backendRefs", name,
                  route->file, route->line));
}

void checkGatewayApi(const Document& rollout, const Value& config, Bench bench) {
  const std::string path = fmt::format("{}.plugins[{}]", kRouting, kGatewayApi);
  const std::string_view single = config["httpRoute"].asStringView();
  const Array& routes = config["httpRoutes"].asArray();
  if (!single.empty()) checkRoute(rollout, single, path + ".httpRoute", config, bench);
  bool takes_headers = !single.empty();
  for (std::size_t i = 0; i < routes.size(); ++i) {
    takes_headers |= routes[i]["useHeaderRoutes"].asBool();
    checkRoute(rollout, routes[i]["name"].asStringView(), fmt::format("{}.httpRoutes[{}].name", path, i), config,
               bench);
  }
  if (single.empty() && routes.empty()) {
    bench.findings.error(rollout, path,
                         "name the HTTPRoute whose weights are to be set, by httpRoute or httpRoutes[].name");
    return;
  }
  const Array& steps = rollout.object["spec"]["strategy"]["canary"]["steps"].asArray();
  const bool wants_headers = std::ranges::any_of(
      steps, [](const Value& step) { return step["setHeaderRoute"].isObject() || step["setMirrorRoute"].isObject(); });
  if (wants_headers && !takes_headers) {
    bench.findings.error(rollout, path + ".httpRoutes",
                         "none of its routes takes managed routes; set useHeaderRoutes: true on one of them");
  }
}

std::string_view namespaceOf(const Value& ref, const Document& document) {
  return ref["namespace"].asStringView(document.ns());
}

}  // namespace

void checkRouting(const Document& rollout, Bench bench) {
  const Value& routing = rollout.object["spec"]["strategy"]["canary"]["trafficRouting"];
  for (const Reference& reference : kReferences) checkReference(rollout, routing, reference, bench);
  const Value& gateway = routing["plugins"][kGatewayApi];
  if (gateway.isObject()) checkGatewayApi(rollout, gateway, bench);
}

void checkService(const Document& document, Bench bench) {
  if (document.object["apiVersion"].asStringView() != "v1") return;
  const Value& spec = document.object["spec"];
  const bool portless = spec["type"].asStringView() == "ExternalName" || spec["clusterIP"].asStringView() == "None";
  const Array& ports = spec["ports"].asArray();
  if (ports.empty() && !portless) bench.findings.error(document, "spec.ports", "Required value: a Service has a port");
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Value& port = ports[i]["port"];
    const std::string path = json::joinPath("spec.ports", i);
    if (!port.isInt() || port.asInt() < 1 || port.asInt() > 65535) {
      bench.findings.error(document, path + ".port", "must be between 1 and 65535, inclusive");
    }
    if (ports.size() > 1 && ports[i]["name"].asStringView().empty()) {
      bench.findings.error(document, path + ".name", "Required value: several ports need names");
    }
  }
}

void checkHttpRoute(const Document& document, Bench bench) {
  const Value& spec = document.object["spec"];
  const Array& parents = spec["parentRefs"].asArray();
  for (std::size_t i = 0; i < parents.size(); ++i) {
    if (parents[i]["kind"].asStringView("Gateway") != "Gateway") continue;
    const std::string_view name = parents[i]["name"].asStringView();
    if (bench.documents.find("Gateway", name, namespaceOf(parents[i], document))) continue;
    bench.findings.missing(document, json::joinPath("spec.parentRefs", i) + ".name",
                           fmt::format("Gateway \"{}\"", name));
  }
  const Array& rules = spec["rules"].asArray();
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Array& refs = rules[i]["backendRefs"].asArray();
    for (std::size_t j = 0; j < refs.size(); ++j) {
      const std::string path = json::joinPath(json::joinPath("spec.rules", i) + ".backendRefs", j);
      const std::string_view name = refs[j]["name"].asStringView();
      const std::int64_t weight = refs[j]["weight"].asInt(1);
      if (weight < 0 || weight > kMaxBackendWeight) {
        bench.findings.error(document, path + ".weight", fmt::format("must be between 0 and {}", kMaxBackendWeight));
      }
      if (refs[j]["kind"].asStringView("Service") != "Service") continue;
      if (bench.documents.find("Service", name, namespaceOf(refs[j], document))) continue;
      bench.findings.missing(document, path + ".name", fmt::format("Service \"{}\"", name));
    }
  }
}

}  // namespace towpath::lint
