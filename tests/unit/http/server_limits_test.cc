#include <doctest/doctest.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "loop/scope.h"
#include "raw_client.h"

using namespace towpath;
using namespace towpath::http;
using loop::blockOn;

namespace {

Task<void> length(Request& request, ResponseWriter& response) {
  Result<std::string> body = co_await request.body(1000);
  if (!body) co_return;
  co_await response.send(200, {}, std::to_string(body->size()));
}

}  // namespace

TEST_CASE("limits: a body over the limit is 413, announced or not, and the answer arrives") {
  Fixture fixture(length);
  CHECK(statusOf(fixture.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" +
                                  std::string(1001, 'x'))) == 413);
  CHECK(statusOf(fixture.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n" +
                                  std::string(5000000, 'x'))) == 413);
  CHECK(statusOf(fixture.exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" +
                                  std::string(0x800, 'x') + "\r\n0\r\n\r\n")) == 413);
  const std::string good = fixture.exchange(
      "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
  CHECK(good.ends_with("1000"));
}

TEST_CASE("limits: headers over the limit are 431") {
  Fixture fixture(length);
  CHECK(statusOf(fixture.exchange("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(limits::kHeaderBytes, 'a') +
                                  "\r\n\r\n")) == 431);
  CHECK(fixture.server->stats().bad_requests == 1);
}

