#include "kubernetes_pages.h"

#include <sys/utsname.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "exposition/process.h"
#include "exposition/text.h"

namespace towpath::coordinator {
namespace {

using exposition::MetricsText;
using exposition::Type;

constexpr const char* kPages = "there are /healthz, /livez, /readyz, /metrics and /loglevel\n";

// "x86_64" → "amd64", as the peer's build_info has it.
std::string architecture() {
  utsname names{};
  ::uname(&names);
  const std::string_view machine = names.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return std::string(machine);
}

// The peer counts by name as well, which has no bound; its own name for "all of them" keeps queries valid.
void writeRequests(MetricsText& text, const kubernetes::KubeApiStats& api, const kubernetes::KubeApiStats& lease_api) {
  std::map<kubernetes::RequestKind, std::uint64_t> counts = api.by_kind;
  for (const auto& [kind, count] : lease_api.by_kind) counts[kind] += count;
  text.family("controller_clientset_k8s_request_total", Type::kCounter, "Requests sent to the API server.");
  for (const auto& [kind, count] : counts) {
    text.add({{"kind", kind.plural},
              {"namespace", kind.ns},
              {"name", "N/A"},
              {"verb", kind.verb},
              {"status_code", std::to_string(kind.status)}},
             static_cast<double>(count));
  }
}

void writeBuild(MetricsText& text) {
  text.family("argo_rollouts_controller_info", Type::kGauge, "The version that runs.");
  text.add({{"version", TOWPATH_VERSION}}, 1);
  text.family("build_info", Type::kGauge, "The version that runs, and for which machine it was built.");
  text.add({{"version", TOWPATH_VERSION}, {"goversion", ""}, {"goarch", architecture()}, {"commit", ""}}, 1);
}

void writeClient(MetricsText& text, const kubernetes::KubeApiStats& stats, bool working) {
  const auto one = [&text](const char* name, Type type, const char* help, double value) {
    text.family(name, type, help);
    text.add({}, value);
  };
  const auto count = [](std::uint64_t value) { return static_cast<double>(value); };
  one("towpath_kubernetes_requests_total", Type::kCounter, "Requests sent by the controllers.", count(stats.requests));
  one("towpath_kubernetes_retries_total", Type::kCounter, "Requests sent once more.", count(stats.retries));
  one("towpath_kubernetes_throttled_total", Type::kCounter, "Answers 429.", count(stats.limited));
  one("towpath_kubernetes_watches_total", Type::kCounter, "Watches opened.", count(stats.watches));
  one("towpath_leading", Type::kGauge, "1 if this process works, 0 if it waits to lead.", working ? 1 : 0);
}

}  // namespace

std::string KubernetesPages::metrics() {
  MetricsText text;
  parts_.delivery.writeMetrics(text);
  writeRequests(text, parts_.api.stats(), parts_.lease_api.stats());
  writeBuild(text);
  writeClient(text, parts_.api.stats(), parts_.working);
  exposition::writeProcess(text);
  return std::move(text).take();
}

// GET tells the level, PUT sets it; only from this machine (in a pod: through `kubectl port-forward`), since nobody
// says here who he is.
loop::Task<void> KubernetesPages::serveLogLevel(http::Request& request, http::ResponseWriter& response) {
  const http::Headers plain{{"Content-Type", "text/plain"}};
  if (request.method == "PUT") {
    const std::string& from = request.peer.address;
    if (!from.starts_with("127.") && from != "::1") {
      co_await response.send(403, plain, "the log level is set from this machine only: use kubectl port-forward\n");
      co_return;
    }
    constexpr std::size_t kMost = 64;
    Result<std::string> body = co_await request.body(kMost);
    log::Level level{};
    if (body) body->erase(body->find_last_not_of(" \r\n\t") + 1);
    if (!body || !log::parseLevel(*body, level)) {
      co_await response.send(400, plain, "the body must be debug, info, warn or error\n");
      co_return;
    }
    log::setLevel(level);
    log::info("log level set", {{"level", *body}, {"by", from}});
  } else if (request.method != "GET") {
    co_await response.send(405, {{"Content-Type", "text/plain"}, {"Allow", "GET, PUT"}}, "GET or PUT\n");
    co_return;
  }
  constexpr const char* kNames[] = {"debug\n", "info\n", "warn\n", "error\n"};
  co_await response.send(200, plain, kNames[static_cast<int>(log::level())]);
}

loop::Task<void> KubernetesPages::serve(http::Request& request, http::ResponseWriter& response) {
  const http::Headers plain{{"Content-Type", "text/plain"}};
  const std::string& path = request.path;
  if (path == "/healthz" || path == "/livez") {
    co_await response.send(200, plain, "ok\n");
  } else if (path == "/readyz") {
    // One that waits to lead is ready: it is no reason to restart it, or to hold up an update of it.
    const bool ready = parts_.delivery.synced();
    const char* why = !ready ? "caches are being filled\n" : parts_.working ? "ok: leads\n" : "ok: waits to lead\n";
    co_await response.send(ready ? 200 : 503, plain, why);
  } else if (path == "/metrics") {
    co_await response.send(200, {{"Content-Type", "text/plain; version=0.0.4"}}, metrics());
  } else if (path == "/loglevel") {
    co_await serveLogLevel(request, response);
  } else {
    co_await response.send(404, plain, kPages);
  }
}

}  // namespace towpath::coordinator
