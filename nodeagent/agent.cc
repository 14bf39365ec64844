#include "agent.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "cluster/kinds.h"
#include "cluster/object.h"
#include "gateway_reports.h"
#include "json/serialize.h"
#include "loop/timeout.h"
#include "node_info.h"
#include "proxy/haproxy.h"
#include "route_reports.h"
#include "service_addresses.h"

namespace towpath::nodeagent {

namespace {

using cluster::kConfigMaps;
using cluster::kPods;
using cluster::kSecrets;
using cluster::kServices;

// The proxy is looked at this often even if nothing changed: servers come and go by its own health checks.
constexpr Duration kObserveInterval = 3s;
constexpr Duration kProxyRetry = 2s;

// Objects of a namespace, by name.
std::map<std::string, Value> byName(const std::vector<Value>& objects, std::string_view ns) {
  std::map<std::string, Value> named;
  for (const Value& object : objects) {
    if (cluster::namespaceOf(object) == ns) named.emplace(cluster::nameOf(object), object);
  }
  return named;
}

// The supervisor's reader as the link wants it.
class SupervisorLog final : public link::LogBody {
 public:
  explicit SupervisorLog(std::unique_ptr<supervise::LogReader> reader) : reader_(std::move(reader)) {}
  loop::Task<Result<std::string>> next() override { return reader_->next(); }

 private:
  std::unique_ptr<supervise::LogReader> reader_;
};

supervise::Options supervisorOptions(const Config& config) {
  return {.data_dir = config.data_dir,
          .node_name = config.node_name,
          .node_address = config.address,
          .port_first = config.port_first,
          .port_last = config.port_last,
          .images = config.images,
          .default_user = config.default_user,
          .cgroup_root = config.cgroup_root,
          .log_file_bytes = config.log_file_bytes,
          .log_files = static_cast<int>(config.log_files)};
}

std::string refusals(const std::vector<proxy::RefusedListener>& refused) {
  std::string text;
  for (const proxy::RefusedListener& listener : refused) text += (text.empty() ? "" : "; ") + listener.reason;
  return text;
}

}  // namespace

Agent::Agent(loop::UvLoop& loop, Config config)
    : loop_(loop), config_(std::move(config)), proxy_wanted_(loop), proxy_applied_(loop), scope_(loop, "agent") {
  supervise::Hooks hooks{
      .changed = [this](const supervise::PodState& state) { podChanged(state); },
      .drained = [this](std::string uid) { return waitDrained(std::move(uid)); },
      .event = [this](
                   const supervise::PodState& state, std::string type, std::string reason,
                   std::string message) { podEvent(state, std::move(type), std::move(reason), std::move(message)); }};
  supervisor_ = supervise::makeSupervisor(loop_, supervisorOptions(config_), std::move(hooks));
  proxy_ = proxy::makeHaproxy(loop_, {.binary = config_.haproxy, .run_dir = config_.run_dir + "/proxy"});
  link_ = std::make_unique<link::Link>(
      loop_,
      link::LinkOptions{.coordinator_url = config_.coordinator,
                        .join_token = config_.join_token,
                        .data_dir = config_.data_dir,
                        .node_name = config_.node_name,
                        .info = describeNode(config_)},
      link::LinkHooks{.assigned = [this](const link::ObjectSet& objects) { assigned(objects); },
                      .open_log = [this](const wire::LogRequest& request) { return openLog(request); },
                      .acknowledged =
                          [this](const wire::PodReport& pod) {
                            if (pod.gone) supervisor_->forget(pod.uid);
                          }});
}

Agent::~Agent() = default;

loop::Task<Result<void>> Agent::start() {
  if (Result<void> adopted = co_await supervisor_->adopt(); !adopted) co_return adopted;
  for (const supervise::PodState& state : supervisor_->states()) podChanged(state);
  scope_.spawn(keepProxy());
  measure();
  co_return co_await link_->start();
}

loop::Task<void> Agent::stop() {
  scope_.cancelAll();
  co_await proxy_->close();
}

void Agent::assigned(const link::ObjectSet& objects) {
  objects_ = &objects;
  supervisor_->setDesired(desiredPods());
  proxy_wanted_.set();
}

std::vector<Value> Agent::services() const {
  std::vector<Value> services = objects_->parsed(kServices.storageName());
  for (Value& service : services) {
    std::string address = service.at({"spec", "clusterIP"}).asString();
    if (!address.empty()) service["spec"]["clusterIP"] = rebasedAddress(address, config_.service_base);
  }
  return services;
}

std::vector<supervise::DesiredPod> Agent::desiredPods() const {
  const std::vector<Value> all_services = services();
  const std::vector<Value> config_maps = objects_->parsed(kConfigMaps.storageName());
  const std::vector<Value> secrets = objects_->parsed(kSecrets.storageName());
  std::vector<supervise::DesiredPod> pods;
  for (Value& pod : objects_->parsed(kPods.storageName())) {
    std::string ns(cluster::namespaceOf(pod));
    pods.push_back({.ns = ns,
                    .name = std::string(cluster::nameOf(pod)),
                    .uid = std::string(cluster::uidOf(pod)),
                    .config_maps = byName(config_maps, ns),
                    .secrets = byName(secrets, ns),
                    .service_environment = serviceEnvironment(all_services, ns)});
    pods.back().pod = std::move(pod);
  }
  return pods;
}

void Agent::podChanged(const supervise::PodState& state) {
  link_->report(wire::PodReport{.ns = state.ns,
                                .name = state.name,
                                .uid = state.uid,
                                .status_json = json::serialize(state.status),
                                .gone = state.gone});
  if (state.gone) draining_.erase(state.uid);
  proxy_wanted_.set();
}

void Agent::podEvent(const supervise::PodState& state, std::string type, std::string reason, std::string message) {
  auto now = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.wallNow().time_since_epoch());
  link_->report(wire::NodeEvent{.ns = state.ns,
                                .involved_kind = "Pod",
                                .involved_name = state.name,
                                .involved_uid = state.uid,
                                .type = std::move(type),
                                .reason = std::move(reason),
                                .message = std::move(message),
                                .unix_ms = now.count()});
}

