// The agent protocol: frames in any pieces, every message's decoder, join tokens. What is decoded is encoded as
// something that decodes equal.

#include "fuzz.h"
#include "wire/frame.h"
#include "wire/join_token.h"
#include "wire/messages.h"

namespace towpath::fuzz {
namespace {

std::vector<std::string> frames(std::string_view input, std::size_t step) {
  wire::FrameReader reader(4096);
  std::vector<std::string> messages;
  for (std::size_t at = 0; at < input.size(); at += step) {
    reader.feed(input.substr(at, step));
    for (;;) {
      Result<std::optional<std::string>> next = reader.next();
      if (!next) return messages;
      if (!*next) break;
      messages.push_back(std::move(**next));
    }
  }
  return messages;
}

template <class Decode>
void roundTrip(std::string_view input, Decode decode) {
  const auto message = decode(input);
  if (!message) return;
  const std::string bytes = wire::encode(*message);
  const auto again = decode(bytes);
  require(again.has_value(), "what we encode decodes");
  require(wire::encode(*again) == bytes, "and is the same");
}

}  // namespace

void run(std::string_view input) {
  require(frames(input, input.size() + 1) == frames(input, 1), "the same frames in any pieces");
  roundTrip(input, wire::decodeEnrolRequest);
  roundTrip(input, wire::decodeEnrolReply);
  roundTrip(input, wire::decodeRenewRequest);
  roundTrip(input, wire::decodeRenewReply);
  roundTrip(input, wire::decodeHello);
  roundTrip(input, wire::decodeDown);
  roundTrip(input, wire::decodeReport);
  roundTrip(input, wire::decodeReportReply);
  if (const Result<wire::JoinToken> token = wire::parseJoinToken(input)) {
    require(wire::parseJoinToken(wire::format(*token)) == *token, "a token reads back");
  }
}

}  // namespace towpath::fuzz
