#include "proxy/plan_services.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/contains.h"

namespace towpath::proxy {
namespace {

constexpr std::string_view kHashLabel = "rollouts-pod-template-hash";
constexpr std::string_view kServiceLabel = "kubernetes.io/service-name";

// What appProtocol says, else what the port's name begins with, as Istio and others read it, else what is well known to
// be no HTTP.
Mode modeOf(const Value& port) {
  const std::string_view protocol = port["appProtocol"].asStringView();
  if (!protocol.empty()) return protocol == "http" || protocol == "kubernetes.io/ws" ? Mode::kHttp : Mode::kTcp;
  const std::string_view name = port["name"].asStringView();
  for (const std::string_view prefix :
       {"https", "tcp", "tls", "grpc", "redis", "mysql", "postgres", "mongo", "amqp", "kafka"}) {
    if (name.starts_with(prefix)) return Mode::kTcp;
  }
  if (name.starts_with("http")) return Mode::kHttp;
  for (const int number : {22, 25, 443, 1883, 3306, 5432, 5672, 6379, 8443, 9092, 27017}) {
    if (port["port"].asInt() == number) return Mode::kTcp;
  }
  return Mode::kHttp;
}

bool selects(const Value& selector, const LocalPod& pod) {
  const Object& wanted = selector.asObject();
  return !wanted.empty() && std::ranges::all_of(wanted, [&](const Object::Member& member) {
    const auto label = pod.labels.find(member.key);
    return label != pod.labels.end() && label->second == member.value.asStringView();
  });
}

std::optional<std::uint16_t> localPort(const Value& service_port, const LocalPod& pod) {
  const Value& target = service_port["targetPort"];
  for (const LocalPort& port : pod.ports) {
    const bool fits = target.isString() ? port.name == target.asStringView()
                                        : port.container_port == target.asInt(service_port["port"].asInt());
    if (fits) return static_cast<std::uint16_t>(port.host_port);
  }
  return std::nullopt;
}

void addServer(Backend& backend, std::string_view hash, Server server) {
  auto at = std::ranges::lower_bound(backend.versions, hash, {}, &VersionServers::hash);
  if (at == backend.versions.end() || at->hash != hash)
    at = backend.versions.insert(at, VersionServers{std::string(hash), {}});
  if (!contains(at->servers, server.instance, &Server::instance)) at->servers.push_back(std::move(server));
}

void addLocal(const PlanInput& input, const Value& service, const Value& port, Backend& backend) {
  for (const LocalPod& pod : input.local_pods) {
    if (pod.ns != backend.service.ns || !selects(service.at({"spec", "selector"}), pod)) continue;
    const std::optional<std::uint16_t> number = localPort(port, pod);
    if (!number || *number == 0) continue;
    const auto hash = pod.labels.find(std::string(kHashLabel));
    addServer(backend, hash == pod.labels.end() ? "" : hash->second,
              {pod.uid, pod.address, *number, pod.state, Locality::kLocal, pod.name});
  }
}

ServerState remoteState(const Value& conditions) {
  if (conditions["terminating"].asBool()) return ServerState::kDraining;
  return conditions["ready"].asBool(true) ? ServerState::kReady : ServerState::kNotReady;
}

void addEndpoint(const PlanInput& input, const Value& slice, const Value& endpoint, std::uint16_t port,
                 Backend& backend) {
  // Of this node's own instances local_pods tells the truth.
  if (endpoint["nodeName"].asStringView() == input.node_name) return;
  const std::string_view address = endpoint["addresses"][std::size_t{0}].asStringView();
  if (address.empty()) return;
  std::string_view hash = endpoint.at({"deprecatedTopology", kHashLabel}).asStringView();
  if (hash.empty()) hash = slice.at({"metadata", "labels", kHashLabel}).asStringView();
  std::string instance = endpoint.at({"targetRef", "uid"}).asString();
  if (instance.empty()) instance = fmt::format("{}:{}", address, port);
  addServer(backend, hash,
            {std::move(instance), std::string(address), port, remoteState(endpoint["conditions"]), Locality::kRemote,
             endpoint.at({"targetRef", "name"}).asString()});
}

void addRemote(const PlanInput& input, std::string_view service, const Value& port, Backend& backend) {
  for (const Value& slice : input.endpoint_slices) {
    const Value& meta = slice["metadata"];
    if (meta["namespace"].asStringView() != backend.service.ns) continue;
    if (meta.at({"labels", kServiceLabel}).asStringView() != service) continue;
    for (const Value& slice_port : slice["ports"].asArray()) {
      if (slice_port["name"].asStringView() != port["name"].asStringView()) continue;
      const auto number = static_cast<std::uint16_t>(slice_port["port"].asInt());
      for (const Value& endpoint : slice["endpoints"].asArray()) addEndpoint(input, slice, endpoint, number, backend);
    }
  }
}

PlannedPort planPort(const PlanInput& input, const Value& service, const PlannedService& of, const Value& port,
                     int index) {
  PlannedPort planned{.port = static_cast<std::int32_t>(port["port"].asInt()),
                      .node_port = static_cast<std::int32_t>(port["nodePort"].asInt()),
                      .index = index};
  std::string id = port["name"].asString();
  if (id.empty()) id = std::to_string(planned.port);
  planned.id = {of.ns, of.name, std::move(id)};
  planned.backend.service = planned.id;
  planned.backend.mode = modeOf(port);
  addLocal(input, service, port, planned.backend);
  if (service.at({"spec", "internalTrafficPolicy"}).asStringView() != "Local")
    addRemote(input, of.name, port, planned.backend);
  return planned;
}

}  // namespace

std::string_view annotationOf(const Value& object, std::string_view key) {
  return object.at({"metadata", "annotations", key}).asStringView();
}

bool isToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

Stickiness readStickiness(std::string_view annotation) {
  const std::size_t colon = std::min(annotation.find(':'), annotation.size());
  const std::string_view kind = annotation.substr(0, colon);
  std::string name(annotation.substr(std::min(colon + 1, annotation.size())));
  if (kind == "source") return {Stickiness::Kind::kSource, ""};
  if (kind == "cookie" && name.empty()) name = "towpath";
  if (!isToken(name)) return {};
  if (kind == "cookie") return {Stickiness::Kind::kCookie, std::move(name)};
  if (kind == "header") return {Stickiness::Kind::kHeader, std::move(name)};
  return {};
}

std::vector<PlannedService> planServices(const PlanInput& input) {
  std::vector<PlannedService> services;
  for (const Value& service : input.services) {
    const Value& meta = service["metadata"];
    const Value& spec = service["spec"];
    if (spec["type"].asStringView() == "ExternalName") continue;
    PlannedService planned{.ns = meta["namespace"].asString(), .name = meta["name"].asString()};
    planned.generation = meta["generation"].asInt();
    planned.stickiness = readStickiness(annotationOf(service, "towpath.dev/sticky"));
    const std::string_view address = spec["clusterIP"].asStringView();
    if (address != "None") planned.address = address;
    int index = -1;
    for (const Value& port : spec["ports"].asArray()) {
      ++index;
      if (port["protocol"].asStringView("TCP") == "TCP")
        planned.ports.push_back(planPort(input, service, planned, port, index));
    }
    services.push_back(std::move(planned));
  }
  std::ranges::sort(services, {}, [](const PlannedService& s) { return std::pair(s.ns, s.name); });
  return services;
}

const PlannedService* findPlanned(const std::vector<PlannedService>& services, std::string_view ns,
                                  std::string_view name) {
  const auto at = std::ranges::find_if(services, [&](const PlannedService& s) { return s.ns == ns && s.name == name; });
  return at == services.end() ? nullptr : &*at;
}

std::vector<WeighedTarget> targetsOf(const PlannedPort& port, std::int64_t weight) {
  std::vector<WeighedTarget> targets;
  std::int64_t all = 0;
  for (const VersionServers& version : port.backend.versions) {
    const std::int64_t ready = std::ranges::count(version.servers, ServerState::kReady, &Server::state);
    if (ready == 0) continue;
    all += ready;
    targets.push_back({Target{.version = {port.id, version.hash}}, ready});
  }
  for (WeighedTarget& target : targets) target.weight = weight * kFinely * target.weight / all;
  if (targets.empty()) {
    targets.push_back({Target{.kind = Target::Kind::kUnavailable, .version = {port.id, ""}}, weight * kFinely});
  }
  return targets;
}

}  // namespace towpath::proxy
