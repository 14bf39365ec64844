#include "api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::bench {

namespace {

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

Value parsed(const Result<http::Response>& response, const std::string& path) {
  if (!response) giveUp(path + ": " + describe(response.error()));
  if (!response->ok()) giveUp(fmt::format("{}: {} {}", path, response->status, response->body));
  Result<Value> value = json::parse(response->body);
  if (!value) giveUp(path + ": " + describe(value.error()));
  return std::move(*value);
}

}  // namespace

void giveUp(const std::string& why) {
  std::fprintf(stderr, "bench-fleet: %s\n", why.c_str());
  std::exit(1);
}

http::ClientRequest Api::request(std::string method, std::string path) const {
  return {.method = std::move(method),
          .url = options_.url + path,
          .bearer_token = options_.bearer_token,
          .tls = {.ca_file = options_.ca_file}};
}

loop::Task<Value> Api::patch(std::string path, std::string content_type, Value body) {
  http::ClientRequest asked = request("PATCH", path);
  asked.headers.set("Content-Type", std::move(content_type));
  asked.body = json::serialize(body);
  Result<http::Response> response = co_await client_.fetch(std::move(asked));
  co_return parsed(response, path);
}

loop::Task<Value> Api::get(std::string path) {
  Result<http::Response> response = co_await client_.fetch(request("GET", path));
  co_return parsed(response, path);
}

loop::Task<std::unique_ptr<http::ResponseStream>> Api::watch(std::string path) {
  Result<std::unique_ptr<http::ResponseStream>> stream = co_await client_.open(request("GET", path));
  if (!stream) giveUp(path + ": " + describe(stream.error()));
  if ((*stream)->status() != 200) giveUp(fmt::format("{}: {}", path, (*stream)->status()));
  co_return std::move(*stream);
}

Value quantiles(std::vector<Duration> durations) {
  if (durations.empty()) return {};
  std::ranges::sort(durations);
  auto at = [&](double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(durations.size()));
    return std::max(0.0, milliseconds(durations[std::min(index, durations.size() - 1)]));
  };
  return Object{{"p50_ms", at(0.5)},
                {"p99_ms", at(0.99)},
                {"max_ms", at(1)},
                {"samples", static_cast<std::int64_t>(durations.size())}};
}

}  // namespace towpath::bench
