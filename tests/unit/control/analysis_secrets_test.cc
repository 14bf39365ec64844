// A secret of an analysis reaches its provider, and nothing that anybody can read.

#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/base64.h"
#include "base/log.h"
#include "harness.h"

namespace towpath::control {
namespace {

constexpr std::string_view kSecret = "hunter2/ü+ geheim";

// What is logged while it lives.
class LogCapture {
 public:
  LogCapture() : file_(std::tmpfile()), level_(log::level()) {
    log::setOutput(::fileno(file_));
    log::setLevel(log::Level::kDebug);
  }
  ~LogCapture() {
    log::setOutput(2);
    log::setLevel(level_);
    std::fclose(file_);
  }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::string text() const {
    std::string all(1u << 20, '\0');
    const ssize_t got = ::pread(::fileno(file_), all.data(), all.size(), 0);
    all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return all;
  }

 private:
  std::FILE* file_;
  log::Level level_;
};

constexpr const char* kRun = R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: run, namespace: default}
spec:
  args: [{name: token, valueFrom: {secretKeyRef: {name: s, key: token}}}]
  measurementRetention: [{metricName: .*, limit: 2}]
  metrics:
  - name: echoed
    interval: 1s
    count: 4
    failureLimit: 4
    successCondition: result.said == "{{args.token}}" && result.b
    provider: {web: {url: "http://echo/", headers: [{key: Authorization, value: "Bearer {{args.token}}"}]}}
  - name: refused
    consecutiveErrorLimit: 1
    provider: {web: {url: "http://refuses/?key={{args.token}}"}}
  - name: queried
    provider: {prometheus: {address: "http://prometheus", query: 'up{key="{{args.token}}"}'}}
)";

struct Secretive : Harness {
  Secretive() {
    apply(cluster::kSecrets, fmt::format("{{apiVersion: v1, kind: Secret, metadata: {{name: s, namespace: default}}, "
                                         "data: {{token: {}}}}}",
                                         encodeBase64(kSecret)));
    providers.fetch = [this](http::ClientRequest request) -> loop::Task<Result<http::Response>> {
      seen += request.url + request.body + std::string(request.headers.get("Authorization")) + "\n";
      const std::string in_url = http::percentEncode(kSecret);
      if (request.url.starts_with("http://refuses/")) {
        co_return fail(ErrorKind::kUnavailable, fmt::format("cannot connect to http://refuses/?key={}", in_url));
      }
      http::Response response{.status = 200, .headers = {}, .body = ""};
      response.body = json::serialize(Object{{"said", kSecret}, {"url", in_url}, {"as64", encodeBase64(kSecret)}});
      co_return response;
    };
  }
  std::string seen;
};

void checkHidden(const std::string& where, std::string_view name) {
  INFO(name, ": ", where);
  CHECK(where.find("hunter2") == std::string::npos);
  CHECK(where.find(http::percentEncode(kSecret)) == std::string::npos);
  CHECK(where.find(encodeBase64(kSecret)) == std::string::npos);
}

}  // namespace

TEST_CASE("secrets: sent to the provider, in no status, no event and no log") {
  const LogCapture log;
  Secretive harness;
  harness.apply(cluster::kAnalysisRuns, kRun);
  harness.start();
  harness.settle(60s);
  const Value run = harness.get(cluster::kAnalysisRuns, "run");
  CHECK(run["status"]["phase"].asString() == "Error");
  CHECK(harness.seen.find("Bearer hunter2") != std::string::npos);
  CHECK(harness.seen.find("?key=hunter2") != std::string::npos);

  const std::string status = json::serialize(run);
  checkHidden(status, "status");
  CHECK(status.find("*****") != std::string::npos);
  CHECK(status.find("ResolvedPrometheusQuery") != std::string::npos);
  std::string events;
  for (const Value& event : harness.list(cluster::kEvents)) events += json::serialize(event);
  CHECK(events.find("AnalysisRunError") != std::string::npos);
  checkHidden(events, "events");
  checkHidden(log.text(), "log");
}

TEST_CASE("secrets: what is wrong with a metric is told without the secret that made it wrong") {
  Secretive harness;
  harness.apply(cluster::kAnalysisRuns, R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: run, namespace: default}
spec:
  args: [{name: token, valueFrom: {secretKeyRef: {name: s, key: token}}}]
  metrics:
  - {name: m, interval: "{{args.token}}", count: 2, provider: {web: {url: "http://echo/"}}}
)");
  harness.start();
  harness.settle(2s);
  const Value run = harness.get(cluster::kAnalysisRuns, "run");
  CHECK(run["status"]["phase"].asString() == "Error");
  CHECK(run["status"]["message"].asString().starts_with("Analysis spec invalid: metrics[0]: invalid interval string"));
  checkHidden(json::serialize(run), "status");
}

TEST_CASE("secrets: one that is missing, or lacks the key, ends the run with its name") {
  for (const auto& [name, message] :
       {std::pair("none", "Unable to resolve metric arguments: secret 'none' not found"),
        std::pair("s", "Unable to resolve metric arguments: key 'nokey' does not exist in secret 's'")}) {
    Secretive harness;
    harness.apply(cluster::kAnalysisRuns, fmt::format(R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {{name: run, namespace: default}}
spec:
  args: [{{name: token, valueFrom: {{secretKeyRef: {{name: {}, key: nokey}}}}}}]
  metrics: [{{name: m, provider: {{web: {{url: "http://echo/{{{{args.token}}}}"}}}}}}]
)",
                                                      name));
    harness.start();
    harness.settle(2s);
    const Value run = harness.get(cluster::kAnalysisRuns, "run");
    CHECK(run["status"]["phase"].asString() == "Error");
    CHECK(run["status"]["message"].asString() == message);
    CHECK(harness.seen.empty());
  }
}

TEST_CASE("secrets: one that changes is read anew for the next measurement") {
  Secretive harness;
  harness.apply(cluster::kAnalysisRuns, R"(
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: run, namespace: default}
spec:
  args: [{name: token, valueFrom: {secretKeyRef: {name: s, key: token}}}]
  metrics: [{name: m, interval: 5s, count: 2, provider: {web: {url: "http://echo/{{args.token}}"}}}]
)");
  harness.start();
  harness.settle(2s);
  harness.patch(cluster::kSecrets, "s", fmt::format("data: {{token: {}}}", encodeBase64("swordfish")));
  harness.settle(10s);
  CHECK(harness.seen.find("http://echo/swordfish") != std::string::npos);
  CHECK(harness.get(cluster::kAnalysisRuns, "run")["status"]["phase"].asString() == "Successful");
}

}  // namespace towpath::control
