#pragma once
// Rest: the registry over HTTP, as Kubernetes' API is spoken. Its handler goes into an http::Server:
//
//   Rest rest(registry, authenticator, {.version = "0.1.0", .logs = &logs});
//   rest.mount("/agent/v1", agents.handler());
//   http::Server server(loop, {.tls = context}, rest.handler());
//
// Paths: /api, /apis (discovery, classic and aggregated), the resources below them, /openapi/v2 and /v3, /version,
// /healthz, /livez, /readyz. Errors are `Status` objects.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "apiserver/auth.h"
#include "apiserver/log_source.h"
#include "apiserver/registry.h"
#include "http/server.h"

namespace towpath::apiserver {

struct RestOptions {
  std::string version = "0.1.0";  // ours; /version tells it behind that of Kubernetes' API
  LogSource* logs = nullptr;      // outlives the Rest; without it pods/log is 503
  // What /readyz answers; empty: always ready.
  std::function<Result<void>()> ready;
};

class Rest {
 public:
  // Both outlive it, and it outlives the server that it serves.
  Rest(Registry& registry, Authenticator& authenticator, RestOptions options);

  // All of a path prefix ("/agent/v1", "/ui") goes to another handler, which authenticates by itself. The longest
  // prefix wins.
  void mount(std::string prefix, http::Handler handler);
  void setLogSource(LogSource* logs) { options_.logs = logs; }

  http::Handler handler();
  loop::Task<void> serve(http::Request& request, http::ResponseWriter& response);

 private:
  loop::Task<void> serveOpen(http::Request& request, http::ResponseWriter& response);
  const http::Handler* mounted(const std::string& path) const;

  Registry& registry_;
  Authenticator& authenticator_;
  RestOptions options_;
  std::vector<std::pair<std::string, http::Handler>> mounts_;  // longest prefix first
};

}  // namespace towpath::apiserver
