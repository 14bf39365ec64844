#include <doctest/doctest.h>

#include <random>

#include "loop/scope.h"
#include "raw_client.h"

using namespace towpath;
using namespace towpath::http;
using loop::blockOn;

namespace {

Task<void> mixed(Request& request, ResponseWriter& response) {
  if (request.path == "/stream") {
    response.start(200, {});
    const std::string piece(20000, 's');
    while (!response.closed().isSet()) {
      if (!co_await response.write(piece)) co_return;
      if (response.queued() == 0 && request.query.size() > 3) co_return;
    }
    co_return;
  }
  if (request.path == "/read") {
    while (Result<std::optional<std::string>> piece = co_await request.readBody()) {
      if (!*piece) break;
    }
  }
  co_await response.send(200, {}, request.path);
}

// Well-formed requests, then bytes changed, lost or doubled.
std::string makeBytes(std::mt19937& random) {
  static const std::string kRequests[] = {
      "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n",
      "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world",
      "POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "POST /unread HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
      "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n",
      "HEAD /stream HTTP/1.0\r\n\r\n",
  };
  std::string bytes;
  const unsigned count = 1 + random() % 4;
  for (unsigned i = 0; i < count; ++i) bytes += kRequests[random() % std::size(kRequests)];
  const unsigned changes = random() % 3;
  for (unsigned i = 0; i < changes; ++i) {
    const std::size_t at = random() % bytes.size();
    if (random() % 2 == 0)
      bytes[at] = static_cast<char>(random());
    else
      bytes.erase(at, 1 + random() % 5);
    if (bytes.empty()) bytes = "x";
  }
  return bytes;
}

Task<void> rudeClient(loop::UvLoop& on, std::uint16_t port, unsigned seed) {
  std::mt19937 random(seed);
  Result<loop::Stream> stream = co_await loop::Stream::connectTcp(on, "127.0.0.1", port);
  if (!stream) co_return;
  const std::string bytes = makeBytes(random);
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t step = std::min<std::size_t>(1 + random() % 40, bytes.size() - at);
    if (!co_await stream->write(std::string_view(bytes).substr(at, step))) co_return;
    at += step;
    if (random() % 4 == 0) co_await loop::sleep(on, std::chrono::microseconds(random() % 2000));
    if (random() % 20 == 0) co_return;  // hangs up in the middle
  }
  if (random() % 3 == 0) stream->finishWriting();
  std::vector<char> buffer(1 + random() % 50000);
  const unsigned reads = random() % 20;
  for (unsigned i = 0; i < reads; ++i) {
    const Result<std::size_t> count = co_await loop::withTimeout(on, 20ms, stream->read(buffer));
    if (!count || *count == 0) co_return;
  }
}

}  // namespace

TEST_CASE("storm: hundreds of rude clients leave nothing behind, and a good one is served") {
  Fixture fixture(mixed,
                  {.header_timeout = 500ms, .idle_timeout = 500ms, .body_timeout = 500ms, .write_timeout = 500ms});
  for (unsigned round = 0; round < 8; ++round) {
    loop::Scope scope(fixture.loop);
    for (unsigned i = 0; i < 50; ++i) scope.spawn(rudeClient(fixture.loop, fixture.port, round * 50 + i));
    // In the last rounds all clients vanish at once.
    if (round < 6)
      blockOn(fixture.loop, scope.drained());
    else
      fixture.run(5ms);
  }
  CHECK(fixture.runUntil([&] { return fixture.server->stats().open_connections == 0; }));
  CHECK(statusOf(fixture.exchange("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == 200);
}

TEST_CASE("storm: a server that goes down in the middle of it") {
  for (unsigned round = 0; round < 10; ++round) {
    Fixture fixture(mixed);
    loop::Scope scope(fixture.loop);
    for (unsigned i = 0; i < 20; ++i) scope.spawn(rudeClient(fixture.loop, fixture.port, 1000 + round * 20 + i));
    fixture.run(std::chrono::milliseconds(round));
    if (round % 2 == 0) blockOn(fixture.loop, fixture.server->shutdown(1ms));
    fixture.server.reset();
    blockOn(fixture.loop, loop::withTimeout(fixture.loop, 60s, scope.drained())).value();
    CHECK(scope.count() == 0);
  }
}
