// The influxdb provider: a Flux query of the API v2 (metric-providers reference, 9; docs.influxdata.com, "InfluxDB API,
// POST /api/v2/query"), or InfluxQL by /query, which InfluxDB 1 and those after it have, if the Secret names a
// database.
//
//   provider:
//     influxdb:
//       profile: my-influxdb    # a Secret with authToken, org and address; influxdb, if it is not named
//       query: |
//         from(bucket: "app") |> range(start: -5m) |> filter(fn: (r) => r._measurement == "errors") |> sum()
//
// The result is the list of `_value` of all records; of InfluxQL, of all values but times.

#include <fmt/format.h>

#include "metrics/authentication.h"
#include "metrics/exchange.h"
#include "metrics/flux_csv.h"
#include "metrics/influxql_json.h"
#include "metrics/providers.h"
#include "metrics/question.h"
#include "metrics/surroundings.h"

namespace towpath::metrics {
namespace {

constexpr Duration kTimeout = 30s;
constexpr const char* kDefaultSecret = "influxdb";

struct Access {
  std::string address, token;
  std::string org;                         // for Flux
  std::string database, retention_policy;  // for InfluxQL
  std::string username, password;          // instead of the token

  bool influxql() const { return !database.empty(); }
};

http::ClientRequest fluxRequest(const Access& access, const std::string& query) {
  const Value body =
      Object{{"query", query},
             {"type", "flux"},
             {"dialect",
              Object{{"annotations", Array{"datatype", "group", "default"}}, {"delimiter", ","}, {"header", true}}}};
  http::ClientRequest request =
      jsonRequest(joinUrl(access.address, "/api/v2/query?org=" + http::percentEncode(access.org)), body, kTimeout);
  request.headers.set("Authorization", "Token " + access.token);
  request.headers.set("Accept", "application/csv");
  return request;
}

// GET, with which a query cannot change anything.
http::ClientRequest influxqlRequest(const Access& access, const std::string& query) {
  Fields fields{{"db", access.database}, {"q", query}};
  if (!access.retention_policy.empty()) fields.emplace_back("rp", access.retention_policy);
  http::ClientRequest request = requestTo("GET", joinUrl(access.address, "/query?" + encodeForm(fields)), kTimeout);
  if (!access.username.empty()) {
    setBasic(request, access.username, access.password);
  } else if (!access.token.empty()) {
    request.headers.set("Authorization", "Token " + access.token);
  }
  request.headers.set("Accept", "application/json");
  return request;
}

// {"code": "invalid", "message": "…"}; of InfluxQL {"error": "…"}; of InfluxDB 1.8, asked in Flux, CSV
Error refusal(const http::Response& response) {
  const Result<Value> body = jsonOf(response.body);
  std::string message = body ? (*body)["message"].asString() : "";
  if (message.empty() && body) message = (*body)["error"].asString();
  if (message.empty()) message = readFluxRefusal(response.body).value_or(shown(response.body));
  const ErrorKind kind =
      response.status == 401 || response.status == 403 ? ErrorKind::kUnauthorized : ErrorKind::kInvalid;
  return {kind, fmt::format("InfluxDB answered {}: {}", response.status, message), ""};
}

class Influxdb final : public QuestionProvider {
 public:
  using QuestionProvider::QuestionProvider;

 protected:
  loop::Task<Result<Answer>> ask(const MetricRequest& request) override {
    const Value& settings = request.provider["influxdb"];
    Result<Access> access = co_await accessOf(request, settings);
    if (!access) co_return std::unexpected(access.error());
    const std::string query = settings["query"].asString();
    const auto response =
        co_await context().fetch(access->influxql() ? influxqlRequest(*access, query) : fluxRequest(*access, query));
    if (!response) co_return std::unexpected(response.error());
    if (!response->ok()) co_return std::unexpected(refusal(*response));
    Result<Array> values = access->influxql() ? readInfluxQlValues(response->body) : readFluxValues(response->body);
    if (!values) co_return std::unexpected(values.error());
    if (values->empty()) {
      co_return fail(ErrorKind::kNotFound,
                     fmt::format("no results returned from {} query", access->influxql() ? "influxql" : "flux"));
    }
    Value result(std::move(*values));
    std::string text = goPrint(result);
    co_return Answer{std::move(result), std::move(text)};
  }

 private:
  loop::Task<Result<Access>> accessOf(const MetricRequest& request, const Value& settings) {
    std::string name = settings["profile"].asString();
    if (name.empty()) name = kDefaultSecret;
    const auto secret = co_await readSecret(context(), credentialNamespaces(context(), request), name);
    if (!secret) co_return std::unexpected(secret.error());
    const auto text = [&secret](std::string_view key) { return secretText(*secret, key); };
    Access access{.address = text("address"),
                  .token = text("authToken"),
                  .org = text("org"),
                  .database = text("database"),
                  .retention_policy = text("retentionPolicy"),
                  .username = text("username"),
                  .password = text("password")};
    if (access.influxql() && access.address.empty()) {
      co_return fail(ErrorKind::kInvalid, fmt::format("secret \"{}\" has a database, but no address", name));
    }
    if (!access.influxql() && (access.token.empty() || access.org.empty() || access.address.empty())) {
      co_return fail(ErrorKind::kInvalid, "authToken, org, or address not found");
    }
    if (!isUrl(access.address)) {
      co_return fail(ErrorKind::kInvalid, fmt::format("the address in secret \"{}\" is no URL", name));
    }
    co_return access;
  }
};

}  // namespace

std::unique_ptr<Provider> makeInfluxdb(const ProviderContext& context) {
  if (!context.fetch || !context.api) return nullptr;
  return std::make_unique<Influxdb>(context);
}

}  // namespace towpath::metrics
