// HTTP/1.1 requests: a request is understood the same in whatever pieces it arrives, and query strings.

#include <algorithm>

#include "fuzz.h"
#include "http/parser.h"

namespace towpath::fuzz {
namespace {

using http::RequestParser;

struct Outcome {
  RequestParser::State state;
  int status;
  std::string method, target, body, left;
  bool operator==(const Outcome&) const = default;
};

Outcome parse(std::string_view text, std::size_t step) {
  RequestParser parser(4096);
  std::string body, pending;
  for (std::size_t at = 0; at < text.size(); at += step) {
    pending += text.substr(at, step);
    for (;;) {
      const RequestParser::State before = parser.state();
      const std::size_t taken = parser.feed(pending, body);
      require(taken <= pending.size(), "no more is taken than was given");
      pending.erase(0, taken);
      if (taken == 0 && parser.state() == before) break;
    }
  }
  Outcome outcome{parser.state(), 0, "", "", "", ""};
  // Where in a bad request the parser stops, and over-long heads in small pieces, may differ.
  if (outcome.state == RequestParser::State::kBad) {
    require(parser.badStatus() >= 400 && parser.badStatus() < 600 && !parser.badReason().empty(), "a reason");
    return outcome;
  }
  outcome.body = body;
  outcome.left = pending;
  if (outcome.state == RequestParser::State::kHead) return outcome;
  outcome.method = parser.head().method;
  outcome.target = parser.head().target;
  return outcome;
}

}  // namespace

void run(std::string_view input) {
  const Outcome whole = parse(input, std::max<std::size_t>(input.size(), 1));
  const Outcome bytes = parse(input, 1);
  // Of a head that has not ended it may or may not be known already that it is bad.
  const bool early = whole.state == RequestParser::State::kHead || bytes.state == RequestParser::State::kHead;
  require(whole.state == bytes.state || early, "the same state in any pieces");
  if (whole.state == RequestParser::State::kDone) require(whole == bytes, "the same request in any pieces");
  const auto decoded = http::percentDecode(input, http::PlusIs::kPlus);
  if (decoded && !decoded->contains('\0')) {  // which would be escaped, and an escaped NUL is refused
    require(http::percentDecode(http::percentEncode(*decoded), http::PlusIs::kPlus) == *decoded, *decoded);
  }
  static_cast<void>(http::parseQuery(input));
}

}  // namespace towpath::fuzz
