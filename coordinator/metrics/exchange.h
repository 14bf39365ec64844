#pragma once
// What the HTTP providers share: bounded requests and answers, bodies, texts of errors.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/value.h"
#include "http/transport.h"
#include "metrics/registry.h"

namespace towpath::metrics {

inline constexpr std::size_t kMaxAnswerBytes = 4u << 20;
inline constexpr int kMaxRedirects = 10;  // as Go's client
inline constexpr std::size_t kMaxShown = 1000;

// A request with the bounds of all providers.
http::ClientRequest requestTo(std::string method, std::string url, Duration timeout);
http::ClientRequest jsonRequest(std::string url, const Value& body, Duration timeout);

using Fields = std::vector<std::pair<std::string, std::string>>;
// "a=1&b=x+y", as Go's url.Values.Encode: in the order of the names.
std::string encodeForm(const Fields& fields);

// "http://host:9090/prefix" and "/api" → "http://host:9090/prefix/api": one slash between them.
std::string joinUrl(std::string_view address, std::string_view path);
// Has a scheme (http or https) and a host.
bool isUrl(std::string_view address);

// The beginning of a body, for a message.
std::string shown(std::string_view body);
// The body as JSON. kInvalid: "Could not parse JSON body: …".
Result<Value> jsonOf(std::string_view body);

// "0.5", "NaN", "+Inf" as Go's ParseFloat reads them.
std::optional<double> parseFloat(std::string_view text);
// As Go prints it with %v: "[1 0.5]", "[[1 2] []]", "map[a:1]", "<nil>".
std::string goPrint(const Value& value);

// A duration of the metric's settings, or what is used without it. kInvalid names the field.
Result<Duration> durationAt(const Value& settings, std::string_view field, Duration otherwise);
// A whole number that may be written as a text, since arguments are; kInvalid names the field.
Result<std::int64_t> wholeNumberAt(const Value& settings, std::string_view field, std::int64_t otherwise);

}  // namespace towpath::metrics
