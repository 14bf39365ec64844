// The graphite provider: the first target of a render query (metric-providers reference, 8; graphite.readthedocs.io,
// "The Render URL API").
//
//   provider:
//     graphite:
//       address: http://graphite.example
//       query: target=summarize(stats.errors,'5min','sum')&from=-5min
//
// The result is the list of its values, without those that are null.

#include <fmt/format.h>

#include <algorithm>

#include "metrics/exchange.h"
#include "metrics/providers.h"
#include "metrics/question.h"

namespace towpath::metrics {
namespace {

constexpr Duration kTimeout = 10s;

// White space is for people; "target=a&from=-5min" encoded anew, with format=json.
Result<std::string> encodedQuery(std::string query) {
  std::erase_if(query, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
  if (query.empty()) return fail(ErrorKind::kInvalid, "is empty: a target is wanted", "query");
  std::optional<Fields> fields = http::parseQuery(query);
  if (!fields) return fail(ErrorKind::kInvalid, "has a % that escapes nothing: write it as %25", "query");
  std::erase_if(*fields, [](const auto& field) { return field.first == "format"; });
  fields->emplace_back("format", "json");
  return encodeForm(*fields);
}

Result<Answer> read(const http::Response& response) {
  if (response.status >= 400) {
    return fail(ErrorKind::kUnavailable, "error response: " + shown(response.body));
  }
  const Result<Value> targets = jsonOf(response.body);
  if (!targets) return std::unexpected(targets.error());
  const Value& points = (*targets)[0]["datapoints"];
  if (points.asArray().empty()) return fail(ErrorKind::kNotFound, "no values found");
  Array values;
  std::vector<std::string> texts;
  for (const Value& point : points.asArray()) {
    if (!point[0].isNumber()) continue;
    values.emplace_back(point[0].asDouble());
    texts.push_back(fmt::format("{:.6f}", point[0].asDouble()));
  }
  return Answer{Value(std::move(values)), fmt::format("[{}]", fmt::join(texts, ","))};
}

class Graphite final : public QuestionProvider {
 public:
  using QuestionProvider::QuestionProvider;

 protected:
  loop::Task<Result<Answer>> ask(const MetricRequest& request) override {
    const Value& settings = request.provider["graphite"];
    const std::string address = settings["address"].asString();
    if (!isUrl(address))
      co_return fail(ErrorKind::kInvalid, "a URL such as http://graphite.example is wanted", "address");
    const Result<std::string> query = encodedQuery(settings["query"].asString());
    if (!query) co_return std::unexpected(query.error());
    const auto response =
        co_await context().fetch(requestTo("GET", joinUrl(address, "/render") + "?" + *query, kTimeout));
    if (!response) co_return std::unexpected(response.error());
    co_return read(*response);
  }
};

}  // namespace

std::unique_ptr<Provider> makeGraphite(const ProviderContext& context) {
  if (!context.fetch) return nullptr;
  return std::make_unique<Graphite>(context);
}

}  // namespace towpath::metrics
