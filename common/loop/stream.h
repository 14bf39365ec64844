#pragma once
// Stream: a client's byte stream over TCP or a unix socket, such as HAProxy's runtime socket. One reader and one writer
// at a time. For a limit of time put withTimeout (timeout.h) around a call; a cancelled read loses nothing that it did
// not return.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "loop/task.h"
#include "loop/uv_loop.h"

namespace towpath::loop {

class Stream {
 public:
  // kUnavailable if nobody listens, kTooManyRequests if somebody does but accepts none (unix sockets). `host` is a
  // numeric address or a name (resolved on a pool thread; the first that accepts wins).
  static Task<Result<Stream>> connectUnix(UvLoop& loop, std::string path);
  static Task<Result<Stream>> connectTcp(UvLoop& loop, std::string host, std::uint16_t port);
  // Takes over a connected socket.
  static Stream adopt(UvLoop& loop, int fd);

  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // At least one byte, or 0 at the end of the stream.
  Task<Result<std::size_t>> read(std::span<char> buffer);
  // All until the other side closes; kTooLarge past `limit` bytes.
  Task<Result<std::string>> readAll(std::size_t limit);
  // One line without its end ("\n" or "\r\n"); nullopt at the end of the stream; kTooLarge past `limit` bytes.
  Task<Result<std::optional<std::string>>> readLine(std::size_t limit);
  // All of it. The bytes must live until it has finished.
  Task<Result<void>> write(std::string_view bytes);
  // Half-closes: the other side reads to the end.
  void finishWriting();

 private:
  struct State;
  explicit Stream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace towpath::loop