bool Agent::isInProxy(const std::string& uid) const {
  const proxy::ProxyState* state = proxy_started_ ? proxy_->applied() : nullptr;
  if (!state) return false;
  for (const proxy::Backend& backend : state->backends) {
    for (const proxy::VersionServers& version : backend.versions) {
      if (std::ranges::any_of(version.servers, [&](const proxy::Server& server) { return server.instance == uid; }))
        return true;
    }
  }
  return false;
}

loop::Task<void> Agent::waitDrained(std::string uid) {
  // A proxy that cannot be had sends no requests. One that is only not found yet may: it outlives the agent.
  if (!proxy_started_ && !proxy_error_.empty()) co_return;
  MonoTime begun = loop_.now();
  // Also one that the present state lacks may be on its way in, or have requests from before its Service let go of it.
  const bool in_proxy = !proxy_->applied() || isInProxy(uid);
  draining_.insert(uid);
  proxy_wanted_.set();
  // The round that is under way may have looked before we were noted: the next one surely does not.
  std::uint64_t enough = rounds_ + 2;
  while (rounds_ < enough && loop_.now() - begun < config_.drain_bound) {
    proxy_wanted_.set();
    static_cast<void>(co_await loop::withTimeout(loop_, 1s, untilApplied()));
  }
  Result<proxy::Drained> drained = co_await proxy_->waitDrained(uid, config_.drain_bound);
  if (!drained)
    log::warning("an instance could not be drained", {{"uid", uid}, {"error", drained.error().message}});
  else if (*drained == proxy::Drained::kTimedOut)
    log::warning("an instance is stopped with requests on it", {{"uid", uid}});
  Duration passed = loop_.now() - begun;
  if (in_proxy && passed < config_.drain_settle) co_await loop::sleep(loop_, config_.drain_settle - passed);
}

