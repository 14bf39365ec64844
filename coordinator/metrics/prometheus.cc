// The prometheus provider: an instant or a range query of the HTTP API v1 (metric-providers reference, 1;
// prometheus.io/docs/prometheus/latest/querying/api).
//
//   provider:
//     prometheus:
//       address: http://prometheus.example:9090    # or $ARGO_ROLLOUTS_PROMETHEUS_ADDRESS
//       query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
//
// A scalar is a number, a vector the list of its values, a matrix the values of all its series one after the other.

#include <fmt/format.h>

#include <utility>

#include "engine/analysis/assess.h"
#include "engine/expr/expr.h"
#include "metrics/authentication.h"
#include "metrics/exchange.h"
#include "metrics/providers.h"
#include "metrics/question.h"
#include "metrics/surroundings.h"

namespace towpath::metrics {
namespace {

constexpr std::int64_t kDefaultTimeoutSeconds = 30;
constexpr std::int64_t kLongestTimeoutSeconds = 300;
constexpr const char* kAddressVariable = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS";
constexpr const char* kManagedService = "aps-workspaces";  // in the address of Amazon Managed Prometheus

Result<std::string> addressOf(const ProviderContext& context, const Value& settings) {
  std::string address = settings["address"].asString();
  if (address.empty()) address = environmentOf(context, kAddressVariable);
  if (address.empty()) return fail(ErrorKind::kInvalid, "prometheus address is not configured");
  if (!isUrl(address)) return fail(ErrorKind::kInvalid, "prometheus address is not is url format");
  return address;
}

Result<Duration> timeoutOf(const Value& settings) {
  const Result<std::int64_t> seconds = wholeNumberAt(settings, "timeout", kDefaultTimeoutSeconds);
  if (!seconds) return std::unexpected(seconds.error());
  if (*seconds < 0) return fail(ErrorKind::kInvalid, "prometheus timeout should not be negative");
  if (*seconds == 0) return fail(ErrorKind::kTimeout, "nothing answers within a timeout of 0 seconds", "timeout");
  return std::chrono::seconds(std::min(*seconds, kLongestTimeoutSeconds));
}

std::string unixSeconds(WallTime time) {
  return analysis::valueText(std::chrono::duration<double>(time.time_since_epoch()).count());
}

// What is asked: the path and its form.
struct Query {
  std::string path = "/api/v1/query";
  Fields fields;
};

// An expression that gives a time: now() - duration("1h")
Result<WallTime> timeAt(const Value& range, const char* field, WallTime now) {
  const Result<expr::Expression> parsed = expr::Expression::parse(range[field].asStringView(), expr::Names::kNone);
  const Result<WallTime> time = parsed ? parsed->time(now) : std::unexpected(parsed.error());
  if (time) return *time;
  return fail(time.error().kind, time.error().message, fmt::format("rangeQuery.{}", field));
}

Result<Query> queryOf(const Value& settings, WallTime now) {
  Query query;
  query.fields.emplace_back("query", settings["query"].asString());
  const Value& range = settings["rangeQuery"];
  if (range.isNull()) {
    query.fields.emplace_back("time", unixSeconds(now));
    return query;
  }
  query.path = "/api/v1/query_range";
  for (const char* field : {"start", "end"}) {
    const Result<WallTime> time = timeAt(range, field, now);
    if (!time) return std::unexpected(time.error());
    query.fields.emplace_back(field, unixSeconds(*time));
  }
  const Result<Duration> step = parseGoDuration(range["step"].asStringView());
  if (!step || *step <= Duration::zero()) {
    return fail(ErrorKind::kInvalid, "a duration such as \"1m\" is wanted", "rangeQuery.step");
  }
  query.fields.emplace_back("step", analysis::valueText(std::chrono::duration<double>(*step).count()));
  return query;
}

// The number of a sample: [time, "value"].
Result<double> sampleOf(const Value& sample) {
  const std::optional<double> number = parseFloat(sample[1].asStringView());
  if (!number) return fail(ErrorKind::kInvalid, "a sample of Prometheus is no number");
  return *number;
}

Result<Value> listOf(const Value& series, std::string_view samples) {
  Array list;
  for (const Value& one : series.asArray()) {
    if (samples == "value") {
      const Result<double> number = sampleOf(one["value"]);
      if (!number) return std::unexpected(number.error());
      list.emplace_back(*number);
      continue;
    }
    for (const Value& sample : one["values"].asArray()) {
      const Result<double> number = sampleOf(sample);
      if (!number) return std::unexpected(number.error());
      list.emplace_back(*number);
    }
  }
  return Value(std::move(list));
}

Result<Value> resultOf(const Value& data) {
  const std::string_view type = data["resultType"].asStringView();
  if (type == "vector") return listOf(data["result"], "value");
  if (type == "matrix") return listOf(data["result"], "values");
  if (type != "scalar") return fail(ErrorKind::kUnsupported, "Prometheus metric type not supported");
  const Result<double> number = sampleOf(data["result"]);
  if (!number) return std::unexpected(number.error());
  return Value(*number);
}

std::string warningsOf(const Value& answer) {
  std::vector<std::string> warnings;
  for (const Value& warning : answer["warnings"].asArray())
    warnings.push_back(fmt::format("\"{}\"", warning.asString()));
  return fmt::format("{}", fmt::join(warnings, ", "));
}

// 400 and 422 carry an error in JSON, all others only their number.
Result<Answer> read(const http::Response& response) {
  const bool told = response.status == 400 || response.status == 422;
  if (!response.ok() && !told) {
    if (response.status >= 500) {
      return fail(ErrorKind::kUnavailable, fmt::format("server_error: server error: {}", response.status));
    }
    if (response.status >= 400) {
      return fail(ErrorKind::kInvalid, fmt::format("client_error: client error: {}", response.status));
    }
    return fail(ErrorKind::kInvalid, fmt::format("bad_response: bad response code {}", response.status));
  }
  const Result<Value> answer = jsonOf(response.body);
  if (!answer) return fail(ErrorKind::kInvalid, "bad_response: " + answer.error().message);
  if ((*answer)["status"].asStringView() != "success") {
    return fail(ErrorKind::kInvalid, fmt::format("{}: {}", (*answer)["errorType"].asStringView("bad_response"),
                                                 (*answer)["error"].asStringView("no status in the answer")));
  }
  Result<Value> result = resultOf((*answer)["data"]);
  if (!result) return std::unexpected(result.error());
  std::string text = analysis::valueText(*result);
  Answer read{std::move(*result), std::move(text)};
  if (std::string warnings = warningsOf(*answer); !warnings.empty()) read.metadata["warnings"] = std::move(warnings);
  return read;
}

class Prometheus final : public QuestionProvider {
 public:
  using QuestionProvider::QuestionProvider;

