#include "wire/join_token.h"

#include <doctest/doctest.h>

namespace towpath::wire {
namespace {

const std::string kHash(64, 'a');

TEST_CASE("a token reads back as it was printed") {
  JoinToken token{.id = "0a1b2c3d", .secret = "00ff", .ca_sha256 = kHash};
  CHECK(format(token) == "twp1.0a1b2c3d.00ff." + kHash);
  CHECK(parseJoinToken(format(token)) == token);
}

TEST_CASE("what is no token is refused, and not repeated in the message") {
  for (const std::string& text : std::vector<std::string>{
           "", "twp1", "twp2.a.b." + kHash, "twp1.a.secretpart.short", "twp1.a.b." + kHash + ".x", "twp1..b." + kHash,
           "twp1.a.B." + kHash, " twp1.a.b." + kHash, "twp1.a.b." + kHash + "\n"}) {
    CAPTURE(text);
    Result<JoinToken> token = parseJoinToken(text);
    REQUIRE(!token);
    CHECK(token.error().kind == ErrorKind::kInvalid);
    CHECK(token.error().message.find("secretpart") == std::string::npos);
  }
}

}  // namespace
}  // namespace towpath::wire
