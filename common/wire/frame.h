#pragma once
// Length-delimited framing of the session stream: each message is preceded by its length as a protobuf varint.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace towpath::wire {

// Largest message of a stream: an assignment of many objects is split before it comes near.
inline constexpr std::size_t kFrameBytes = 16u << 20;

// The message with its length before it.
std::string frame(std::string_view message);

// Cuts a stream of bytes, in whatever pieces they arrive, back into messages.
class FrameReader {
 public:
  explicit FrameReader(std::size_t limit = kFrameBytes) : limit_(limit) {}

  void feed(std::string_view bytes);
  // The next whole message; nullopt: more bytes are needed. kCorrupt (a length that is no varint) and kTooLarge are
  // final: the stream has lost its place and must be closed.
  Result<std::optional<std::string>> next();
  // Bytes fed that belong to no whole message yet: not 0 at the end of a stream means that it was cut.
  std::size_t pending() const { return buffer_.size() - read_; }

 private:
  std::size_t limit_;
  std::string buffer_;
  std::size_t read_ = 0;
};

}  // namespace towpath::wire