  std::map<std::string, std::string> metadata(const MetricRequest& request) const override {
    const std::string query = request.provider["prometheus"]["query"].asString();
    if (query.empty()) return {};
    return {{"ResolvedPrometheusQuery", query}};
  }

 protected:
  loop::Task<Result<Answer>> ask(const MetricRequest& request) override {
    const Value& settings = request.provider["prometheus"];
    const Result<std::string> address = addressOf(context(), settings);
    if (!address) co_return std::unexpected(address.error());
    const Result<Duration> timeout = timeoutOf(settings);
    if (!timeout) co_return std::unexpected(timeout.error());
    // Samples are dated by the clocks of the machines that they come from.
    Result<Query> query = queryOf(settings, context().loop->wallNow());
    if (!query) co_return std::unexpected(query.error());
    const std::string url = joinUrl(*address, query->path);
    const std::string form = encodeForm(query->fields);

    http::ClientRequest post = requestTo("POST", url, *timeout);
    post.headers.set("Content-Type", "application/x-www-form-urlencoded");
    post.body = form;
    Result<http::Response> response = co_await send(std::move(post), settings, *address);
    // Some that stand before a Prometheus let only readers in.
    if (response && (response->status == 403 || response->status == 405 || response->status == 501)) {
      response = co_await send(requestTo("GET", url + "?" + form, *timeout), settings, *address);
    }
    if (!response) co_return std::unexpected(response.error());
    co_return read(*response);
  }

 private:
  loop::Task<Result<http::Response>> send(http::ClientRequest request, const Value& settings,
                                          const std::string& address) {
    const Value& authentication = settings["authentication"];
    if (settings["insecure"].asBool()) request.tls.verify = http::Verify::kNo;
    addHeaders(request, settings["headers"]);
    if (Result<void> done = addBasic(request, authentication["basicAuth"]); !done) {
      co_return std::unexpected(done.error());
    }
    if (Result<void> done = co_await addOauth2(context(), request, authentication["oauth2"]); !done) {
      co_return std::unexpected(done.error());
    }
    const Value& sigv4 = authentication["sigv4"];
    if (!sigv4.asObject().empty() && address.find(kManagedService) != std::string::npos) {
      if (Result<void> done = co_await addSignature(context(), request, sigv4, "aps"); !done) {
        co_return std::unexpected(done.error());
      }
    }
    co_return co_await context().fetch(std::move(request));
  }
};

}  // namespace

std::unique_ptr<Provider> makePrometheus(const ProviderContext& context) {
  if (!context.fetch) return nullptr;
  return std::make_unique<Prometheus>(context);
}

}  // namespace towpath::metrics
