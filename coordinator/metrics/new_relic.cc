// The newRelic provider: a NRQL query by NerdGraph (metric-providers reference, 6; docs.newrelic.com, "Tutorial: Query
// data with NerdGraph").
//
//   provider:
//     newRelic:
//       profile: my-newrelic    # a Secret with personal-api-key and account-id; newrelic, if it is not named
//       query: FROM Transaction SELECT percentage(count(*), WHERE httpResponseCode != 500) AS ok
//
// One row is a map, several are a list of maps.

#include <fmt/format.h>

#include <charconv>

#include "json/parse.h"
#include "json/serialize.h"
#include "metrics/exchange.h"
#include "metrics/providers.h"
#include "metrics/question.h"
#include "metrics/surroundings.h"

namespace towpath::metrics {
namespace {

constexpr Duration kTimeout = 30s;
constexpr std::int64_t kDefaultQuerySeconds = 5;
constexpr int kAttempts = 4;
constexpr Duration kRetryPause = 1s;
constexpr const char* kDefaultSecret = "newrelic";
constexpr const char* kQuery =
    "query($accountId: Int!, $query: Nrql!, $timeout: Seconds) "
    "{ actor { account(id: $accountId) { nrql(query: $query, timeout: $timeout) { results } } } }";

struct Access {
  std::string url, api_key;
  std::int64_t account = 0;
};

Result<std::string> urlOf(const SecretData& secret) {
  if (std::string url = secretText(secret, "base-url-nerdgraph"); !url.empty()) return url;
  const std::string region = secretText(secret, "region");
  if (region.empty() || region == "us" || region == "US") return std::string("https://api.newrelic.com/graphql");
  if (region == "eu" || region == "EU") return std::string("https://api.eu.newrelic.com/graphql");
  if (region == "staging" || region == "Staging") return std::string("https://staging-api.newrelic.com/graphql");
  return fail(ErrorKind::kInvalid, fmt::format("region \"{}\" is none of us, eu and staging", region));
}

Result<Answer> read(const http::Response& response) {
  if (!response.ok()) {
    return fail(ErrorKind::kUnavailable,
                fmt::format("New Relic answered {}: {}", response.status, shown(response.body)));
  }
  const Result<Value> body = jsonOf(response.body);
  if (!body) return std::unexpected(body.error());
  if (const Array& errors = (*body)["errors"].asArray(); !errors.empty()) {
    return fail(ErrorKind::kInvalid, shown(errors.front()["message"].asStringView("NerdGraph error")));
  }
  Value rows = json::withDoubles(body->at({"data", "actor", "account", "nrql", "results"}));
  const Array& list = std::as_const(rows).asArray();
  const bool nothing = list.empty() || (list.size() == 1 && list.front().asObject().empty());
  if (nothing) return fail(ErrorKind::kNotFound, "no results returned from NRQL query");
  Value result = list.size() == 1 ? list.front() : std::move(rows);
  std::string text = json::serializeCanonical(result);
  return Answer{std::move(result), std::move(text)};
}

class NewRelic final : public QuestionProvider {
 public:
  using QuestionProvider::QuestionProvider;

  std::map<std::string, std::string> metadata(const MetricRequest& request) const override {
    const std::string query = request.provider["newRelic"]["query"].asString();
    if (query.empty()) return {};
    return {{"ResolvedNewRelicQuery", query}};
  }

 protected:
  loop::Task<Result<Answer>> ask(const MetricRequest& request) override {
    const Value& settings = request.provider["newRelic"];
    const Result<std::int64_t> seconds = wholeNumberAt(settings, "timeout", kDefaultQuerySeconds);
    if (!seconds) co_return std::unexpected(seconds.error());
    if (*seconds < 0) co_return fail(ErrorKind::kInvalid, "timeout value needs to be a positive value");
    const Result<Access> access = co_await accessOf(request, settings);
    if (!access) co_return std::unexpected(access.error());
    const Value body = Object{
        {"query", kQuery},
        {"variables",
         Object{{"accountId", access->account}, {"query", settings["query"].asString()}, {"timeout", *seconds}}}};
    Result<http::Response> response = co_await send(*access, body);
    for (int attempt = 1; attempt < kAttempts && isPassing(response); ++attempt) {
      co_await loop::sleep(*context().loop, kRetryPause * attempt);
      response = co_await send(*access, body);
    }
    if (!response) co_return std::unexpected(response.error());
    co_return read(*response);
  }

 private:
  static bool isPassing(const Result<http::Response>& response) {
    return response && (response->status == 429 || response->status >= 500);
  }

  loop::Task<Result<http::Response>> send(const Access& access, const Value& body) {
    http::ClientRequest request = jsonRequest(access.url, body, kTimeout);
    request.headers.set("Api-Key", access.api_key);
    request.headers.set("User-Agent", "towpath-coordinator");
    co_return co_await context().fetch(std::move(request));
  }

  loop::Task<Result<Access>> accessOf(const MetricRequest& request, const Value& settings) {
    std::string name = settings["profile"].asString();
    if (name.empty()) name = kDefaultSecret;
    const auto secret = co_await readSecret(context(), credentialNamespaces(context(), request), name);
    if (!secret) co_return std::unexpected(secret.error());
    const std::string account = secretText(*secret, "account-id");
    Access access{.url = {}, .api_key = secretText(*secret, "personal-api-key")};
    if (access.api_key.empty() || account.empty()) {
      co_return fail(ErrorKind::kInvalid, "account ID or personal API key not found");
    }
    const auto [end, error] = std::from_chars(account.data(), account.data() + account.size(), access.account);
    if (error != std::errc() || end != account.data() + account.size()) {
      co_return fail(ErrorKind::kInvalid, fmt::format("account-id in secret \"{}\" is no number", name));
    }
    const Result<std::string> url = urlOf(*secret);
    if (!url) co_return std::unexpected(url.error());
    access.url = *url;
    co_return access;
  }
};

}  // namespace

std::unique_ptr<Provider> makeNewRelic(const ProviderContext& context) {
  if (!context.fetch || !context.api) return nullptr;
  return std::make_unique<NewRelic>(context);
}

}  // namespace towpath::metrics
