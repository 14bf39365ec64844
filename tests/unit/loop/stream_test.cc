#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "loop/scope.h"
#include "loop/stream.h"
#include "loop/timeout.h"

using namespace towpath;
using namespace towpath::loop;

namespace {

struct Pair {
  explicit Pair(UvLoop& loop) : a(make(loop)), b(Stream::adopt(loop, other)) {}
  Stream make(UvLoop& loop) {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    other = fds[1];
    return Stream::adopt(loop, fds[0]);
  }
  int other = -1;
  Stream a;
  Stream b;
};

}  // namespace

TEST_CASE("stream: lines, then bytes, then the end") {
  UvLoop loop;
  Pair pair(loop);
  const std::string text = "one\r\ntwo\nrest";
  REQUIRE(blockOn(loop, pair.a.write(text)));
  pair.a.finishWriting();
  CHECK(blockOn(loop, pair.b.readLine(100)).value() == "one");
  CHECK(blockOn(loop, pair.b.readLine(100)).value() == "two");
  char buffer[2];
  CHECK(blockOn(loop, pair.b.read(buffer)).value() == 2);
  CHECK(std::string(buffer, 2) == "re");
  CHECK(blockOn(loop, pair.b.readAll(100)).value() == "st");
  CHECK(blockOn(loop, pair.b.read(buffer)).value() == 0);
  CHECK_FALSE(blockOn(loop, pair.b.readLine(100)).value().has_value());
}

TEST_CASE("stream: more than the socket holds goes through both ways at once") {
  UvLoop loop;
  Pair pair(loop);
  const std::string big(4 << 20, 'x');
  Scope scope(loop);
  const auto sendBig = [](Stream& to, const std::string& text) -> Task<void> {
    (void)co_await to.write(text);
    to.finishWriting();
  };
  scope.spawn(sendBig(pair.a, big));
  scope.spawn(sendBig(pair.b, big));
  CHECK(blockOn(loop, pair.a.readAll(8 << 20)).value().size() == big.size());
  CHECK(blockOn(loop, pair.b.readAll(8 << 20)).value().size() == big.size());
}

TEST_CASE("stream: limits and time-outs are errors") {
  UvLoop loop;
  Pair pair(loop);
  REQUIRE(blockOn(loop, pair.a.write("a long line without an end")));
  CHECK(blockOn(loop, pair.b.readLine(10)).error().kind == ErrorKind::kTooLarge);
  CHECK(blockOn(loop, pair.b.readAll(10)).error().kind == ErrorKind::kTooLarge);
  CHECK(blockOn(loop, withTimeout(loop, 10ms, pair.a.readLine(10))).error().kind == ErrorKind::kTimeout);
}

TEST_CASE("stream: nobody listens") {
  UvLoop loop;
  CHECK(blockOn(loop, Stream::connectUnix(loop, "/nonexistent/socket")).error().kind == ErrorKind::kUnavailable);
  CHECK(blockOn(loop, Stream::connectUnix(loop, std::string(200, 'x'))).error().kind == ErrorKind::kInvalid);
  CHECK(blockOn(loop, Stream::connectTcp(loop, "127.0.0.1", 1)).error().kind == ErrorKind::kUnavailable);
}
