#include "wire/join_token.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace towpath::wire {

namespace {

constexpr std::string_view kVersion = "twp1";
constexpr std::size_t kFingerprintDigits = 64;
constexpr std::size_t kPartBytes = 128;

bool isWord(std::string_view text) {
  return !text.empty() && text.size() <= kPartBytes &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

}  // namespace

std::string format(const JoinToken& token) {
  return fmt::format("{}.{}.{}.{}", kVersion, token.id, token.secret, token.ca_sha256);
}

Result<JoinToken> parseJoinToken(std::string_view text) {
  auto refuse = [](const char* why) {
    return fail(ErrorKind::kInvalid,
                fmt::format("this is no join token ({}): copy the whole line that "
                            "`towpath token create` prints",
                            why),
                "token");
  };
  std::array<std::string_view, 4> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::size_t end = i + 1 < parts.size() ? text.find('.') : text.size();
    if (end == std::string_view::npos) return refuse("it has four parts with dots between");
    parts[i] = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  if (parts[0] != kVersion) return refuse("it begins with twp1");
  if (!std::ranges::all_of(parts, isWord)) return refuse("its parts are lower-case letters and digits");
  if (parts[3].size() != kFingerprintDigits) return refuse("its last part has 64 digits");
  return JoinToken{.id = std::string(parts[1]), .secret = std::string(parts[2]), .ca_sha256 = std::string(parts[3])};
}

}  // namespace towpath::wire
