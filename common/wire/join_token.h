#pragma once
// The printable join token: "twp1.<id>.<secret>.<SHA-256 of the CA>". The first part is the version of this form, the
// last pins the coordinator's CA before the agent trusts anything that it is told. Only the secret is secret.

#include <string>
#include <string_view>

#include "base/error.h"

namespace towpath::wire {

struct JoinToken {
  std::string id;         // lower-case letters and digits; names the token in lists
  std::string secret;     // lower-case hex
  std::string ca_sha256;  // of the CA certificate's DER, 64 lower-case hex digits
  bool operator==(const JoinToken&) const = default;
};

std::string format(const JoinToken& token);
// kInvalid says what is wrong with the text without repeating it (it may be a secret).
Result<JoinToken> parseJoinToken(std::string_view text);

}  // namespace towpath::wire
