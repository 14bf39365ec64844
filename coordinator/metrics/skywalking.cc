// The skywalking provider: a GraphQL query of the observability analysis platform (metric-providers reference, 10;
// skywalking.apache.org, "Query Protocol").
//
//   provider:
//     skywalking:
//       address: http://skywalking-oap.example:12800
//       interval: 3m
//       query: |
//         query queryData($duration: Duration!) {
//           service_apdex: readMetricsValues(condition: {name: "service_apdex", entity: {…}}, duration: $duration)
//             { label values { values { value } } }
//         }
//
// The result is `data`, a map.

#include <fmt/format.h>

#include <ctime>

#include "json/parse.h"
#include "json/serialize.h"
#include "metrics/exchange.h"
#include "metrics/providers.h"
#include "metrics/question.h"

namespace towpath::metrics {
namespace {

constexpr Duration kTimeout = 30s;

// "2026-11-25 2204", in the local time of the coordinator, as SkyWalking takes minutes without a zone.
std::string minuteOf(WallTime time) {
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H%M", &local)};
}

Result<Answer> read(const http::Response& response) {
  if (!response.ok()) {
    return fail(ErrorKind::kUnavailable,
                fmt::format("graphql: server returned a non-200 status code: {}", response.status));
  }
  const Result<Value> body = jsonOf(response.body);
  if (!body) return std::unexpected(body.error());
  if (const Array& errors = (*body)["errors"].asArray(); !errors.empty()) {
    return fail(ErrorKind::kInvalid, "graphql: " + shown(errors.front()["message"].asStringView()));
  }
  if ((*body)["data"].isNull()) return fail(ErrorKind::kNotFound, "no results returned from SkyWalking query");
  Value result = json::withDoubles((*body)["data"]);
  std::string text = json::serializeCanonical(result);
  return Answer{std::move(result), std::move(text)};
}

class SkyWalking final : public QuestionProvider {
 public:
  using QuestionProvider::QuestionProvider;

 protected:
  loop::Task<Result<Answer>> ask(const MetricRequest& request) override {
    const Value& settings = request.provider["skywalking"];
    const std::string address = settings["address"].asString();
    if (!isUrl(address))
      co_return fail(ErrorKind::kInvalid, "a URL such as http://oap.example:12800 is wanted", "address");
    if (settings["interval"].asStringView().empty()) {
      co_return fail(ErrorKind::kInvalid, "a duration such as \"5m\" is wanted: SkyWalking has no default", "interval");
    }
    const Result<Duration> interval = durationAt(settings, "interval", 5min);
    if (!interval) co_return std::unexpected(interval.error());
    const WallTime to = context().loop->wallNow();
    const Value duration = Object{{"start", minuteOf(to - *interval)}, {"end", minuteOf(to)}, {"step", "MINUTE"}};
    const Value body = Object{{"query", settings["query"].asString()}, {"variables", Object{{"duration", duration}}}};
    const auto response = co_await context().fetch(jsonRequest(joinUrl(address, "/graphql"), body, kTimeout));
    if (!response) co_return std::unexpected(response.error());
    co_return read(*response);
  }
};

}  // namespace

std::unique_ptr<Provider> makeSkyWalking(const ProviderContext& context) {
  if (!context.fetch) return nullptr;
  return std::make_unique<SkyWalking>(context);
}

}  // namespace towpath::metrics
