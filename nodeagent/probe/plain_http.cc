#include "probe/plain_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "http/message.h"
#include "loop/stream.h"

namespace towpath::probe {

namespace {

constexpr std::size_t kHeadBytes = 64u << 10;
// Of a body that is taken in before the connection is closed, so that a server that is still writing sees no reset. The
// kubelet reads as much.
constexpr std::size_t kBodyBytes = 10u << 10;

bool hasControl(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// IPv6 addresses stand in brackets in Host.
std::string hostField(const std::string& host, std::int32_t port) {
  return fmt::format(fmt::runtime(host.contains(':') ? "[{}]:{}" : "{}:{}"), host, port);
}

// "HTTP/1.1 200 OK" → 200
std::optional<int> statusOf(std::string_view head) {
  if (!head.starts_with("HTTP/1.") || head.size() < 12 || head[8] != ' ') return std::nullopt;
  int status = 0;
  const auto read = std::from_chars(head.data() + 9, head.data() + 12, status);
  if (read.ec != std::errc() || read.ptr != head.data() + 12 || status < 100) return std::nullopt;
  return status;
}

// Bytes of the body, if the head says how many.
std::optional<std::size_t> bodyLength(std::string_view head) {
  constexpr std::string_view kName = "\r\ncontent-length:";
  const auto found = std::ranges::search(
      head, kName, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; });
  if (found.empty()) return std::nullopt;
  std::string_view value(found.end(), head.end());
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  std::size_t length = 0;
  if (std::from_chars(value.data(), value.data() + value.size(), length).ec != std::errc()) return std::nullopt;
  return length;
}

// Reads until `text` ends with a whole head; its length, without the empty line.
loop::Task<Result<std::size_t>> readHead(loop::Stream& stream, std::string& text) {
  std::array<char, 2048> buffer;
  for (;;) {
    if (const std::size_t end = text.find("\r\n\r\n"); end != std::string::npos) co_return end;
    if (text.size() > kHeadBytes) co_return fail(ErrorKind::kCorrupt, "the head of the answer does not end");
    const Result<std::size_t> count = co_await stream.read(buffer);
    if (!count) co_return std::unexpected(count.error());
    if (*count == 0) co_return fail(ErrorKind::kUnavailable, "the connection was closed before an answer");
    text.append(buffer.data(), *count);
  }
}

loop::Task<void> readBody(loop::Stream& stream, std::size_t wanted) {
  std::array<char, 2048> buffer;
  for (std::size_t got = 0; got < std::min(wanted, kBodyBytes);) {
    const Result<std::size_t> count = co_await stream.read(buffer);
    if (!count || *count == 0) co_return;
    got += *count;
  }
}

}  // namespace

Result<std::string> plainRequest(const HttpCheck& check, const std::string& address) {
  http::Headers headers{{"Host", hostField(check.host.empty() ? address : check.host, check.port)},
                        {"User-Agent", "towpath-probe"},
                        {"Accept", "*/*"},
                        // A fresh connection each time: a probe must see what a new client sees, and hold nothing open
                        // while the instance drains.
                        {"Connection", "close"}};
  for (const auto& [name, value] : check.headers) headers.set(name, value);
  if (hasControl(check.path) || check.path.contains(' ')) {
    return fail(ErrorKind::kInvalid, "has spaces or control characters: escape them", "httpGet.path");
  }
  std::string request = fmt::format("GET {} HTTP/1.1\r\n", check.path);
  for (const http::Header& header : headers) {
    if (hasControl(header.name) || hasControl(header.value)) {
      return fail(ErrorKind::kInvalid, "has control characters", "httpGet.httpHeaders");
    }
    request += fmt::format("{}: {}\r\n", header.name, header.value);
  }
  return request + "\r\n";
}

loop::Task<Result<int>> askPlainHttp(loop::UvLoop& loop, HttpCheck check, std::string address) {
  const Result<std::string> request = plainRequest(check, address);
  if (!request) co_return std::unexpected(request.error());
  Result<loop::Stream> stream = co_await loop::Stream::connectTcp(loop, check.host.empty() ? address : check.host,
                                                                  static_cast<std::uint16_t>(check.port));
  if (!stream) co_return std::unexpected(stream.error());
  if (Result<void> sent = co_await stream->write(*request); !sent) co_return std::unexpected(sent.error());
  std::string text;
  for (;;) {
    const Result<std::size_t> end = co_await readHead(*stream, text);
    if (!end) co_return std::unexpected(end.error());
    const std::string_view head = std::string_view(text).substr(0, *end);
    const std::optional<int> status = statusOf(head);
    if (!status) co_return fail(ErrorKind::kCorrupt, "the answer is not HTTP/1");
    const std::size_t behind = text.size() - *end - 4;
    if (*status >= 200) {
      // Without a length the end is the end of the connection, for which nobody waits here.
      const std::size_t length = bodyLength(head).value_or(0);
      if (length > behind) co_await readBody(*stream, length - behind);
      co_return *status;
    }
    text.erase(0, *end + 4);
  }
}

}  // namespace towpath::probe
