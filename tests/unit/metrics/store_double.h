#pragma once
// A double of whatever a provider asks: it keeps what it was asked and answers what the test says. The answers in these
// tests are shaped as the stores' own documents show them; no store was asked for them. The real ones that there are
// (Prometheus, Graphite) are asked in tests/process/providers_test.py.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "cluster/kinds.h"
#include "cluster/memory_api.h"
#include "json/parse.h"
#include "json/serialize.h"
#include "json/yaml.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "metrics/metric_programs.h"
#include "metrics/registry.h"

namespace towpath::metrics {

using model::AnalysisPhase;

inline Value yaml(std::string_view text) {
  auto value = json::parseYamlDocument(text);
  REQUIRE_MESSAGE(value.has_value(), (value ? "" : value.error().message));
  return std::move(*value);
}

struct StoreDouble {
  loop::VirtualLoop loop;
  cluster::MemoryApi api{loop};
  std::map<std::string, std::string> environment;
  std::vector<http::ClientRequest> asked;
  std::deque<Result<http::Response>> answers;  // the last one is given again and again
  ProviderContext context;

  StoreDouble() {
    loop.setWall(*parseRfc3339("2026-01-01T12:00:00Z"));
    context.loop = &loop;
    context.api = &api;
    context.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional(found->second);
    };
    context.fetch = [this](http::ClientRequest request) -> loop::Task<Result<http::Response>> {
      asked.push_back(std::move(request));
      REQUIRE(!answers.empty());
      Result<http::Response> answer = answers.front();
      if (answers.size() > 1) answers.pop_front();
      co_return answer;
    };
  }

  // Queues an answer.
  void answer(std::string body, int status = 200) {
    answers.emplace_back(http::Response{.status = status, .headers = {}, .body = std::move(body)});
  }
  void answerOnly(std::string body, int status = 200) {
    answers.clear();
    answer(std::move(body), status);
  }
  void secret(const std::string& ns, const std::string& name, const std::map<std::string, std::string>& data) {
    Value object = Object{{"apiVersion", "v1"}, {"kind", "Secret"}};
    object["metadata"] = Object{{"namespace", ns}, {"name", name}};
    for (const auto& [key, text] : data) object["data"][key] = encodeBase64(text);
    REQUIRE(api.createNow(cluster::kSecrets, object).has_value());
  }

  MetricRequest request(std::string_view provider, std::string_view success = "", std::string_view failure = "") {
    MetricRequest made{.ns = "default", .run_name = "run", .run_uid = "u", .attempt = 1, .metric = {}, .provider = {}};
    made.provider = yaml(provider);
    made.metric.name = "m";
    made.metric.success_condition = success;
    made.metric.failure_condition = failure;
    for (const auto& [key, settings] : made.provider.asObject()) made.metric.providers.push_back(key);
    made.config["provider"] = made.provider;
    return made;
  }
  std::unique_ptr<Provider> provider(const MetricRequest& of) {
    auto made = makeProvider(of.provider, context);
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
    return std::move(*made);
  }
  model::Measurement measure(std::string_view provider_text, std::string_view success = "",
                             std::string_view failure = "") {
    MetricRequest made = request(provider_text, success, failure);
    const std::unique_ptr<Provider> asking = provider(made);
    return loop::blockOn(loop, asking->start(std::move(made)));
  }
  model::Measurement resume(std::string_view provider_text, model::Measurement measurement) {
    MetricRequest made = request(provider_text);
    const std::unique_ptr<Provider> asking = provider(made);
    return loop::blockOn(loop, asking->resume(std::move(made), std::move(measurement)));
  }
  const http::ClientRequest& last() const {
    REQUIRE(!asked.empty());
    return asked.back();
  }
  Value lastBody() const {
    auto body = json::parse(last().body);
    REQUIRE(body.has_value());
    return *body;
  }
};

// "Successful", "Failed", "Error: message", …
inline std::string said(const model::Measurement& measurement) {
  if (measurement.message.empty()) return toString(measurement.phase);
  return fmt::format("{}: {}", toString(measurement.phase), measurement.message);
}

// A form as "a=1&b=2" read back; the last of a name.
inline std::map<std::string, std::string> formOf(std::string_view text) {
  std::map<std::string, std::string> form;
  if (const std::size_t question = text.find('?'); question != std::string_view::npos) text.remove_prefix(question + 1);
  const auto fields = http::parseQuery(text);
  REQUIRE(fields.has_value());
  for (const auto& [name, value] : *fields) form[name] = value;
  return form;
}

}  // namespace towpath::metrics