TEST_CASE("limits: a slow header is 408, a slow body 408, an idle connection closes") {
  Fixture header(length, {.header_timeout = 50ms});
  CHECK(statusOf(header.exchange("GET / HTTP/1.1\r\nHost:")) == 408);
  CHECK(header.server->stats().timeouts == 1);
  Fixture body(length, {.body_timeout = 50ms});
  CHECK(statusOf(body.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")) == 408);
  CHECK(body.server->stats().timeouts == 1);
  Fixture idle(length, {.idle_timeout = 50ms});
  CHECK(idle.exchange("").empty());
  CHECK(idle.server->stats().timeouts == 0);
}

TEST_CASE("limits: a client that dribbles its header is cut off in spite of its bytes") {
  Fixture fixture(length, {.header_timeout = 100ms});
  loop::Stream stream = fixture.connect();
  loop::Scope scope(fixture.loop);
  scope.spawn([](loop::Loop& on, loop::Stream& to) -> Task<void> {
    (void)co_await to.write("GET / HTTP/1.1\r\nX: ");
    while ((co_await to.write("a")).has_value()) co_await loop::sleep(on, 5ms);
  }(fixture.loop, stream));
  CHECK(fixture.runUntil([&] { return fixture.server->stats().timeouts == 1; }));
}

TEST_CASE("limits: a truncated request does not reach the handler whole") {
  std::optional<Error> error;
  Fixture fixture([&](Request& request, ResponseWriter&) -> Task<void> {
    Result<std::string> body = co_await request.body();
    if (!body) error = body.error();
  });
  loop::Stream stream = fixture.connect();
  (void)blockOn(fixture.loop, stream.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"));
  stream.finishWriting();
  CHECK(statusOf(blockOn(fixture.loop, stream.readAll(1000)).value()) == 400);
  REQUIRE(error);
  CHECK(error->kind == ErrorKind::kCancelled);
}

TEST_CASE("limits: an unread small body keeps the connection, a large one ends it after the answer") {
  Fixture fixture([](Request&, ResponseWriter& response) -> Task<void> { co_await response.send(200, {}, "ok"); });
  const std::string both = fixture.exchange(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /"
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(countOf(both, "200 OK") == 2);
  const std::string one = fixture.exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" +
                                           std::string(3000000, 'x') + "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(countOf(one, "200 OK") == 1);
}

TEST_CASE("limits: a watcher that reads nothing is cut off when its queue is full; others go on") {
  int refused = 0;
  loop::Notify* next = nullptr;
  Fixture fixture([&](Request&, ResponseWriter& response) -> Task<void> {
    response.start(200, {});
    const std::string event(64u << 10, 'e');
    for (;;) {
      co_await next->wait();
      if (response.trySend(event)) continue;
      ++refused;
      co_return;
    }
  });
  loop::Notify events(fixture.loop);
  next = &events;
  loop::Stream sleeper = fixture.connect();
  loop::Stream reader = fixture.connect();
  (void)blockOn(fixture.loop, sleeper.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  (void)blockOn(fixture.loop, reader.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK(fixture.runUntil([&] { return fixture.server->stats().requests == 2; }));
  std::size_t read = 0;
  loop::Scope scope(fixture.loop);
  scope.spawn([](loop::Stream& from, std::size_t& total) -> Task<void> {
    std::vector<char> buffer(1u << 20);
    while (Result<std::size_t> count = co_await from.read(buffer)) total += *count;
  }(reader, read));
  for (int i = 0; i < 400 && refused == 0; ++i) {
    events.notifyAll();
    fixture.run(1ms);
  }
  CHECK(refused == 1);
  CHECK(fixture.server->stats().cut_off == 1);
  const std::size_t before = read;
  events.notifyAll();
  CHECK(fixture.runUntil([&] { return read > before; }));
  fixture.server.reset();
}

TEST_CASE("limits: write() waits for a slow reader and bounds what is queued") {
  std::size_t most = 0;
  bool ended = false;
  Fixture fixture([&](Request&, ResponseWriter& response) -> Task<void> {
    response.start(200, {});
    const std::string piece(100000, 'p');
    for (int i = 0; i < 300; ++i) {
      (void)co_await response.write(piece);
      most = std::max(most, response.queued());
    }
    ended = true;
  });
  loop::Stream stream = fixture.connect();
  (void)blockOn(fixture.loop, stream.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  fixture.run(50ms);
  CHECK_FALSE(ended);
  const std::string all = blockOn(fixture.loop, stream.readAll(40u << 20)).value();
  CHECK(all.size() > 30000000);
  CHECK(all.ends_with("0\r\n\r\n"));
  CHECK(ended);
  CHECK(most < 512u << 10);
}

TEST_CASE("limits: a client that stops reading is dropped after the write time-out") {
  Result<void> outcome;
  Fixture fixture(
      [&](Request&, ResponseWriter& response) -> Task<void> {
        response.start(200, {});
        const std::string piece(1u << 20, 'p');
        while (outcome) outcome = co_await response.write(piece);
      },
      {.write_timeout = 100ms});
  loop::Stream stream = fixture.connect();
  (void)blockOn(fixture.loop, stream.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK(fixture.runUntil([&] { return fixture.server->stats().open_connections == 0 && !outcome; }));
  CHECK(fixture.server->stats().timeouts == 1);
}

TEST_CASE("limits: connections past the maximum wait until one ends") {
  Fixture fixture(length, {.connections = 2});
  std::optional<loop::Stream> first = fixture.connect();
  loop::Stream second = fixture.connect();
  loop::Stream third = fixture.connect();
  (void)blockOn(fixture.loop, third.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  CHECK(fixture.runUntil([&] { return fixture.server->stats().accepted == 2; }));
  fixture.run(20ms);
  CHECK(fixture.server->stats().accepted == 2);
  first.reset();
  CHECK(statusOf(blockOn(fixture.loop, loop::withTimeout(fixture.loop, 60s, third.readAll(1000))).value()) == 200);
}

TEST_CASE("limits: pipelining without reading the answers is bounded") {
  Fixture fixture(
      [](Request&, ResponseWriter& response) -> Task<void> {
        co_await response.send(200, {}, std::string(100000, 'x'));
      },
      {.write_timeout = 200ms});
  loop::Stream stream = fixture.connect();
  std::string requests;
  for (int i = 0; i < 2000; ++i) requests += "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  (void)blockOn(fixture.loop, loop::withTimeout(fixture.loop, 100ms, stream.write(requests)));
  CHECK(fixture.server->stats().requests < 500);
}
