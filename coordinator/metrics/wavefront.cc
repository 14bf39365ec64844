// The wavefront provider: a chart query at this moment (metric-providers reference, 11; docs.wavefront.com, "Wavefront
// REST API").
//
//   provider:
//     wavefront:
//       address: example.wavefront.com     # also the key of its token in the Secret wavefront-api-tokens
//       query: sum(rate(5m, ts("requests.errors.count", source=shop)))
//
// One series is a number, several are a list; of each the point that is closest to now.

#include <fmt/format.h>

#include <cmath>

#include "metrics/exchange.h"
#include "metrics/providers.h"
#include "metrics/question.h"
#include "metrics/surroundings.h"

namespace towpath::metrics {
namespace {

constexpr Duration kTimeout = 30s;
constexpr const char* kSecret = "wavefront-api-tokens";

struct Point {
  double at = 0, value = 0;
};

// The point of a series that is closest to `now` (seconds since the epoch).
Result<Point> closest(const Value& series, double now) {
  std::optional<Point> best;
  for (const Value& point : series["data"].asArray()) {
    if (!point[0].isNumber()) return fail(ErrorKind::kInvalid, "Wavefront answered a point without its time");
    // NaN is written as a text.
    const std::optional<double> value =
        point[1].isNumber() ? std::optional(point[1].asDouble()) : parseFloat(point[1].asStringView());
    if (!value) return fail(ErrorKind::kInvalid, "Wavefront answered a point that is no number");
    const double at = point[0].asDouble();
    if (!best || std::abs(at - now) < std::abs(best->at - now)) best = Point{at, *value};
  }
  if (!best) return fail(ErrorKind::kNotFound, "Wavefront answered a series without points");
  return *best;
}

Result<Answer> read(const http::Response& response, double now) {
  if (!response.ok()) {
    return fail(ErrorKind::kUnavailable, fmt::format("server returned {} {}: {}", response.status,
                                                     http::statusText(response.status), shown(response.body)));
  }
  const Result<Value> body = jsonOf(response.body);
  if (!body) return std::unexpected(body.error());
  const Array& series = (*body)["timeseries"].asArray();
  if (series.empty()) return fail(ErrorKind::kNotFound, "No TimeSeries found in response from Wavefront");
  Array values;
  std::vector<std::string> texts, stamps, drifts;
  for (const Value& one : series) {
    const Result<Point> point = closest(one, now);
    if (!point) return std::unexpected(point.error());
    values.emplace_back(point->value);
    texts.push_back(std::isnan(point->value) ? "NaN" : fmt::format("{:.2f}", point->value));
    stamps.push_back(fmt::format("{:.0f}", point->at));
    drifts.push_back(fmt::format("{:.0f}", now - point->at));
  }
  const auto list = [](const std::vector<std::string>& items) { return fmt::format("{}", fmt::join(items, ",")); };
  const bool one = values.size() == 1;
  Answer answer{one ? values.front() : Value(values), one ? texts.front() : "[" + list(texts) + "]"};
  answer.metadata = {{"timestamps", list(stamps)}, {"drift", list(drifts)}};
  if (const std::string warnings = (*body)["warnings"].asString(); !warnings.empty()) {
    answer.metadata["warnings"] = shown(warnings);
  }
  return answer;
}

class Wavefront final : public QuestionProvider {
 public:
  using QuestionProvider::QuestionProvider;

 protected:
  loop::Task<Result<Answer>> ask(const MetricRequest& request) override {
    const Value& settings = request.provider["wavefront"];
    const std::string address = settings["address"].asString();
    const auto secret = co_await readSecret(context(), credentialNamespaces(context(), request), kSecret);
    if (!secret) co_return std::unexpected(secret.error());
    const std::string token = secretText(*secret, address);
    if (address.empty() || token.empty()) co_return fail(ErrorKind::kUnauthorized, "API token not found");
    if (address.find_first_of("/?#@ \t\r\n") != std::string::npos) {
      co_return fail(ErrorKind::kInvalid, "is the name of a host, such as example.wavefront.com", "address");
    }
    const WallTime now = context().loop->wallNow();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    const std::string millis = std::to_string(seconds * 1000);
    const std::string form = encodeForm({{"q", settings["query"].asString()},
                                         {"s", millis},
                                         {"e", millis},
                                         {"g", "s"},
                                         {"p", "1"},
                                         {"i", "true"},
                                         {"autoEvents", "false"},
                                         {"listMode", "false"},
                                         {"strict", "false"},
                                         {"includeObsoleteMetrics", "false"}});
    http::ClientRequest asked = requestTo("GET", "https://" + address + "/api/v2/chart/api?" + form, kTimeout);
    asked.headers.set("Authorization", "Bearer " + token);
    const auto response = co_await context().fetch(std::move(asked));
    if (!response) co_return std::unexpected(response.error());
    co_return read(*response, static_cast<double>(seconds));
  }
};

}  // namespace

std::unique_ptr<Provider> makeWavefront(const ProviderContext& context) {
  if (!context.fetch || !context.api) return nullptr;
  return std::make_unique<Wavefront>(context);
}

}  // namespace towpath::metrics
