#include "apiserver/rest.h"

#include <fmt/format.h>

#include <algorithm>

#include "apiserver/discovery.h"
#include "apiserver/exchange.h"
#include "json/serialize.h"

namespace towpath::apiserver {
namespace {

constexpr const char* kNoSuchPath = "the server could not find the requested resource";

std::string versionDocument(const std::string& version) {
  return json::serialize(Object{{"major", "1"},
                                {"minor", "35"},
                                {"gitVersion", "v1.35.0+towpath." + version},
                                {"gitCommit", ""},
                                {"gitTreeState", "clean"},
                                {"buildDate", "1970-01-01T00:00:00Z"},
                                {"goVersion", "none"},
                                {"compiler", "clang"},
                                {"platform", "linux"}});
}

bool isAggregated(Form form) { return form == Form::kAggregated || form == Form::kAggregatedBeta; }

// Discovery and OpenAPI; an answer without a value if the path is none of these.
Answer<std::optional<Value>> describeServer(const KindTable& kinds, const std::vector<std::string>& segments,
                                            Form form) {
  const auto count = segments.size();
  const auto& first = segments[0];
  const auto found = [](auto value) -> Answer<std::optional<Value>> {
    if constexpr (std::is_same_v<decltype(value), Value>)
      return std::optional(std::move(value));
    else if (!value)
      return std::unexpected(value.error());
    else
      return std::optional(std::move(*value));
  };
  const char* version = form == Form::kAggregated ? "v2" : "v2beta1";
  if (first == "api" && count == 1) {
    return found(isAggregated(form) ? aggregatedDiscovery(kinds, DiscoveryPart::kCore, version) : coreVersions());
  }
  if (first == "apis" && count == 1) {
    return found(isAggregated(form) ? aggregatedDiscovery(kinds, DiscoveryPart::kGroups, version) : groupList(kinds));
  }
  if (first == "api" && count == 2) return found(resourceList(kinds, "", segments[1]));
  if (first == "apis" && count == 2) return found(groupDocument(kinds, segments[1]));
  if (first == "apis" && count == 3) return found(resourceList(kinds, segments[1], segments[2]));
  if (first == "openapi" && count == 2 && segments[1] == "v2") return found(openApiV2(kinds));
  if (first == "openapi" && count == 2 && segments[1] == "v3") return found(openApiIndex(kinds));
  if (first == "openapi" && count == 4 && segments[2] == "api") return found(openApiDocument(kinds, "", segments[3]));
  if (first == "openapi" && count == 5 && segments[2] == "apis")
    return found(openApiDocument(kinds, segments[3], segments[4]));
  return std::optional<Value>();
}

std::string verbOf(const Exchange& exchange) {
  const auto& method = exchange.request.method;
  const bool collection = exchange.path.name.empty();
  if (method == "GET" || method == "HEAD") {
    if (exchange.request.queryFlag("watch")) return "watch";
    return collection ? "list" : "get";
  }
  if (method == "POST") return "create";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  return collection ? "deletecollection" : "delete";
}

loop::Task<void> serveApi(Exchange& exchange) {
  const Access access{verbOf(exchange), exchange.path.group, exchange.path.plural, exchange.path.subresource};
  if (!isAllowed(exchange.user, access)) {
    auto failure = Failure{
        .reason = Reason::kForbidden, .group = access.group, .kind = access.resource, .name = exchange.path.name};
    failure.message = fmt::format("{}{}{} is forbidden: User \"{}\" cannot {} resource \"{}\" in API group \"{}\"",
                                  access.resource, access.group.empty() ? "" : ".", access.group, exchange.user.name,
                                  access.verb, access.resource, access.group);
    co_await sendFailure(exchange.response, std::move(failure));
    co_return;
  }
  if (isReview(exchange.path)) {
    co_await serveReview(exchange);
    co_return;
  }
  exchange.kind = exchange.registry.kinds().find(exchange.path.group, exchange.path.version, exchange.path.plural);
  const bool placed = exchange.kind && (exchange.kind->resource.namespaced || exchange.path.ns.empty());
  if (!placed) {
    co_await sendFailure(exchange.response, {.reason = Reason::kNotFound, .message = kNoSuchPath});
    co_return;
  }
  co_await serveResource(exchange);
}

}  // namespace

Rest::Rest(Registry& registry, Authenticator& authenticator, RestOptions options)
    : registry_(registry), authenticator_(authenticator), options_(std::move(options)) {}

void Rest::mount(std::string prefix, http::Handler handler) {
  mounts_.emplace_back(std::move(prefix), std::move(handler));
  std::ranges::sort(mounts_, std::greater(), [](const auto& mount) { return mount.first.size(); });
}

const http::Handler* Rest::mounted(const std::string& path) const {
  for (const auto& [prefix, handler] : mounts_) {
    if (path.starts_with(prefix) &&
        (path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/')) {
      return &handler;
    }
  }
  return nullptr;
}

http::Handler Rest::handler() {
  return [this](http::Request& request, http::ResponseWriter& response) { return serve(request, response); };
}

// What needs no user: /version and health. The path is known to be one of these.
loop::Task<void> Rest::serveOpen(http::Request& request, http::ResponseWriter& response) {
  if (request.segments[0] == "version") {
    co_await sendText(response, 200, "application/json", versionDocument(options_.version));
    co_return;
  }
  const auto ready = options_.ready && request.segments[0] == "readyz" ? options_.ready() : Result<void>();
  co_await sendText(response, ready ? 200 : 503, "text/plain; charset=utf-8",
                    ready ? "ok" : describe(ready.error()) + "\n");
}

loop::Task<void> Rest::serve(http::Request& request, http::ResponseWriter& response) {
  if (const auto* handler = mounted(request.path)) {
    co_await (*handler)(request, response);
    co_return;
  }
  const auto& segments = request.segments;
  const std::string first = segments.empty() ? "" : segments[0];
  if (first == "version" || first == "healthz" || first == "livez" || first == "readyz") {
    co_await serveOpen(request, response);
    co_return;
  }
  const auto* certificate = request.peer.certificate ? &*request.peer.certificate : nullptr;
  auto user = authenticator_.authenticate(request.headers.get("Authorization"), certificate);
  if (!user) {
    co_await sendFailure(response, user.error());
    co_return;
  }
  auto wanted = negotiate(request.headers.get("Accept"));
  // Logs are text whatever the client says that it accepts.
  if (!wanted && segments.size() > 3 && segments.back() == "log") wanted = Negotiated{};
  if (!wanted) {
    co_await sendFailure(response, wanted.error());
    co_return;
  }
  Exchange exchange{registry_, request, response, options_.logs, std::move(*user), std::move(*wanted), {}, {}};
  if (!segments.empty() && (request.method == "GET" || request.method == "HEAD") && exchange.user.role != Role::kNode) {
    auto description = describeServer(registry_.kinds(), segments, exchange.wanted.form);
    if (!description) {
      co_await sendFailure(response, description.error());
      co_return;
    }
    if (*description) {
      co_await sendValue(exchange, 200, std::move(**description));
      co_return;
    }
  }
  if (!parseResourcePath(segments, exchange.path) || exchange.path.plural.empty()) {
    co_await sendFailure(response, {.reason = Reason::kNotFound, .message = kNoSuchPath});
    co_return;
  }
  co_await serveApi(exchange);
}

}  // namespace towpath::apiserver
