#include <charconv>

#include "http/handler.h"

namespace towpath::http {

namespace {

// "/a//b%20c/" → {"a", "b c"}; nullopt for a bad escape or a dot segment.
std::optional<std::vector<std::string>> splitPath(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
    if (part.empty()) continue;
    std::optional<std::string> segment = percentDecode(part, PlusIs::kPlus);
    if (!segment || *segment == "." || *segment == "..") return std::nullopt;
    segments.push_back(std::move(*segment));
  }
  return segments;
}

}  // namespace

const std::string* Request::queryValue(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool Request::queryFlag(std::string_view name) const {
  const std::string* value = queryValue(name);
  return value &&
         (value->empty() || *value == "1" || *value == "t" || *value == "T" || equalsIgnoreCase(*value, "true"));
}

bool Request::splitTarget() {
  std::string_view rest = target;
  // The absolute form that proxies send: "http://host/path".
  if (const std::size_t scheme = rest.find("://"); !rest.starts_with('/') && scheme != std::string_view::npos) {
    const std::size_t at = rest.find('/', scheme + 3);
    rest = at == std::string_view::npos ? std::string_view("/") : rest.substr(at);
  }
  const std::size_t mark = rest.find('?');
  path = rest.substr(0, mark);
  auto parts = splitPath(path);
  auto pairs = mark == std::string_view::npos ? parseQuery("") : parseQuery(rest.substr(mark + 1));
  const bool has_form = rest.starts_with('/') || (rest == "*" && method == "OPTIONS");
  if (!has_form || !parts || !pairs) return false;
  segments = std::move(*parts);
  query = std::move(*pairs);
  return true;
}

Task<Result<std::string>> Request::body(std::size_t limit) {
  std::string whole;
  const auto too_large = [this, limit] {
    Error error{ErrorKind::kTooLarge, "the body is larger than " + std::to_string(limit) + " bytes", ""};
    body_->refuseBody(error);
    return std::unexpected(std::move(error));
  };
  std::uint64_t announced = 0;
  const std::string_view length = headers.get("Content-Length");
  std::from_chars(length.data(), length.data() + length.size(), announced);
  if (announced > limit) co_return too_large();
  for (;;) {
    Result<std::optional<std::string>> piece = co_await body_->readBody();
    if (!piece) co_return std::unexpected(piece.error());
    if (!*piece) co_return whole;
    if (whole.size() + (*piece)->size() > limit) co_return too_large();
    if (whole.empty())
      whole = std::move(**piece);
    else
      whole += **piece;
  }
}

Task<Result<std::optional<std::string>>> Request::readBody() { return body_->readBody(); }

}  // namespace towpath::http
