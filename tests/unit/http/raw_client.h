#pragma once
// A client that sends exactly the bytes it is told to: for what no proper client would send.

#include <string>
#include <string_view>

#include "http/server.h"
#include "loop/stream.h"
#include "loop/timeout.h"

namespace towpath::http {

struct Fixture {
  loop::UvLoop loop;
  std::unique_ptr<Server> server;
  std::uint16_t port = 0;

  explicit Fixture(Handler handler, ServerOptions options = {}) {
    server = std::make_unique<Server>(loop, std::move(options), std::move(handler));
    port = server->listenTcp("127.0.0.1", 0).value();
  }

  loop::Stream connect() { return loop::blockOn(loop, loop::Stream::connectTcp(loop, "127.0.0.1", port)).value(); }

  // Sends the bytes and reads to the end of the connection.
  std::string exchange(std::string_view bytes) {
    loop::Stream stream = connect();
    return loop::blockOn(loop, [](loop::UvLoop& on, loop::Stream& to, std::string_view what) -> Task<std::string> {
      (void)co_await to.write(what);
      Result<std::string> answer = co_await loop::withTimeout(on, 60s, to.readAll(64u << 20));
      co_return answer ? *answer : "error: " + answer.error().message;
    }(loop, stream, bytes));
  }

  void run(Duration duration) {
    loop::blockOn(loop,
                  [](loop::Loop& on, Duration wait) -> Task<void> { co_await loop::sleep(on, wait); }(loop, duration));
  }
  // Runs the loop until it holds; false after half a minute.
  bool runUntil(const std::function<bool()>& holds) {
    for (int i = 0; i < 6000 && !holds(); ++i) run(5ms);
    return holds();
  }
};

inline int statusOf(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") && answer.size() > 12 ? std::stoi(std::string(answer.substr(9, 3))) : 0;
}
inline std::size_t countOf(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace towpath::http
