#pragma once
// Protobuf refuses a message whose `string` fields are not UTF-8; text that comes from outside is made so first.

#include <string>
#include <string_view>

namespace towpath::wire {

// The text with each byte that is not part of valid UTF-8 replaced by '?'.
std::string validUtf8(std::string_view text);

}  // namespace towpath::wire
