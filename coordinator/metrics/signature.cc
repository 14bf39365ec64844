#include "metrics/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <vector>

#include "tls/crypto.h"

namespace towpath::metrics {
namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";

struct UrlParts {
  std::string host, path = "/", query;
};

UrlParts split(const std::string& url) {
  UrlParts parts;
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t end = std::min(url.find_first_of("/?#", begin), url.size());
  parts.host = url.substr(begin, end - begin);
  const std::size_t question = std::min(url.find('?', end), url.size());
  if (question > end) parts.path = url.substr(end, question - end);
  if (question < url.size()) parts.query = url.substr(question + 1);
  return parts;
}

// "20261125T220405Z"
std::string stampOf(WallTime now) {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(now));
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[20];
  const std::size_t length = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return {text, length};
}

// Segments escaped once more, as every service but S3 wants it; the URL carries them escaped once.
std::string canonicalPath(const std::string& path) {
  std::string out;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    out += http::percentEncode(std::string_view(path).substr(at, slash - at));
    if (slash < path.size()) out += '/';
    at = slash + 1;
  }
  return out.empty() ? "/" : out;
}

std::string canonicalQuery(const std::string& query) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] :
       http::parseQuery(query).value_or(std::vector<std::pair<std::string, std::string>>{})) {
    pairs.push_back(http::percentEncode(name) + "=" + http::percentEncode(value));
  }
  std::ranges::sort(pairs);
  return fmt::format("{}", fmt::join(pairs, "&"));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

void signRequest(http::ClientRequest& request, const AwsKeys& keys, const SigningScope& scope, WallTime now) {
  const UrlParts url = split(request.url);
  const std::string stamp = stampOf(now);
  const std::string day = stamp.substr(0, 8);
  request.headers.set("X-Amz-Date", stamp);
  if (!keys.session_token.empty()) request.headers.set("X-Amz-Security-Token", keys.session_token);

  std::map<std::string, std::string> headers = {{"host", url.host}};
  for (const http::Header& header : request.headers) headers[lower(header.name)] = trimmed(header.value);
  std::string canonical_headers;
  std::vector<std::string> names;
  for (const auto& [name, value] : headers) {
    canonical_headers += name + ":" + value + "\n";
    names.push_back(name);
  }
  const std::string signed_names = fmt::format("{}", fmt::join(names, ";"));
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, canonicalPath(url.path), canonicalQuery(url.query),
                  canonical_headers, signed_names, tls::sha256Hex(request.body));
  const std::string credential = fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, stamp, credential, tls::sha256Hex(canonical));
  std::string key = tls::hmacSha256("AWS4" + keys.secret_access_key, day);
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), std::string_view("aws4_request")}) {
    key = tls::hmacSha256(key, part);
  }
  request.headers.set("Authorization",
                      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm, keys.access_key_id,
                                  credential, signed_names, tls::toHex(tls::hmacSha256(key, to_sign))));
}

}  // namespace towpath::metrics
