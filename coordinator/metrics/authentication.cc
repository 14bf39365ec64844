#include "metrics/authentication.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "json/parse.h"
#include "metrics/aws_access.h"
#include "metrics/exchange.h"

namespace towpath::metrics {
namespace {

// The client is named in a header, or (servers that do not know that) in the form.
enum class ClientIn { kHeader, kForm };

http::ClientRequest tokenRequest(const http::ClientRequest& like, const Value& oauth2, ClientIn where) {
  http::ClientRequest request = requestTo("POST", oauth2["tokenUrl"].asString(), like.timeout);
  request.tls = like.tls;
  request.headers = like.headers;
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  const std::string id = oauth2["clientId"].asString();
  const std::string secret = oauth2["clientSecret"].asString();
  Fields fields = {{"grant_type", "client_credentials"}};
  std::vector<std::string> scopes;
  for (const Value& scope : oauth2["scopes"].asArray()) scopes.push_back(scope.asString());
  if (!scopes.empty()) fields.emplace_back("scope", fmt::format("{}", fmt::join(scopes, " ")));
  if (where == ClientIn::kHeader) {
    setBasic(request, http::percentEncode(id), http::percentEncode(secret));
  } else {
    fields.emplace_back("client_id", id);
    fields.emplace_back("client_secret", secret);
  }
  request.body = encodeForm(fields);
  return request;
}

Result<std::string> tokenOf(const http::Response& response) {
  if (!response.ok()) {
    return fail(ErrorKind::kUnauthorized,
                fmt::format("oauth2: cannot fetch token: {} {}\nResponse: {}", response.status,
                            http::statusText(response.status), shown(response.body)));
  }
  const Result<Value> parsed = json::parse(response.body);
  if (!parsed) return fail(ErrorKind::kInvalid, "oauth2: cannot parse json: " + parsed.error().message);
  std::string token = (*parsed)["access_token"].asString();
  if (token.empty()) return fail(ErrorKind::kInvalid, "oauth2: server response missing access_token");
  return token;
}

}  // namespace

void addHeaders(http::ClientRequest& request, const Value& headers) {
  for (const Value& header : headers.asArray()) {
    request.headers.set(header["key"].asString(), header["value"].asString());
  }
}

void setBasic(http::ClientRequest& request, std::string_view user, std::string_view password) {
  request.headers.set("Authorization", "Basic " + encodeBase64(fmt::format("{}:{}", user, password)));
}

Result<void> addBasic(http::ClientRequest& request, const Value& basic) {
  const std::string_view user = basic["username"].asStringView();
  const std::string_view password = basic["password"].asStringView();
  if (user.empty() && password.empty()) return {};
  if (user.empty() || password.empty()) {
    return fail(ErrorKind::kInvalid, fmt::format("missing mandatory parameter in metric for basic auth setup: {}",
                                                 user.empty() ? "username" : "password"));
  }
  if (request.headers.contains("Authorization")) return {};
  setBasic(request, user, password);
  return {};
}

loop::Task<Result<void>> addOauth2(const ProviderContext& context, http::ClientRequest& request, const Value& oauth2) {
  if (oauth2["tokenUrl"].asStringView().empty()) co_return {};
  if (oauth2["clientId"].asStringView().empty() || oauth2["clientSecret"].asStringView().empty()) {
    co_return fail(ErrorKind::kInvalid, "missing mandatory parameter in metric for OAuth2 setup");
  }
  auto response = co_await context.fetch(tokenRequest(request, oauth2, ClientIn::kHeader));
  if (response && response->status >= 400 && response->status < 500 && response->status != 429) {
    response = co_await context.fetch(tokenRequest(request, oauth2, ClientIn::kForm));
  }
  if (!response) co_return std::unexpected(withContext(response.error(), "oauth2: cannot fetch token"));
  const Result<std::string> token = tokenOf(*response);
  if (!token) co_return std::unexpected(token.error());
  request.headers.set("Authorization", "Bearer " + *token);
  co_return {};
}

loop::Task<Result<void>> addSignature(const ProviderContext& context, http::ClientRequest& request, const Value& sigv4,
                                      std::string service) {
  const auto access = co_await findAwsAccess(context, {.region = sigv4["region"].asString(),
                                                       .profile = sigv4["profile"].asString(),
                                                       .role_arn = sigv4["roleArn"].asString()});
  if (!access) co_return std::unexpected(access.error());
  signRequest(request, access->keys, {access->region, std::move(service)}, context.loop->wallNow());
  co_return {};
}

}  // namespace towpath::metrics
