// towpath-coordinator: the story of its start, in the order in which the parts need each other.

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "admission_rules.h"
#include "agents/agents.h"
#include "apiserver/local_api.h"
#include "apiserver/rest.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "clock_file.h"
#include "config.h"
#include "controllers.h"
#include "delivery.h"
#include "http/server.h"
#include "kubernetes_run.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "loop/watch.h"
#include "metrics_page.h"
#include "server_identity.h"
#include "store/samples.h"
#include "store/sqlite_store.h"
#include "traffic_page.h"

// Read by jemalloc, where it is linked. Nearly all memory is allotted by the loop's thread: one arena for all keeps
// what is freed where it is used again, no thread hoards what is larger than a page, and pages that are free go back to
// the system soon.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:1,dirty_decay_ms:200,muzzy_decay_ms:0,lg_tcache_max:12";
}

namespace {

using namespace towpath;

constexpr Duration kShutdownGrace = 5s;

// What ends a start-up; caught in main() alone.
struct StartFailed {
  Error error;
};

template <class T>
T orFail(Result<T> result, const char* doing) {
  if (!result) throw StartFailed{withContext(result.error(), doing)};
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::unique_ptr<store::Store> openStore(loop::Loop& loop, const coordinator::Config& config) {
  return orFail(store::openSqliteStore(loop, {.directory = config.data_dir,
                                              .history = {.changes = static_cast<std::size_t>(config.history_changes),
                                                          .age = config.history_age}}),
                "opening the database");
}

std::unique_ptr<store::SampleStore> openSamples(loop::Loop& loop, const coordinator::Config& config) {
  return orFail(
      store::openSampleStore(
          loop, {.directory = config.data_dir, .age_max = config.samples_age, .bytes_max = config.samples_bytes_max}),
      "opening the samples");
}

// Beside the Kubernetes API: the agents' link, join tokens and our own measurements.
void mountPages(apiserver::Rest& rest, agents::Agents& nodes, apiserver::Authenticator& users, store::Store& store,
                const store::SampleStore& samples, http::Server& server) {
  rest.mount("/agent/v1", [&nodes](http::Request& request, http::ResponseWriter& response) {
    return nodes.handle(request, response);
  });
  rest.mount("/towpath/v1/tokens", [&nodes](http::Request& request, http::ResponseWriter& response) {
    return nodes.handleTokens(request, response);
  });
  rest.mount("/metrics", [&](http::Request& request, http::ResponseWriter& response) {
    return coordinator::serveMetrics(users, store, samples, server, nodes, request, response);
  });
  rest.mount("/towpath/v1/traffic", [&](http::Request& request, http::ResponseWriter& response) {
    return coordinator::serveTraffic(users, samples, request, response);
  });
}

// The port of the first address: what the administrator's kubeconfig names.
std::uint16_t listen(http::Server& server, const coordinator::Config& config) {
  std::uint16_t first = 0;
  for (const coordinator::ListenAddress& address : config.listen) {
    std::uint16_t got = orFail(server.listenTcp(address.host, address.port),
                               ("listening on " + coordinator::toString(address)).c_str());
    if (first == 0) first = got;
    log::info("listening", {{"address", coordinator::toString({address.host, got})}});
  }
  return first;
}

void runUntilTold(loop::UvLoop& loop) {
  auto stop = [&loop] { loop.stop(); };
  loop::SignalWatcher terminated(loop, SIGTERM, stop);
  loop::SignalWatcher interrupted(loop, SIGINT, stop);
  loop.run();
}

// The tasks run as long as we serve.
void serveUntilTold(loop::UvLoop& loop, http::Server& server, loop::Task<void> certificate, loop::Task<void> clock) {
  {
    loop::Scope scope(loop, "main");
    scope.spawn(std::move(certificate));
    scope.spawn(std::move(clock));
    runUntilTold(loop);
  }
  // Requests end, sessions are told to go; what was acknowledged is on the disk already.
  notifyServiceManager("STOPPING=1");
  loop::blockOn(loop, server.shutdown(kShutdownGrace));
  log::info("coordinator ends");
}

void run(const coordinator::Config& config) {
  log::setLevel(config.log_level);
  loop::UvLoop loop;

  // All state is in the store; everything else is made of it.
  std::unique_ptr<store::Store> store = openStore(loop, config);
  coordinator::startClock(loop, config.data_dir);
  std::unique_ptr<store::SampleStore> samples = openSamples(loop, config);

  // Who we are, before anybody is let in.
  tls::Authority authority = orFail(loop::blockOn(loop, coordinator::openAuthority(*store, loop.wallNow())), "the CA");
  coordinator::TicketKey ticket_key = orFail(loop::blockOn(loop, coordinator::openTicketKey(*store)), "the ticket key");
  coordinator::ServerNames names = coordinator::serverNames(config);

  // The API with its rules; controllers use it in process, each under its own name.
  apiserver::Registry registry(loop, *store);
  orFail(loop::blockOn(loop, registry.start()), "the API");
  std::unique_ptr<edge::ServiceAddresses> addresses =
      orFail(edge::ServiceAddresses::open(*store, {}), "service addresses");
  coordinator::addAdmissionRules(registry, *addresses);
  apiserver::LocalApi rollout_api(registry, "system:serviceaccount:kube-system:towpath-rollouts");
  apiserver::LocalApi edge_api(registry, "system:serviceaccount:kube-system:towpath-edge");
  apiserver::LocalApi agents_api(registry, "system:serviceaccount:kube-system:towpath-agents");
  apiserver::Authenticator users(*store);

  // The agents' side: what they report is there before any controller looks.
  agents::Agents nodes({.loop = loop,
                        .store = *store,
                        .api = agents_api,
                        .authority = authority,
                        .users = users,
                        .samples =
                            [&samples](std::string node, std::vector<wire::TrafficSample> batch) {
                              return samples->append(std::move(node), std::move(batch));
                            }},
                       {.session = {.heartbeat = config.heartbeat, .lease = config.lease, .version = TOWPATH_VERSION},
                        .certificate_lifetime = config.node_certificate_lifetime});
  orFail(nodes.start(), "following the store");
  coordinator::Controllers controllers(
      {.loop = loop,
       .store = *store,
       .samples = *samples,
       .rollout_api = rollout_api,
       .edge_api = edge_api,
       .last_heard = [&nodes](const std::string& node) { return nodes.heartbeats().lastHeard(node); },
       .silence_max = config.lease,
       .step_plugins = coordinator::stepPlugins(config),
       .metric_plugins = coordinator::metricPlugins(config)});

  // The door opens.
  apiserver::Rest rest(registry, users, {.version = TOWPATH_VERSION, .logs = &nodes.logs()});
  http::Server server(
      loop,
      {.tls = orFail(coordinator::makeServerContext(authority, names, ticket_key, loop.wallNow()), "TLS"),
       .connections = static_cast<std::size_t>(config.connections_max),
       .name = "api"},
      rest.handler());
  mountPages(rest, nodes, users, *store, *samples, server);
  const std::uint16_t port = listen(server, config);

  orFail(loop::blockOn(loop, controllers.start()), "the controllers");
  orFail(loop::blockOn(loop, coordinator::writeAdminKubeconfig(config.data_dir, coordinator::serverUrl(config, port),
                                                               authority, users)),
         "writing admin.kubeconfig");
  notifyServiceManager("READY=1");
  log::info("ready", {{"version", TOWPATH_VERSION}, {"data", config.data_dir}});

  serveUntilTold(loop, server, coordinator::keepCertificate(loop, server, authority, names, ticket_key),
                 coordinator::keepClock(loop, config.data_dir));
  coordinator::saveClock(loop, config.data_dir);
}

int refuse(const Error& error) {
  std::fprintf(stderr, "towpath-coordinator: %s\n", describe(error).c_str());
  return error.kind == ErrorKind::kInvalid ? 2 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Result<coordinator::CommandLine> command_line =
      coordinator::parseCommandLine(std::vector<std::string>(argv + 1, argv + argc));
  if (!command_line) return refuse(command_line.error());
  switch (command_line->action) {
    case coordinator::CommandLine::Action::kHelp:
      std::fputs(coordinator::usage().c_str(), stdout);
      return 0;
    case coordinator::CommandLine::Action::kVersion:
      std::puts("towpath-coordinator " TOWPATH_VERSION);
      return 0;
    case coordinator::CommandLine::Action::kRun:
      break;
  }
  Result<coordinator::Config> config = coordinator::readConfig(*command_line);
  if (!config) return refuse(config.error());
  if (config->kubernetes.enabled) {
    Result<void> ended = coordinator::runOnKubernetes(*config);
    return ended ? 0 : refuse(ended.error());
  }
  try {
    run(*config);
  } catch (const StartFailed& failed) {
    return refuse(failed.error);
  }
  return 0;
}
