#include "agents/node_name.h"

#include <algorithm>

namespace towpath::agents {

namespace {

// CN of an X.509 subject has at most 64 characters (RFC 5280, ub-common-name).
constexpr std::size_t kNameBytes = 64;

bool isAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

Result<void> checkNodeName(std::string_view name) {
  auto refuse = [](const char* why) { return fail(ErrorKind::kInvalid, why, "node_name"); };
  if (name.empty() || name.size() > kNameBytes) return refuse("a node's name has 1 to 64 characters");
  if (!std::ranges::all_of(name, [](char c) { return isAlphanumeric(c) || c == '-' || c == '.'; })) {
    return refuse("a node's name has lower-case letters, digits, '-' and '.' only");
  }
  if (!isAlphanumeric(name.front()) || !isAlphanumeric(name.back()) || name.contains("..")) {
    return refuse("a node's name begins and ends with a letter or digit, and so does each part between dots");
  }
  return {};
}

}  // namespace towpath::agents
