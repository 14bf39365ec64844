#include "wire/text.h"

#include <cstddef>
#include <cstdint>

namespace towpath::wire {

namespace {

// Length of the well-formed sequence at the front (Unicode 15, table 3-7); 0 if there is none.
std::size_t sequenceLength(std::string_view text) {
  auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  auto tail = [&](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
  unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    bool shortest = first != 0xe0 || at(1) >= 0xa0;
    bool scalar = first != 0xed || at(1) < 0xa0;
    return tail(1) && tail(2) && shortest && scalar ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    bool shortest = first != 0xf0 || at(1) >= 0x90;
    bool scalar = first != 0xf4 || at(1) < 0x90;
    return tail(1) && tail(2) && tail(3) && shortest && scalar ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string validUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::size_t length = sequenceLength(text);
    if (length == 0) {
      out.push_back('?');
      text.remove_prefix(1);
      continue;
    }
    out.append(text.substr(0, length));
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace towpath::wire
