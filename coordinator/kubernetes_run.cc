#include "kubernetes_run.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "access/kubeconfig.h"
#include "api/keys.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "delivery.h"
#include "http/client.h"
#include "http/server.h"
#include "kubernetes/kube_api.h"
#include "kubernetes/leader.h"
#include "kubernetes_pages.h"
#include "loop/timeout.h"
#include "loop/watch.h"
#include "tls/crypto.h"

namespace towpath::coordinator {

namespace {

constexpr Duration kShutdownGrace = 5s;

// The API server is what a cluster runs out of first: of a Rollout's counts of pods, one write in a while is enough.
constexpr Duration kStatusDelay = 3s;

// Nobody counts requests for us here: a metric that asks for them finds no data.
class NoTraffic final : public metrics::TrafficSource {
 public:
  metrics::TrafficSums sums(const metrics::TrafficQuery&) const override { return {}; }
};

// "<host name>_<random>", as client-go names a candidate.
std::string identity() {
  utsname names{};
  ::uname(&names);
  return fmt::format("{}_{}", names.nodename, tls::toHex(tls::randomBytes(8)));
}

kubernetes::KubeApiOptions apiOptions(const KubernetesConfig& config) {
  const auto burst = static_cast<double>(config.burst);
  return {
      .user_agent = "towpath-coordinator/" TOWPATH_VERSION,
      .field_manager = "rollouts-controller",
      .rate = {.per_second = static_cast<double>(config.requests_per_second), .burst = burst, .reserve = burst / 5}};
}

// The peer's own, so that his controller and ours never work at once; each instance has another.
std::string leaseName(const std::string& instance_id) {
  const std::string name = "argo-rollouts-controller-lock";
  return instance_id.empty() ? name : name + "-" + instance_id;
}

// Which Rollouts, templates, runs and experiments are ours.
std::string instanceSelector(const std::string& instance_id) {
  return instance_id.empty() ? fmt::format("!{}", api::kInstanceId)
                             : fmt::format("{}={}", api::kInstanceId, instance_id);
}

class OnKubernetes {
 public:
  OnKubernetes(loop::UvLoop& loop, access::ClusterAccess access, const Config& config)
      : loop_(loop),
        config_(config.kubernetes),
        access_(std::move(access)),
        client_(loop),
        credentials_(loop, access_),
        api_(loop, client_, access_, credentials_, apiOptions(config_)),
        // Its own limit of requests: the lease is renewed however much the controllers have to say.
        lease_api_(loop, client_, access_, credentials_, apiOptions(config_)),
        leader_(loop, lease_api_,
                {.ns = config_.lease_ns.empty() ? access_.ns : config_.lease_ns,
                 .name = leaseName(config_.instance_id),
                 .identity = identity()}),
        fenced_(loop, api_, leader_),
        delivery_({.loop = loop,
                   .api = config_.elect_leader ? static_cast<cluster::ObjectApi&>(fenced_) : api_,
                   .client = client_,
                   .traffic = traffic_,
                   .step_plugins = stepPlugins(config),
                   .metric_plugins = metricPlugins(config),
                   .status_delay = kStatusDelay,
                   .ns = config_.ns,
                   .object_selector = instanceSelector(config_.instance_id)}),
        pages_({.delivery = delivery_, .api = api_, .lease_api = lease_api_, .working = working_}),
        server_(loop, {.name = "pages"}, [this](http::Request& request, http::ResponseWriter& response) {
          return pages_.serve(request, response);
        }) {}

  Result<void> listen(const std::vector<ListenAddress>& addresses) {
    for (const ListenAddress& address : addresses) {
      auto port = server_.listenTcp(address.host, address.port);
      if (!port) return std::unexpected(withContext(port.error(), "listening on " + toString(address)));
      log::info("listening", {{"address", toString({address.host, *port})}});
    }
    return {};
  }

  loop::Task<Result<void>> meetServer() {
    const auto version = co_await api_.serverVersion();
    if (!version) co_return std::unexpected(withContext(version.error(), access_.source));
    log::info("cluster", {{"server", access_.server}, {"version", *version}, {"access", access_.source}});
    co_return Result<void>();
  }

  // Until we are told to end, or do not lead any more: then nothing of ours may run on, so the process ends and its
  // successor waits in line.
  loop::Task<void> work() {
    delivery_.startCaches();
    if (config_.elect_leader) co_await leader_.acquire();
    log::info("leading", {{"lease", config_.elect_leader ? leader_.holder() : "none"}});
    delivery_.start();
    working_ = true;
    notifyServiceManager("READY=1");
    if (!config_.elect_leader) co_return;
    lost_ = withContext(co_await leader_.hold(), "the lead is lost");
    loop_.stop();
  }

  Result<void> untilTold() {
    auto stop = [this] { loop_.stop(); };
    loop::SignalWatcher terminated(loop_, SIGTERM, stop);
    loop::SignalWatcher interrupted(loop_, SIGINT, stop);
    {
      loop::Scope scope(loop_, "kubernetes");
      scope.spawn(work());
      loop_.run();
    }
    if (lost_) return std::unexpected(*lost_);
    notifyServiceManager("STOPPING=1");
    if (auto released = loop::blockOn(loop_, loop::withTimeout(loop_, kShutdownGrace, handOver())); !released) {
      log::warning("lease not released", {{"error", describe(released.error())}});
    }
    loop::blockOn(loop_, server_.shutdown(kShutdownGrace));
    log::info("coordinator ends");
    return {};
  }

 private:
  // The fence is closed, what is under way ends, and then another one may lead.
  loop::Task<Result<void>> handOver() {
    fenced_.close();
    co_await fenced_.drained();
    co_return co_await leader_.release();
  }

  loop::UvLoop& loop_;
  const KubernetesConfig& config_;
  access::ClusterAccess access_;
  http::Client client_;
  access::Credentials credentials_;
  kubernetes::KubeApi api_, lease_api_;
  kubernetes::Leader leader_;
  kubernetes::FencedApi fenced_;
  NoTraffic traffic_;
  Delivery delivery_;
  bool working_ = false;
  KubernetesPages pages_;
  http::Server server_;
  std::optional<Error> lost_;
};

}  // namespace

Result<void> runOnKubernetes(const Config& config) {
  log::setLevel(config.log_level);
  auto access =
      access::findAccess({.file = config.kubernetes.kubeconfig, .context = config.kubernetes.context, .ns = ""},
                         access::Surroundings::ofThisProcess());
  if (!access) return std::unexpected(access.error());
  loop::UvLoop loop;
  OnKubernetes coordinator(loop, *std::move(access), config);
  if (auto met = loop::blockOn(loop, coordinator.meetServer()); !met) return met;
  if (auto listening = coordinator.listen(config.listen); !listening) return listening;
  return coordinator.untilTold();
}

}  // namespace towpath::coordinator
