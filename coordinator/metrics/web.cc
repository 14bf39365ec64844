// The web provider: an HTTP request whose JSON answer is the result (metric-providers reference, 2).

#include <fmt/format.h>

#include <string>
#include <utility>

#include "json/parse.h"
#include "json/path.h"
#include "json/serialize.h"
#include "metrics/authentication.h"
#include "metrics/exchange.h"
#include "metrics/providers.h"
#include "metrics/question.h"

namespace towpath::metrics {
namespace {

constexpr std::int64_t kDefaultTimeoutSeconds = 10;
constexpr std::int64_t kLongestTimeoutSeconds = 300;

Result<http::ClientRequest> makeRequest(const Value& web) {
  const std::int64_t seconds = web["timeoutSeconds"].asInt();
  const std::int64_t bounded = seconds > 0 ? std::min(seconds, kLongestTimeoutSeconds) : kDefaultTimeoutSeconds;
  http::ClientRequest request =
      requestTo(web["method"].asString("GET"), web["url"].asString(), std::chrono::seconds(bounded));
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
  addHeaders(request, web["headers"]);
  if (has_body) request.body = web["body"].asString();
  if (has_json) {
    request.body = json::serialize(web["jsonBody"]);
    request.headers.set("Content-Type", "application/json");
  }
  if (web["insecure"].asBool()) request.tls.verify = http::Verify::kNo;
  return request;
}

// What the answer says: the first node that the path finds in JSON, or the body itself when it is no JSON.
Result<Answer> readAnswer(const Value& web, std::string body) {
  Result<Value> parsed = json::parse(body);
  if (!parsed) return Answer{body, body};
  std::string path_text = web["jsonPath"].asString();
  if (path_text.empty()) path_text = "{$}";
  const Result<json::Path> path = json::Path::parse(path_text);
  if (!path) return std::unexpected(path.error());
  const Value document = json::withDoubles(std::move(*parsed));
  const auto nodes = path->find(document, json::MissingKeys::kFail);
  if (!nodes) return fail(ErrorKind::kInvalid, "Could not find JSONPath in body: " + nodes.error().message);
  if (nodes->empty()) return fail(ErrorKind::kInvalid, "result of web metric produced no value");
  return Answer{*nodes->front(), json::serializeCanonical(*nodes->front())};
}

class Web final : public QuestionProvider {
 public:
  using QuestionProvider::QuestionProvider;

 protected:
  loop::Task<Result<Answer>> ask(const MetricRequest& request) override {
    const Value& web = request.provider["web"];
    Result<http::ClientRequest> prepared = makeRequest(web);
    if (!prepared) co_return fail(prepared.error().kind, prepared.error().message);
    if (Result<void> done = co_await addOauth2(context(), *prepared, web["authentication"]["oauth2"]); !done) {
      co_return std::unexpected(done.error());
    }
    const Result<http::Response> response = co_await context().fetch(std::move(*prepared));
    if (!response) co_return std::unexpected(response.error());
    if (!response->ok()) {
      co_return fail(ErrorKind::kUnavailable, fmt::format("received non 2xx response code: {}", response->status));
    }
    co_return readAnswer(web, response->body);
  }
};

}  // namespace

std::unique_ptr<Provider> makeWeb(const ProviderContext& context) {
  if (!context.fetch) return nullptr;
  return std::make_unique<Web>(context);
}

}  // namespace towpath::metrics
