#pragma once
// Base64 (RFC 4648 section 4), as Secrets and kubeconfigs carry bytes.

#include <optional>
#include <string>
#include <string_view>

namespace towpath {

std::string encodeBase64(std::string_view bytes);
// White space is passed over; nullopt for any other character that is not of the alphabet, and for wrong padding.
std::optional<std::string> decodeBase64(std::string_view text);

}  // namespace towpath
