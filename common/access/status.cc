#include "access/status.h"

#include <fmt/format.h>

#include "json/parse.h"

namespace towpath::access {
namespace {

ErrorKind kindOf(int code, std::string_view reason) {
  if (reason == "AlreadyExists") return ErrorKind::kAlreadyExists;
  if (reason == "Expired" || reason == "Gone") return ErrorKind::kGone;
  switch (code) {
    case 400:
    case 422:
      return ErrorKind::kInvalid;
    case 401:
      return ErrorKind::kUnauthorized;
    case 403:
      return ErrorKind::kForbidden;
    case 404:
      return ErrorKind::kNotFound;
    case 405:
    case 406:
    case 415:
    case 501:
      return ErrorKind::kUnsupported;
    case 409:
      return ErrorKind::kConflict;
    case 410:
      return ErrorKind::kGone;
    case 413:
      return ErrorKind::kTooLarge;
    case 429:
      return ErrorKind::kTooManyRequests;
    case 504:
      return ErrorKind::kTimeout;
    default:
      return code >= 500 ? ErrorKind::kUnavailable : ErrorKind::kInternal;
  }
}

// The beginning of a text that is meant for nobody in particular, as one line.
std::string beginning(std::string_view text) {
  constexpr std::size_t kMost = 200;
  std::string line(text.substr(0, kMost));
  for (char& c : line) c = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  line.erase(line.find_last_not_of(' ') + 1);
  return text.size() > kMost ? line + "…" : line;
}

}  // namespace

Error errorOfStatus(const Value& status) {
  const int code = static_cast<int>(status["code"].asInt());
  const std::string_view reason = status["reason"].asStringView();
  Error error{kindOf(code, reason), status["message"].asString(), ""};
  if (error.message.empty()) error.message = fmt::format("the API server answered {} {}", code, reason);
  for (const Value& cause : status["details"]["causes"].asArray()) {
    const std::string_view field = cause["field"].asStringView();
    if (!field.empty()) {
      error.field = field;
      break;
    }
  }
  return error;
}

Error errorOfAnswer(int http_status, std::string_view body) {
  const auto parsed = json::parse(body);
  if (parsed && (*parsed)["kind"].asStringView() == "Status") {
    Value status = *parsed;
    if (std::as_const(status)["code"].asInt() == 0) status["code"] = http_status;
    return errorOfStatus(status);
  }
  return Error{kindOf(http_status, ""),
               fmt::format("the API server, or a proxy before it, answered {}: {}", http_status, beginning(body)), ""};
}

}  // namespace towpath::access
