#pragma once
// The little of UTF-8 that readers and writers of text need.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace towpath::json {

// Length of the well-formed sequence at the front of the text (1 to 4), or 0 if there is none.
std::size_t utf8Length(std::string_view text);

// The code point of one whole, well-formed sequence.
std::uint32_t utf8Decode(std::string_view sequence);

}  // namespace towpath::json