loop::Task<void> Agent::untilApplied() { co_await proxy_applied_.wait(); }

Result<std::unique_ptr<link::LogBody>> Agent::openLog(const wire::LogRequest& request) {
  // Instances write their log files themselves, so that their lines carry only the times that they print.
  if (request.since_unix_ms != 0 || request.timestamps) {
    return fail(ErrorKind::kUnsupported,
                "logs of the process runtime have no times of their own: leave out since and timestamps, or use tail");
  }
  Result<std::unique_ptr<supervise::LogReader>> reader = supervisor_->openLog({.ns = request.ns,
                                                                               .pod = request.pod,
                                                                               .container = request.container,
                                                                               .previous = request.previous,
                                                                               .tail_lines = request.tail_lines,
                                                                               .limit_bytes = request.limit_bytes,
                                                                               .follow = request.follow});
  if (!reader) return std::unexpected(reader.error());
  return std::make_unique<SupervisorLog>(std::move(*reader));
}

loop::Task<void> Agent::keepProxy() {
  for (;;) {
    if (!proxy_started_) co_await startProxy();
    loop::Timer timer = loop_.startTimer(kObserveInterval, [this] { proxy_wanted_.set(); });
    co_await proxy_wanted_.wait();
    proxy_wanted_.reset();
    if (proxy_started_ && objects_) co_await carryOut();
    ++rounds_;
    proxy_applied_.notifyAll();
  }
}

loop::Task<void> Agent::startProxy() {
  for (;;) {
    Result<void> started = co_await proxy_->start();
    proxy_started_ = started.has_value();
    if (started) {
      proxy_error_.clear();
      measure();
      co_return co_await startCollector();
    }
    if (proxy_error_ != started.error().message)
      log::error("the proxy cannot be started", {{"error", started.error().message}});
    proxy_error_ = started.error().message;
    measure();
    co_await loop::sleep(loop_, kProxyRetry);
  }
}

loop::Task<void> Agent::startCollector() {
  if (collector_) co_return;
  telemetry::CollectorOptions options{.interval = config_.sample_interval,
                                      .snapshot_file = config_.run_dir + "/proxy/counters"};
  collector_ = std::make_unique<telemetry::Collector>(loop_, *proxy_, std::move(options), [this] { takeSamples(); });
  co_await collector_->start();
}

void Agent::takeSamples() {
  for (wire::TrafficSample& sample : collector_->takeSamples(collector_->pending())) link_->add(std::move(sample));
}

// What the supervisor knows of this node's instances, in the proxy's words.
std::vector<proxy::LocalPod> Agent::localPods() const {
  std::map<std::string, std::map<std::string, std::string>> labels;
  for (const Value& pod : objects_->parsed(kPods.storageName())) {
    cluster::ObjectMeta meta = cluster::readMeta(pod);
    labels[meta.uid] = {meta.labels.begin(), meta.labels.end()};
  }
  std::vector<proxy::LocalPod> pods;
  for (const supervise::PodState& state : supervisor_->states()) {
    if (state.gone) continue;
    proxy::LocalPod pod{
        .ns = state.ns, .name = state.name, .uid = state.uid, .labels = labels[state.uid], .address = config_.address};
    pod.state = state.ready ? proxy::ServerState::kReady : proxy::ServerState::kNotReady;
    if (draining_.contains(state.uid)) pod.state = proxy::ServerState::kDraining;
    for (const supervise::InstancePort& port : state.ports)
      pod.ports.push_back({port.name, port.container_port, port.host_port});
    pods.push_back(std::move(pod));
  }
  return pods;
}

proxy::Plan Agent::plan(const std::vector<Value>& gateways) const {
  return proxy::makePlan({.node_name = config_.node_name,
                          .gateway_address = config_.listen_address,
                          .services = services(),
                          .endpoint_slices = objects_->parsed(cluster::kEndpointSlices.storageName()),
                          .gateways = gateways,
                          .http_routes = objects_->parsed(cluster::kHttpRoutes.storageName()),
                          .local_pods = localPods()});
}

