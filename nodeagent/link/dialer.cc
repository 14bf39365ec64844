#include "link/dialer.h"

#include <fmt/format.h>

#include <utility>

namespace towpath::link {

namespace {

constexpr std::size_t kReplyBytes = 4u << 20;
constexpr std::size_t kReasonBytes = 1024;

ErrorKind kindOfStatus(int status) {
  switch (status) {
    case 400:
      return ErrorKind::kInvalid;
    case 401:
      return ErrorKind::kUnauthorized;
    case 403:
      return ErrorKind::kForbidden;
    case 404:
      return ErrorKind::kNotFound;
    case 409:
      return ErrorKind::kConflict;
    case 413:
      return ErrorKind::kTooLarge;
    case 426:
      return ErrorKind::kUnsupported;
    case 429:
      return ErrorKind::kTooManyRequests;
    default:
      return ErrorKind::kUnavailable;
  }
}

}  // namespace

Error errorOfStatus(int status, std::string_view body) {
  while (body.ends_with('\n')) body.remove_suffix(1);
  return {kindOfStatus(status), fmt::format("the coordinator answered {}: {}", status, body.substr(0, kReasonBytes)),
          ""};
}

Dialer::Dialer(loop::UvLoop& loop, std::string coordinator_url) : url_(std::move(coordinator_url)), client_(loop) {
  while (url_.ends_with('/')) url_.pop_back();
}

void Dialer::setIdentity(const Identity& identity) {
  tls_ = {.ca_pem = identity.ca_pem, .certificate_pem = identity.certificate_pem, .key_pem = identity.key_pem};
}

void Dialer::pin(std::string ca_sha256) { tls_ = {.pinned_ca_sha256 = std::move(ca_sha256)}; }

http::ClientRequest Dialer::request(std::string path, std::string body, http::Headers headers) const {
  headers.set("Content-Type", "application/x-protobuf");
  return {.method = "POST", .url = url_ + path, .headers = std::move(headers), .body = std::move(body), .tls = tls_};
}

loop::Task<Result<std::string>> Dialer::post(std::string path, std::string body, http::Headers headers) {
  http::ClientRequest asked = request(std::move(path), std::move(body), std::move(headers));
  asked.max_response_bytes = kReplyBytes;
  Result<http::Response> response = co_await client_.fetch(std::move(asked));
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) co_return std::unexpected(errorOfStatus(response->status, response->body));
  co_return std::move(response->body);
}

loop::Task<Result<std::unique_ptr<http::ResponseStream>>> Dialer::open(std::string path, std::string body,
                                                                       Duration idle) {
  http::ClientRequest asked = request(std::move(path), std::move(body), {});
  asked.idle_timeout = idle;
  Result<std::unique_ptr<http::ResponseStream>> stream = co_await client_.open(std::move(asked));
  if (!stream || (*stream)->status() == 200) co_return stream;
  Result<std::optional<std::string>> reason = co_await (*stream)->read();
  std::string text = reason && *reason ? **reason : std::string();
  co_return std::unexpected(errorOfStatus((*stream)->status(), text));
}

}  // namespace towpath::link
