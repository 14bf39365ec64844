// The datadog provider: API v1 (one query, the last point of its first series) and v2 (queries and a formula, scalars)
// (metric-providers reference, 5; docs.datadoghq.com/api/latest/metrics).
//
//   provider:
//     datadog:
//       apiVersion: v2
//       interval: 5m
//       queries: {errors: "sum:requests.errors{service:shop}.as_count()", all: "sum:requests{service:shop}.as_count()"}
//       formula: errors / all

#include "metrics/datadog_answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "metrics/exchange.h"
#include "metrics/providers.h"
#include "metrics/surroundings.h"

namespace towpath::metrics {
namespace {

constexpr Duration kDefaultInterval = 5min;
constexpr Duration kDefaultTimeout = 10s;
constexpr Duration kLongestTimeout = 5min;
constexpr const char* kDefaultAddress = "https://api.datadoghq.com";
constexpr const char* kDefaultSecret = "datadog";

struct Access {
  std::string address, api_key, app_key;
};

std::optional<std::string> badSettings(const Value& settings, bool v1) {
  const bool query = !settings["query"].asStringView().empty();
  const std::size_t queries = settings["queries"].asObject().size();
  const bool formula = !settings["formula"].asStringView().empty();
  if (!query && queries == 0) return "Must have either a query or queries. Please review the Analysis Template.";
  if (query && queries > 0) return "Cannot have both a query and queries. Please review the Analysis Template.";
  if (v1 && !query)
    return "Query is empty. API Version v1 only supports using the query parameter in your Analysis Template.";
  if (v1 && !settings["aggregator"].asStringView().empty()) {
    return "Aggregator is not supported in v1. Please review the Analysis Template.";
  }
  if (formula && queries == 0)
    return "Formula are only valid when queries are set. Please review the Analysis Template.";
  if (queries > 1 && !formula) return "When multiple queries are provided you must include a formula.";
  return std::nullopt;
}

Value scalarRequest(const Value& settings, WallTime now, Duration interval) {
  const auto millis = [](WallTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  };
  const std::string aggregator =
      settings["aggregator"].asStringView().empty() ? "last" : settings["aggregator"].asString();
  std::vector<std::pair<std::string, std::string>> named;
  for (const auto& [name, text] : settings["queries"].asObject()) named.emplace_back(name, text.asString());
  if (named.empty()) named.emplace_back("query", settings["query"].asString());
  std::ranges::sort(named);
  Array queries, formulas;
  for (const auto& [name, text] : named) {
    queries.push_back(Object{{"aggregator", aggregator}, {"data_source", "metrics"}, {"name", name}, {"query", text}});
  }
  if (const std::string formula = settings["formula"].asString(); !formula.empty()) {
    formulas.push_back(Object{{"formula", formula}});
  }
  return Object{{"data", Object{{"attributes", Object{{"from", millis(now - interval)},
                                                      {"to", millis(now)},
                                                      {"queries", std::move(queries)},
                                                      {"formulas", std::move(formulas)}}},
                                {"type", "scalar_request"}}}};
}

http::ClientRequest seriesRequest(const std::string& address, const Value& settings, WallTime now, Duration interval,
                                  Duration timeout) {
  const auto seconds = [](WallTime time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
  };
  const std::string form =
      encodeForm({{"from", seconds(now - interval)}, {"query", settings["query"].asString()}, {"to", seconds(now)}});
  http::ClientRequest request = requestTo("GET", joinUrl(address, "/api/v1/query?" + form), timeout);
  request.headers.add("Content-Type", "application/json");
  return request;
}

class Datadog final : public QuestionProvider {
 public:
  using QuestionProvider::QuestionProvider;

 protected:
  loop::Task<Result<Answer>> ask(const MetricRequest& request) override {
    const Value& settings = request.provider["datadog"];
    const bool v1 = settings["apiVersion"].asStringView() == "v1";
    if (const auto wrong = badSettings(settings, v1)) co_return fail(ErrorKind::kInvalid, *wrong);
    const Result<Duration> interval = durationAt(settings, "interval", kDefaultInterval);
    if (!interval) co_return std::unexpected(interval.error());
    const Result<Duration> timeout = durationAt(settings, "requestTimeout", kDefaultTimeout);
    if (!timeout) co_return std::unexpected(timeout.error());
    if (*timeout <= Duration::zero()) co_return fail(ErrorKind::kInvalid, "must be positive", "requestTimeout");
    const Result<Access> access = co_await accessOf(request, settings);
    if (!access) co_return std::unexpected(access.error());

    const Duration bounded = std::min(*timeout, kLongestTimeout);
    const WallTime to = context().loop->wallNow();
    http::ClientRequest asked = v1 ? seriesRequest(access->address, settings, to, *interval, bounded)
                                   : jsonRequest(joinUrl(access->address, "/api/v2/query/scalar"),
                                                 scalarRequest(settings, to, *interval), bounded);
    asked.headers.set("DD-API-KEY", access->api_key);
    asked.headers.set("DD-APPLICATION-KEY", access->app_key);
    const auto response = co_await context().fetch(std::move(asked));
    if (!response) co_return std::unexpected(response.error());
    if (response->status == 401 || response->status == 403) {
      co_return fail(ErrorKind::kUnauthorized, fmt::format("received authentication error response code: {} {}",
                                                           response->status, shown(response->body)));
    }
    if (response->status != 200) {
      co_return fail(ErrorKind::kUnavailable,
                     fmt::format("received non 2xx response code: {} {}", response->status, shown(response->body)));
    }
    const Result<Value> body = jsonOf(response->body);
    if (!body) co_return std::unexpected(body.error());
    co_return v1 ? readDatadogSeries(*body) : readDatadogScalars(*body);
  }

 private:
  // The Secret that is named, and no other; else the environment, and then the Secret datadog.
  loop::Task<Result<Access>> accessOf(const MetricRequest& request, const Value& settings) {
    const Value& ref = settings["secretRef"];
    const std::string name = ref["name"].asString();
    const bool namespaced = ref["namespaced"].asBool();
    if (namespaced && name.empty()) {
      co_return fail(ErrorKind::kInvalid, "secret name is required for namespaced credentials");
    }
    if (name.empty()) {
      const auto& variable = [&](const char* key) { return environmentOf(context(), key); };
      const Access access{variable("DD_ADDRESS"), variable("DD_API_KEY"), variable("DD_APP_KEY")};
      if (!access.address.empty() && !access.api_key.empty() && !access.app_key.empty()) co_return access;
    }
    std::vector<std::string> namespaces = credentialNamespaces(context(), request);
    if (namespaced) namespaces = {request.ns};
    const auto secret = co_await readSecret(context(), std::move(namespaces), name.empty() ? kDefaultSecret : name);
    if (!secret && secret.error().kind != ErrorKind::kNotFound) co_return std::unexpected(secret.error());
    if (secret) {
      Access access{secretText(*secret, "address"), secretText(*secret, "api-key"), secretText(*secret, "app-key")};
      if (access.address.empty()) access.address = kDefaultAddress;
      if (!access.api_key.empty() && !access.app_key.empty()) co_return access;
    }
    co_return fail(ErrorKind::kUnauthorized, "failed to find the credentials for datadog metrics provider");
  }
};

}  // namespace

std::unique_ptr<Provider> makeDatadog(const ProviderContext& context) {
  if (!context.fetch || !context.api) return nullptr;
  return std::make_unique<Datadog>(context);
}

}  // namespace towpath::metrics
