#include "wire/frame.h"

#include <fmt/format.h>

#include <cstdint>

namespace towpath::wire {

namespace {
// A length up to 4 GB has at most five groups of seven bits.
constexpr std::size_t kVarintBytes = 5;
}  // namespace

std::string frame(std::string_view message) {
  std::string out;
  out.reserve(message.size() + kVarintBytes);
  std::uint64_t length = message.size();
  while (length >= 0x80) {
    out.push_back(static_cast<char>(length | 0x80));
    length >>= 7;
  }
  out.push_back(static_cast<char>(length));
  out.append(message);
  return out;
}

void FrameReader::feed(std::string_view bytes) {
  if (read_ > 0) {
    buffer_.erase(0, read_);
    read_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<std::string>> FrameReader::next() {
  std::uint64_t length = 0;
  std::size_t used = 0;
  for (;; ++used) {
    if (used == kVarintBytes) return fail(ErrorKind::kCorrupt, "the length before a message is no varint");
    if (read_ + used >= buffer_.size()) return std::nullopt;
    auto byte = static_cast<unsigned char>(buffer_[read_ + used]);
    length |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * used);
    if ((byte & 0x80) == 0) break;
  }
  ++used;
  if (length > limit_) {
    return fail(ErrorKind::kTooLarge, fmt::format("a message of {} bytes is over the limit of {}", length, limit_));
  }
  if (buffer_.size() - read_ - used < length) return std::nullopt;
  std::string message = buffer_.substr(read_ + used, length);
  read_ += used + length;
  return message;
}

}  // namespace towpath::wire
