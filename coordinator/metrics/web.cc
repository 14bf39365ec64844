// The web provider: an HTTP request whose JSON answer is the result (metric-providers reference, 2).

#include <fmt/format.h>

#include <string>
#include <utility>

#include "engine/analysis/assess.h"
#include "json/parse.h"
#include "json/path.h"
#include "json/serialize.h"
#include "metrics/providers.h"

namespace towpath::metrics {
namespace {

constexpr int kDefaultTimeoutSeconds = 10;
constexpr int kMaxRedirects = 10;
constexpr std::size_t kMaxAnswerBytes = 4u << 20;

Result<http::ClientRequest> makeRequest(const Value& web) {
  http::ClientRequest request;
  request.url = web["url"].asString();
  request.method = web["method"].asString("GET");
  request.max_redirects = kMaxRedirects;
  request.max_response_bytes = kMaxAnswerBytes;
  if (request.method.empty()) request.method = "GET";
  const bool has_body = !web["body"].asStringView().empty();
  const bool has_json = !web["jsonBody"].isNull();
  if (request.method != "GET" && request.method != "POST" && request.method != "PUT") {
    return fail(ErrorKind::kInvalid, "method \"" + request.method + "\" is none of GET, POST and PUT", "web.method");
  }
  if (has_body && has_json) {
    return fail(ErrorKind::kInvalid, "use either Body or JSONBody; both cannot exists for WebMetric payload");
  }
  if ((has_body || has_json) && request.method == "GET") {
    return fail(ErrorKind::kInvalid, "Body/JSONBody can only be used with POST or PUT WebMetric Method types");
  }
  for (const Value& header : web["headers"].asArray()) {
    const std::string name = header["key"].asString();
    if (has_json && http::equalsIgnoreCase(name, "content-type")) continue;
    request.headers.add(name, header["value"].asString());
  }
  if (has_body) request.body = web["body"].asString();
  if (has_json) {
    request.body = json::serialize(web["jsonBody"]);
    request.headers.add("Content-Type", "application/json");
  }
  const std::int64_t seconds = web["timeoutSeconds"].asInt();
  request.timeout = std::chrono::seconds(seconds > 0 ? seconds : kDefaultTimeoutSeconds);
  if (web["insecure"].asBool()) request.tls.verify = http::Verify::kNo;
  return request;
}

struct Answer {
  Value result;
  std::string text;
};

// What the answer says: the first node that the path finds in JSON, or the body itself when it is no JSON.
Result<Answer> readAnswer(const Value& web, std::string body) {
  const Result<Value> parsed = json::parse(body);
  if (!parsed) return Answer{body, body};
  std::string path_text = web["jsonPath"].asString();
  if (path_text.empty()) path_text = "{$}";
  const Result<json::Path> path = json::Path::parse(path_text);
  if (!path) return std::unexpected(path.error());
  const auto nodes = path->find(*parsed, json::MissingKeys::kFail);
  if (!nodes) return fail(ErrorKind::kInvalid, "Could not find JSONPath in body: " + nodes.error().message);
  if (nodes->empty()) return fail(ErrorKind::kInvalid, "result of web metric produced no value");
  return Answer{*nodes->front(), json::serializeCanonical(*nodes->front())};
}

class Web final : public Provider {
 public:
  explicit Web(const ProviderContext& context) : loop_(*context.loop), fetch_(context.fetch) {}

  loop::Task<model::Measurement> start(MetricRequest request) override {
    const WallTime started = loop_.steadyNow();
    const Value& web = request.provider["web"];
    Result<http::ClientRequest> prepared = makeRequest(web);
    if (!prepared) co_return analysis::failedMeasurement(prepared.error().message, started, loop_.steadyNow());
    const Result<http::Response> response = co_await fetch_(std::move(*prepared));
    const WallTime now = loop_.steadyNow();
    if (!response) co_return analysis::failedMeasurement(response.error().message, started, now);
    if (!response->ok()) {
      co_return analysis::failedMeasurement(fmt::format("received non 2xx response code: {}", response->status),
                                            started, now);
    }
    Result<Answer> answer = readAnswer(web, response->body);
    if (!answer) co_return analysis::failedMeasurement(answer.error().message, started, now);
    co_return analysis::finishedMeasurement(analysis::assessResult(answer->result, request.metric),
                                            std::move(answer->text), started, now);
  }

 private:
  loop::Loop& loop_;
  Fetch fetch_;
};

}  // namespace

std::unique_ptr<Provider> makeWeb(const ProviderContext& context) {
  if (!context.fetch) return nullptr;
  return std::make_unique<Web>(context);
}

}  // namespace towpath::metrics
