#include "kubernetes_run.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/service_manager.h"
#include "counters_text.h"
#include "delivery.h"
#include "http/client.h"
#include "http/server.h"
#include "kubernetes/kube_api.h"
#include "kubernetes/kubeconfig.h"
#include "kubernetes/leader.h"
#include "loop/timeout.h"
#include "loop/watch.h"
#include "tls/crypto.h"

namespace towpath::coordinator {

namespace {

constexpr Duration kShutdownGrace = 5s;

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

class OnKubernetes {
 public:
  OnKubernetes(loop::UvLoop& loop, kubernetes::ClusterAccess access, const Config& config)
      : loop_(loop),
        config_(config.kubernetes),
        access_(std::move(access)),
        client_(loop),
        credentials_(loop, access_),
        api_(loop, client_, access_, credentials_, apiOptions(config_)),
        // Its own limit of requests: the lease is renewed however much the controllers have to say.
        lease_api_(loop, client_, access_, credentials_, apiOptions(config_)),
        leader_(loop, lease_api_,
                {.ns = config_.lease_ns.empty() ? access_.ns : config_.lease_ns, .identity = identity()}),
        fenced_(loop, api_, leader_),
        delivery_({.loop = loop,
                   .api = config_.elect_leader ? static_cast<cluster::ObjectApi&>(fenced_) : api_,
                   .client = client_,
                   .traffic = traffic_,
                   .step_plugins = stepPlugins(config),
                   .metric_plugins = metricPlugins(config),
                   .ns = config_.ns}),
        pages_(loop, {.name = "pages"}, [this](http::Request& request, http::ResponseWriter& response) {
          return servePage(request, response);
        }) {}

  Result<void> listen(const std::vector<ListenAddress>& addresses) {
    for (const ListenAddress& address : addresses) {
      auto port = pages_.listenTcp(address.host, address.port);
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
    // The fence is closed first; what is under way is given up as unknown, like after a crash.
    if (auto released = loop::blockOn(loop_, loop::withTimeout(loop_, kShutdownGrace, leader_.release())); !released) {
      log::warning("lease not released", {{"error", describe(released.error())}});
    }
    loop::blockOn(loop_, pages_.shutdown(kShutdownGrace));
    log::info("coordinator ends");
    return {};
  }

 private:
  loop::Task<void> servePage(http::Request& request, http::ResponseWriter& response) {
    const std::string& path = request.path;
    if (path == "/healthz" || path == "/livez") {
      co_await response.send(200, {{"Content-Type", "text/plain"}}, "ok\n");
    } else if (path == "/readyz") {
      // One that waits to lead is ready: it is no reason to restart it, or to hold up an update of it.
      const bool ready = delivery_.synced();
      co_await response.send(ready ? 200 : 503, {{"Content-Type", "text/plain"}},
                             ready ? (working_ ? "ok: leads\n" : "ok: waits to lead\n") : "caches are being filled\n");
    } else if (path == "/metrics") {
      co_await response.send(200, {{"Content-Type", "text/plain; version=0.0.4"}}, counters());
    } else {
      co_await response.send(404, {{"Content-Type", "text/plain"}}, "there are /healthz, /readyz and /metrics\n");
    }
  }

  std::string counters() const {
    using Type = CountersText::Type;
    CountersText page;
    const kubernetes::KubeApiStats& stats = api_.stats();
    page.add("kubernetes_requests_total", Type::kCounter, "Requests sent to the API server.", stats.requests);
    page.add("kubernetes_retries_total", Type::kCounter, "Requests sent once more.", stats.retries);
    page.add("kubernetes_throttled_total", Type::kCounter, "Answers 429.", stats.limited);
    page.add("kubernetes_watches_total", Type::kCounter, "Watches opened.", stats.watches);
    page.add("leading", Type::kGauge, "1 if this process works, 0 if it waits to lead.", working_ ? 1 : 0);
    return std::move(page).take();
  }

  loop::UvLoop& loop_;
  const KubernetesConfig& config_;
  kubernetes::ClusterAccess access_;
  http::Client client_;
  kubernetes::Credentials credentials_;
  kubernetes::KubeApi api_, lease_api_;
  kubernetes::Leader leader_;
  kubernetes::FencedApi fenced_;
  NoTraffic traffic_;
  Delivery delivery_;
  http::Server pages_;
  bool working_ = false;
  std::optional<Error> lost_;
};

}  // namespace

Result<void> runOnKubernetes(const Config& config) {
  log::setLevel(config.log_level);
  auto access =
      kubernetes::findAccess({.file = config.kubernetes.kubeconfig, .context = config.kubernetes.context, .ns = ""},
                             kubernetes::Surroundings::ofThisProcess());
  if (!access) return std::unexpected(access.error());
  loop::UvLoop loop;
  OnKubernetes coordinator(loop, *std::move(access), config);
  if (auto met = loop::blockOn(loop, coordinator.meetServer()); !met) return met;
  if (auto listening = coordinator.listen(config.listen); !listening) return listening;
  return coordinator.untilTold();
}

}  // namespace towpath::coordinator
