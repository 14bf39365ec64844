#include "apiserver/exchange.h"

#include <fmt/format.h>

#include "json/serialize.h"
#include "json/yaml.h"

namespace towpath::apiserver {
namespace {

constexpr std::size_t kWarningBytes = 4096;  // of all warnings of one answer

// A quoted string of RFC 7230; what a header must not have becomes a space.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out + '"';
}

http::Headers warningHeaders(const std::vector<std::string>& warnings) {
  http::Headers headers;
  std::size_t bytes = 0;
  for (const auto& warning : warnings) {
    bytes += warning.size();
    if (bytes > kWarningBytes) break;
    headers.add("Warning", "299 - " + quoted(warning));
  }
  return headers;
}

}  // namespace

std::string Exchange::query(std::string_view name) const {
  const auto* value = request.queryValue(name);
  return value == nullptr ? std::string() : *value;
}

loop::Task<void> sendText(http::ResponseWriter& response, int status, std::string content_type, std::string body,
                          http::Headers headers) {
  headers.set("Content-Type", std::move(content_type));
  headers.set("Cache-Control", "no-cache, private");
  // A client that went away needs no answer, and the server has noted it.
  (void)co_await response.send(status, std::move(headers), std::move(body));
}

loop::Task<void> sendFailure(http::ResponseWriter& response, Failure failure) {
  http::Headers headers;
  if (failure.retry_after_seconds > 0) headers.set("Retry-After", std::to_string(failure.retry_after_seconds));
  if (failure.reason == Reason::kUnauthorized) headers.set("WWW-Authenticate", "Bearer");
  co_await sendText(response, httpStatus(failure.reason), "application/json",
                    json::serialize(statusObject(failure)) + "\n", std::move(headers));
}

loop::Task<std::optional<std::string>> receiveBody(Exchange& exchange) {
  auto body = co_await exchange.request.body();
  if (body) co_return std::move(*body);
  // All else concerns the connection, not the API: the HTTP server answers it by itself.
  if (body.error().kind == ErrorKind::kTooLarge) co_await sendFailure(exchange.response, toFailure(body.error()));
  co_return std::nullopt;
}

loop::Task<void> sendValue(Exchange& exchange, int status, Value value, std::vector<std::string> warnings) {
  auto body = exchange.wanted.encoding == Encoding::kYaml ? json::toYaml(value) : json::serialize(value) + "\n";
  co_await sendText(exchange.response, status, exchange.wanted.content_type, std::move(body), warningHeaders(warnings));
}

loop::Task<void> sendObject(Exchange& exchange, int status, cluster::ObjectRef object,
                            std::vector<std::string> warnings) {
  if (exchange.wanted.encoding == Encoding::kYaml) {
    co_await sendValue(exchange, status, object->parse(), std::move(warnings));
    co_return;
  }
  co_await sendText(exchange.response, status, "application/json", object->json() + "\n", warningHeaders(warnings));
}

}  // namespace towpath::apiserver
