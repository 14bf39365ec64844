// Join tokens over the REST API (docs/protocol.md): create, list, revoke.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agents/agents.h"
#include "agents/http_status.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::agents {

namespace {

constexpr std::size_t kBodyBytes = 16u << 10;
constexpr std::int64_t kTtlSecondsMax = std::int64_t{366} * 24 * 3600;

loop::Task<void> sendJson(http::ResponseWriter& response, int status, Value body) {
  co_await response.send(status, {{"Content-Type", "application/json"}}, json::serialize(body) + "\n");
}

// As Kubernetes' Status object, which every client of the REST API reads.
loop::Task<void> sendFailure(http::ResponseWriter& response, Error error) {
  int code = httpStatus(error.kind);
  co_await sendJson(response, code,
                    Object{{"kind", "Status"},
                           {"apiVersion", "v1"},
                           {"status", "Failure"},
                           {"message", describe(error)},
                           {"code", code}});
}

Error wrongType(std::string_view field, std::string_view wanted) {
  return {ErrorKind::kInvalid, fmt::format("must be {}", wanted), std::string(field)};
}

Result<TokenOptions> readOptions(const Value& body) {
  if (!body.isObject()) return fail(ErrorKind::kInvalid, "the body must be a JSON object");
  TokenOptions options;
  for (const auto& [key, value] : body.asObject()) {
    if (key == "ttlSeconds") {
      if (!value.isInt()) return std::unexpected(wrongType(key, "a whole number"));
      options.ttl = std::chrono::seconds(std::clamp<std::int64_t>(value.asInt(), 0, kTtlSecondsMax + 1));
    } else if (key == "uses") {
      if (!value.isInt()) return std::unexpected(wrongType(key, "a whole number"));
      options.uses = value.asInt();
    } else if (key == "description" || key == "nodeName") {
      if (!value.isString()) return std::unexpected(wrongType(key, "a string"));
      (key == "description" ? options.description : options.node_name) = value.asString();
    } else if (key == "replace") {
      if (!value.isBool()) return std::unexpected(wrongType(key, "true or false"));
      options.name_reuse = value.asBool() ? NameReuse::kReplace : NameReuse::kRefuse;
    } else {
      return fail(ErrorKind::kInvalid, "unknown; there are ttlSeconds, uses, description, nodeName and replace", key);
    }
  }
  return options;
}

loop::Task<void> create(JoinTokens& tokens, http::Request& request, http::ResponseWriter& response) {
  Result<std::string> body = co_await request.body(kBodyBytes);
  if (!body) co_return;
  Result<Value> value = body->empty() ? Result<Value>(Object{}) : json::parse(*body);
  if (!value) co_return co_await sendFailure(response, value.error());
  Result<TokenOptions> options = readOptions(*value);
  if (!options) co_return co_await sendFailure(response, options.error());
  Result<CreatedToken> made = co_await tokens.create(std::move(*options));
  if (!made) co_return co_await sendFailure(response, made.error());
  Value answer = toValue(made->info);
  answer["token"] = made->text;
  co_await sendJson(response, 201, std::move(answer));
}

}  // namespace

loop::Task<void> Agents::handleTokens(http::Request& request, http::ResponseWriter& response) {
  const tls::Identity* certificate = request.peer.certificate ? &*request.peer.certificate : nullptr;
  apiserver::Answer<apiserver::User> user =
      parts_.users.authenticate(request.headers.get("Authorization"), certificate);
  if (!user) co_return co_await sendFailure(response, apiserver::toError(user.error()));
  if (user->role != apiserver::Role::kAdmin) {
    co_return co_await sendFailure(response, {ErrorKind::kForbidden, "join tokens are for administrators", ""});
  }
  const std::vector<std::string>& path = request.segments;  // towpath, v1, tokens, [id]
  if (path.size() == 3 && request.method == "POST") co_return co_await create(tokens_, request, response);
  if (path.size() == 3 && request.method == "GET") {
    Array items;
    for (const TokenInfo& info : tokens_.list()) items.push_back(toValue(info));
    co_return co_await sendJson(response, 200, Object{{"items", std::move(items)}});
  }
  if (path.size() == 4 && request.method == "DELETE") {
    Result<void> revoked = co_await tokens_.revoke(path[3]);
    if (!revoked) co_return co_await sendFailure(response, revoked.error());
    co_return co_await sendJson(response, 200, Object{{"id", path[3]}});
  }
  co_await response.send(405, {{"Allow", path.size() == 3 ? "GET, POST" : "DELETE"}}, "");
}

}  // namespace towpath::agents
