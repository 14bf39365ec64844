// Providers over real sockets to a double that is slow, breaks off, or refuses: what they make of it, and that one that
// hangs delays no other.
#include <functional>

#include "http/client.h"
#include "http/server.h"
#include "loop/uv_loop.h"
#include "store_double.h"

namespace towpath::metrics {
namespace {

enum class Mood { kRefuses, kBreaksOff, kHangs };

struct Wire {
  Wire()
      : server(loop, {},
               [this](http::Request& request, http::ResponseWriter& response) { return answer(request, response); }),
        client(loop) {
    port = server.listenTcp("127.0.0.1", 0).value();
    context.loop = &loop;
    context.api = &api;
    context.fetch = [this](http::ClientRequest request) {
      // The times of the providers are for people; what a test waits for is shorter.
      request.timeout = std::min<Duration>(request.timeout, hang_time);
      return client.fetch(std::move(request));
    };
    context.environment = [this](const std::string& name) -> std::optional<std::string> {
      if (name == "AWS_ENDPOINT_URL" || name == "DD_ADDRESS") return address();
      if (name == "AWS_REGION") return "eu-west-1";
      if (name.starts_with("AWS_") && name.ends_with("KEY_ID")) return "k";
      if (name.starts_with("AWS_SECRET") || name.starts_with("DD_")) return "k";
      return std::nullopt;
    };
    for (const auto& [name, data] : std::map<std::string, std::map<std::string, std::string>>{
             {"influxdb", {{"authToken", "t"}, {"org", "o"}, {"address", address()}}},
             {"newrelic", {{"personal-api-key", "k"}, {"account-id", "1"}, {"base-url-nerdgraph", address()}}}}) {
      Value object = Object{{"apiVersion", "v1"}, {"kind", "Secret"}};
      object["metadata"] = Object{{"namespace", "default"}, {"name", name}};
      for (const auto& [key, text] : data) object["data"][key] = encodeBase64(text);
      REQUIRE(api.createNow(cluster::kSecrets, object).has_value());
    }
  }
  std::string address() const { return fmt::format("http://127.0.0.1:{}", port); }

  loop::Task<void> answer(http::Request& request, http::ResponseWriter& response) {
    ++requests;
    (void)co_await request.body(1u << 20);
    if (mood == Mood::kRefuses) {
      co_await response.send(429, {{"Retry-After", "30"}}, "{\"message\": \"slow down\"}");
    } else if (mood == Mood::kBreaksOff) {
      response.start(200, {{"Content-Length", "1000"}, {"Connection", "close"}, {"Content-Type", "application/json"}});
      co_await response.write("{\"status\": \"succ");
    } else {
      response.start(200, {});
      co_await response.closed().wait();
    }
  }

  model::Measurement measure(const std::string& provider) {
    StoreDouble texts;
    MetricRequest request = texts.request(provider, "true");
    const auto made = makeProvider(request.provider, context);
    REQUIRE(made.has_value());
    return loop::blockOn(loop, (*made)->start(std::move(request)));
  }

  std::vector<std::string> providers() const {
    std::vector<std::string> all;
    for (const char* settings :
         {"prometheus: {address: '@', query: up}", "web: {url: '@/x'}", "graphite: {address: '@', query: target=a}",
          "skywalking: {address: '@', interval: 5m, query: q}", "influxdb: {query: q}", "newRelic: {query: q}",
          "datadog: {apiVersion: v1, query: q}", "datadog: {apiVersion: v2, query: q}",
          "cloudWatch: {metricDataQueries: [{id: a, expression: b}]}", "kayenta: {address: '@', application: a}"}) {
      std::string text = fmt::format("{{{}}}", settings);
      if (const std::size_t at = text.find('@'); at != std::string::npos) text.replace(at, 1, address());
      all.push_back(std::move(text));
    }
    return all;
  }

  loop::UvLoop loop;
  http::Server server;
  http::Client client;
  cluster::MemoryApi api{loop};
  ProviderContext context;
  std::uint16_t port = 0;
  Mood mood = Mood::kRefuses;
  Duration hang_time = 60s;
  int requests = 0;
};

}  // namespace

TEST_CASE("every provider: an answer that is refused, breaks off or never comes is an error with its reason") {
  Wire wire;
  for (const std::string& provider : wire.providers()) {
    INFO(provider);
    for (const Mood mood : {Mood::kRefuses, Mood::kBreaksOff, Mood::kHangs}) {
      wire.mood = mood;
      wire.hang_time = mood == Mood::kHangs ? 50ms : Duration(60s);
      const int before = wire.requests;
      const model::Measurement measurement = wire.measure(provider);
      CHECK(wire.requests > before);
      CHECK(measurement.phase == AnalysisPhase::kError);
      CHECK(measurement.finished_at.has_value());
      INFO(measurement.message);
      CHECK_FALSE(measurement.message.empty());
      const bool told = measurement.message.find("429") != std::string::npos ||
                        measurement.message.find("slow down") != std::string::npos;
      CHECK((mood != Mood::kRefuses || told));
    }
  }
}

}  // namespace towpath::metrics
