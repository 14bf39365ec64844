#include "sim_node.h"

#include "cluster/kinds.h"
#include "cluster/object.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::bench {

namespace {

wire::NodeInfo info() {
  return {.agent_version = "bench",
          .architecture = "amd64",
          .operating_system = "bench",
          .kernel = "bench",
          .boot_id = "bench",
          .cpu_milli = 4000,
          .memory_bytes = std::int64_t{4} << 30,
          .labels = {},
          .addresses = {"127.0.0.1"},
          .runtimes = {"process"},
          .port_range = {20000, 29999}};
}

}  // namespace

SimNode::SimNode(loop::UvLoop& loop, SimNodeOptions options, RouteCame route_came)
    : name_(std::move(options.name)), route_came_(std::move(route_came)) {
  link_ = std::make_unique<link::Link>(
      loop,
      link::LinkOptions{.coordinator_url = std::move(options.coordinator_url),
                        .join_token = std::move(options.join_token),
                        .data_dir = std::move(options.data_dir),
                        .node_name = name_,
                        .info = info()},
      link::LinkHooks{.assigned = [this](const link::ObjectSet& objects) { assigned(objects); },
                      .open_log = [](const wire::LogRequest&) -> Result<std::unique_ptr<link::LogBody>> {
                        return fail(ErrorKind::kNotFound, "a simulated node has no logs");
                      },
                      .acknowledged = {}});
  link_->set(wire::NodeCondition{.proxy_ready = true});
}

void SimNode::assigned(const link::ObjectSet& objects) {
  std::map<link::ObjectKey, std::uint64_t> now;
  for (const auto& [key, held] : objects.objects()) {
    now.emplace(key, held.hash);
    auto before = seen_.find(key);
    if (before == seen_.end() || before->second != held.hash) answer(key, held.json);
  }
  seen_ = std::move(now);
}

void SimNode::answer(const link::ObjectKey& key, const std::string& json) {
  const bool is_pod = key.resource == cluster::kPods.storageName();
  const bool is_route = key.resource == cluster::kHttpRoutes.storageName();
  const bool is_gateway = key.resource == cluster::kGateways.storageName();
  if (!is_pod && !is_route && !is_gateway) return;
  Result<Value> object = json::parse(json);
  if (!object) return;
  if (is_pod) answerPod(*object);
  if (is_route) answerRoute(*object);
  if (is_gateway) answerGateway(*object);
}

void SimNode::answerPod(const Value& pod) {
  Value status = Object{{"phase", "Running"}, {"podIP", "127.0.0.1"}, {"hostIP", "127.0.0.1"}};
  status["conditions"] =
      Array{Object{{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", "2026-01-01T00:00:00Z"}},
            Object{{"type", "ContainersReady"}, {"status", "True"}, {"lastTransitionTime", "2026-01-01T00:00:00Z"}}};
  link_->report(wire::PodReport{.ns = std::string(cluster::namespaceOf(pod)),
                                .name = std::string(cluster::nameOf(pod)),
                                .uid = std::string(cluster::uidOf(pod)),
                                .status_json = json::serialize(status),
                                .gone = !pod.at({"metadata", "deletionTimestamp"}).isNull()});
}

void SimNode::answerRoute(const Value& route) {
  wire::RouteReport report{.ns = std::string(cluster::namespaceOf(route)),
                           .name = std::string(cluster::nameOf(route)),
                           .generation = route.at({"metadata", "generation"}).asInt(),
                           .weights = {},
                           .error = ""};
  const Array& backends = route.at({"spec", "rules"})[0]["backendRefs"].asArray();
  double sum = 0;
  for (const Value& backend : backends) sum += static_cast<double>(backend["weight"].asInt(1));
  for (const Value& backend : backends) {
    report.weights.push_back({.service = backend["name"].asString(),
                              .pod_template_hash = "",
                              .share = sum > 0 ? static_cast<double>(backend["weight"].asInt(1)) / sum : 0,
                              .ready_servers = 1});
  }
  route_came_(report.name, report.generation);
  link_->report(std::move(report));
}

void SimNode::answerGateway(const Value& gateway) {
  wire::GatewayReport report{.ns = std::string(cluster::namespaceOf(gateway)),
                             .name = std::string(cluster::nameOf(gateway)),
                             .uid = std::string(cluster::uidOf(gateway)),
                             .generation = gateway.at({"metadata", "generation"}).asInt()};
  for (const Value& listener : gateway.at({"spec", "listeners"}).asArray()) {
    report.listeners.push_back({.name = listener["name"].asString(), .error = ""});
  }
  link_->report(std::move(report));
}

}  // namespace towpath::bench
