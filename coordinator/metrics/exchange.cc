#include "metrics/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "engine/analysis/assess.h"
#include "json/parse.h"
#include "json/serialize.h"

namespace towpath::metrics {
namespace {

std::string formEncode(std::string_view text) {
  std::string encoded = http::percentEncode(text);
  for (std::size_t at = encoded.find("%20"); at != std::string::npos; at = encoded.find("%20", at)) {
    encoded.replace(at, 3, "+");
  }
  return encoded;
}

}  // namespace

http::ClientRequest requestTo(std::string method, std::string url, Duration timeout) {
  http::ClientRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.timeout = timeout;
  request.max_redirects = kMaxRedirects;
  request.max_response_bytes = kMaxAnswerBytes;
  request.compression = http::Compression::kAllow;
  return request;
}

http::ClientRequest jsonRequest(std::string url, const Value& body, Duration timeout) {
  http::ClientRequest request = requestTo("POST", std::move(url), timeout);
  request.headers.add("Content-Type", "application/json");
  request.body = json::serialize(body);
  return request;
}

std::string encodeForm(const Fields& fields) {
  std::multimap<std::string_view, std::string_view> sorted;  // keeps the order within a name
  for (const auto& [name, value] : fields) sorted.emplace(name, value);
  std::string form;
  for (const auto& [name, value] : sorted) {
    if (!form.empty()) form += '&';
    form += formEncode(name) + "=" + formEncode(value);
  }
  return form;
}

std::string joinUrl(std::string_view address, std::string_view path) {
  while (address.ends_with('/')) address.remove_suffix(1);
  return fmt::format("{}{}{}", address, path.starts_with('/') ? "" : "/", path);
}

bool isUrl(std::string_view address) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!address.starts_with(scheme)) continue;
    const std::string_view rest = address.substr(scheme.size());
    return !rest.empty() && !rest.starts_with('/') && rest.find_first_of(" \t\r\n") == std::string_view::npos;
  }
  return false;
}

std::string shown(std::string_view body) {
  if (body.size() <= kMaxShown) return std::string(body);
  std::size_t end = kMaxShown;
  while (end > 0 && (static_cast<unsigned char>(body[end]) & 0xC0U) == 0x80U) --end;  // no half character
  return std::string(body.substr(0, end)) + "…";
}

Result<Value> jsonOf(std::string_view body) {
  Result<Value> parsed = json::parse(body);
  if (!parsed) return fail(ErrorKind::kInvalid, "Could not parse JSON body: " + parsed.error().message);
  return parsed;
}

std::optional<double> parseFloat(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const bool number = !text.empty() && (text.front() != '+' || text.size() == 1);
  double parsed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (!number || end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::nullopt;
  if (error != std::errc()) return std::nullopt;
  return parsed;
}

std::string goPrint(const Value& value) {
  if (value.isNull()) return "<nil>";
  std::vector<std::string> parts;
  if (const Array* array = value.ifArray()) {
    for (const Value& item : *array) parts.push_back(goPrint(item));
    return fmt::format("[{}]", fmt::join(parts, " "));
  }
  if (const Object* object = value.ifObject()) {
    for (const auto& [key, member] : *object) parts.push_back(key + ":" + goPrint(member));
    std::ranges::sort(parts);
    return fmt::format("map[{}]", fmt::join(parts, " "));
  }
  return analysis::valueText(value);
}

Result<Duration> durationAt(const Value& settings, std::string_view field, Duration otherwise) {
  const std::string_view text = settings[field].asStringView();
  if (text.empty()) return otherwise;
  Result<Duration> parsed = parseGoDuration(text);
  if (!parsed) return fail(ErrorKind::kInvalid, parsed.error().message, std::string(field));
  // Times are computed with it.
  if (*parsed > Duration(24h * 36500) || *parsed < -Duration(24h * 36500)) {
    return fail(ErrorKind::kInvalid, "is longer than a hundred years", std::string(field));
  }
  return parsed;
}

Result<std::int64_t> wholeNumberAt(const Value& settings, std::string_view field, std::int64_t otherwise) {
  const Value& value = settings[field];
  if (value.isNull()) return otherwise;
  const std::string* text = value.ifString();
  if (text && text->empty()) return otherwise;
  if (value.isInt()) return value.asInt();
  std::int64_t number = 0;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error == std::errc() && end == text->data() + text->size()) return number;
  } else if (value.isDouble() && std::trunc(value.asDouble()) == value.asDouble()) {
    constexpr auto kNone = std::numeric_limits<std::int64_t>::min();
    if (const std::int64_t whole = value.asInt(kNone); whole != kNone) return whole;
  }
  return fail(ErrorKind::kInvalid, "a whole number is wanted", std::string(field));
}

}  // namespace towpath::metrics