loop::Task<void> Agent::carryOut() {
  const std::vector<Value> gateways = objects_->parsed(cluster::kGateways.storageName());
  proxy::Plan wanted = plan(gateways);
  if (problems_ != wanted.problems) {
    for (const proxy::Problem& problem : wanted.problems) {
      log::warning(
          "the proxy cannot do what is asked for",
          {{"kind", problem.kind}, {"namespace", problem.ns}, {"name", problem.name}, {"problem", problem.message}});
    }
    problems_ = std::move(wanted.problems);
  }
  co_await apply(std::move(wanted.state));
  // The coordinator gathers these before it writes them: what it had taken when it died is told to the next session.
  const std::uint64_t sessions = link_->status().sessions;
  tell_all_ = sessions != told_sessions_;
  told_sessions_ = sessions;
  reportGateways(gateways);
  co_await reportRoutes();
}

loop::Task<void> Agent::apply(proxy::ProxyState wanted) {
  const proxy::ProxyState* applied = proxy_->applied();
  std::string error;
  if (applied && *applied == wanted) {
    // What was refused or failed before is not wanted any more.
    if (proxy_took_ && refused_.empty()) co_return;
    proxy_took_ = true;
    refused_.clear();
  } else {
    Result<proxy::Applied> done = co_await proxy_->apply(std::move(wanted));
    proxy_took_ = done.has_value();
    refused_ = done ? std::move(done->refused) : std::vector<proxy::RefusedListener>();
    error = done ? refusals(refused_) : done.error().message;
    if (error != proxy_error_ && !error.empty()) log::error("the proxy did not take the new state", {{"error", error}});
    if (done) log::debug("proxy changed", {{"how", proxy::toString(done->change)}});
  }
  proxy_error_ = std::move(error);
  measure();
}

void Agent::reportGateways(const std::vector<Value>& gateways) {
  const std::string failed = proxy_took_ ? "" : proxy_error_;
  GatewayReports now = gatewayReports({gateways, problems_, refused_, config_.listen_address, failed});
  for (const auto& [name, report] : now) {
    auto before = reported_gateways_.find(name);
    if (tell_all_ || before == reported_gateways_.end() || !(before->second == report)) link_->report(report);
  }
  for (const auto& [name, report] : reported_gateways_) {
    if (!now.contains(name)) {
      link_->report(wire::GatewayReport{.ns = name.first, .name = name.second, .uid = report.uid, .generation = -1});
    }
  }
  reported_gateways_ = std::move(now);
}

loop::Task<void> Agent::reportRoutes() {
  Result<proxy::Observed> observed = co_await proxy_->observe();
  if (!observed) {
    log::warning("the proxy cannot be read", {{"error", observed.error().message}});
    co_return;
  }
  RouteReports now = routeReports(*observed, proxy_error_);
  for (const proxy::Problem& problem : problems_) {
    auto found = now.find({problem.ns, problem.name});
    if (problem.kind == "HTTPRoute" && found != now.end() && found->second.error.empty())
      found->second.error = problem.message;
  }
  for (const auto& [name, report] : now) {
    auto before = reported_routes_.find(name);
    if (tell_all_ || before == reported_routes_.end() || !(before->second == report)) link_->report(report);
  }
  for (const auto& [name, report] : reported_routes_) {
    if (!now.contains(name)) link_->report(wire::RouteReport{.ns = name.first, .name = name.second, .generation = -1});
  }
  reported_routes_ = std::move(now);
}

void Agent::measure() {
  wire::NodeCondition condition = measureNode(config_.data_dir);
  condition.proxy_ready = proxy_started_ && proxy_error_.empty();
  condition.message = proxy_error_;
  link_->set(std::move(condition));
}

}  // namespace towpath::nodeagent
