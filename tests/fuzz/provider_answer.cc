// What metric stores answer. The first byte chooses the provider from A on, the second the status, the rest is the
// body; it is given for every question. Whatever comes is a measurement that has ended, or that says when to look
// again.

#include <array>

#include "base/base64.h"
#include "cluster/kinds.h"
#include "cluster/memory_api.h"
#include "fuzz.h"
#include "json/yaml.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "metrics/registry.h"

namespace towpath::fuzz {
namespace {

constexpr std::array<std::string_view, 14> kProviders = {
    "{prometheus: {address: 'http://s', query: up}}",
    "{prometheus: {address: 'http://s', query: up, rangeQuery: {start: 'now()', end: 'now()', step: 1s}}}",
    "{web: {url: 'http://s', jsonPath: '{$..a}'}}",
    "{datadog: {apiVersion: v1, query: q}}",
    "{datadog: {apiVersion: v2, query: q}}",
    "{newRelic: {query: q}}",
    "{cloudWatch: {metricDataQueries: [{id: a, expression: b}]}}",
    "{graphite: {address: 'http://s', query: target=a}}",
    "{influxdb: {query: q}}",
    "{skywalking: {address: 'http://s', interval: 5m, query: q}}",
    "{kayenta: {address: 'http://s', canaryConfigName: a, scopes: [{name: s}], threshold: {pass: 9, marginal: 5}}}",
    "{wavefront: {address: s, query: q}}",
    "{web: {url: 'http://s', authentication: {oauth2: {tokenUrl: 'http://t', clientId: a, clientSecret: b}}}}",
    "{influxdb: {query: q, profile: influxql}}",
};
constexpr std::array<int, 6> kStatus = {200, 200, 200, 400, 429, 503};

void addSecret(cluster::MemoryApi& api, const char* name,
               std::initializer_list<std::pair<const char*, const char*>> data) {
  Value object = Object{{"apiVersion", "v1"}, {"kind", "Secret"}};
  object["metadata"] = Object{{"namespace", "default"}, {"name", name}};
  for (const auto& [key, text] : data) object["data"][key] = encodeBase64(text);
  static_cast<void>(api.createNow(cluster::kSecrets, std::move(object)));
}

// Everything that a provider needs besides the answer.
struct World {
  World(int status, std::string_view body) {
    addSecret(api, "influxdb", {{"authToken", "t"}, {"org", "o"}, {"address", "http://s"}});
    addSecret(api, "influxql", {{"database", "d"}, {"address", "http://s"}});
    addSecret(api, "newrelic", {{"personal-api-key", "k"}, {"account-id", "1"}});
    addSecret(api, "wavefront-api-tokens", {{"s", "t"}});
    addSecret(api, "datadog", {{"api-key", "k"}, {"app-key", "k"}});
    context.loop = &loop;
    context.api = &api;
    context.fetch = [status, body = std::string(body)](http::ClientRequest) -> loop::Task<Result<http::Response>> {
      co_return http::Response{.status = status, .headers = {}, .body = body};
    };
    context.environment = [](const std::string& name) -> std::optional<std::string> {
      if (name.starts_with("AWS_ACCESS") || name.starts_with("AWS_SECRET") || name == "AWS_REGION") return "x";
      return std::nullopt;
    };
  }
  loop::VirtualLoop loop;
  cluster::MemoryApi api{loop};
  metrics::ProviderContext context;
};

void check(const model::Measurement& measurement) {
  require(measurement.finished_at.has_value() != measurement.resume_at.has_value(), "it has ended or goes on");
  require(measurement.phase != model::AnalysisPhase::kError || !measurement.message.empty(), "an error says why");
}

}  // namespace

void run(std::string_view input) {
  if (input.size() < 2) return;
  const std::string_view text = kProviders[static_cast<unsigned char>(input[0] - 'A') % kProviders.size()];
  World world(kStatus[static_cast<unsigned char>(input[1]) % kStatus.size()], input.substr(2));
  metrics::MetricRequest request{
      .ns = "default", .run_name = "r", .run_uid = "u", .attempt = 1, .metric = {}, .provider = {}};
  request.provider = *json::parseYamlDocument(text);
  request.metric.name = "m";
  request.metric.success_condition = "all(result, # > 0.5) || result.a == 1";
  const auto provider = metrics::makeProvider(request.provider, world.context);
  require(provider.has_value(), "every provider can be made");
  model::Measurement measurement = loop::blockOn(world.loop, (*provider)->start(request));
  check(measurement);
  if (measurement.finished_at) return;
  measurement.resume_at.reset();
  check(loop::blockOn(world.loop, (*provider)->resume(request, measurement)));
}

}  // namespace towpath::fuzz
