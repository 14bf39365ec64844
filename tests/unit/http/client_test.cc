#include <doctest/doctest.h>

#include "http/client.h"
#include "loop/scope.h"
#include "raw_client.h"

using namespace towpath;
using namespace towpath::http;
using loop::blockOn;

namespace {

Task<void> answer(Request& request, ResponseWriter& response) {
  if (request.path == "/echo") {
    Result<std::string> body = co_await request.body(10u << 20);
    if (!body) co_return;
    co_await response.send(201,
                           {{"X-Auth", std::string(request.headers.get("Authorization"))},
                            {"X-Type", std::string(request.headers.get("Content-Type"))},
                            {"X-Method", request.method}},
                           *body);
  } else if (request.path == "/redirect") {
    co_await response.send(302, {{"Location", "/echo"}}, "");
  } else if (request.path == "/lines") {
    response.start(200, {});
    for (int i = 0; i < 3; ++i) co_await response.write("line " + std::to_string(i) + "\n");
    co_await response.write("rest");
  } else if (request.path == "/big") {
    response.start(200, {});
    const std::string piece(100000, 'b');
    for (int i = 0; i < 200; ++i) co_await response.write(piece);
  } else if (request.path == "/broken") {
    response.start(200, {{"Content-Length", "100"}, {"Connection", "close"}});
    co_await response.write("only this");
  } else {
    response.start(200, {});
    co_await response.closed().wait();
  }
}

struct ClientFixture : Fixture {
  ClientFixture() : Fixture(answer) {}
  ClientRequest request(const std::string& path) {
    return {.url = "http://127.0.0.1:" + std::to_string(port) + path, .timeout = 60s};
  }
  Client client{loop};
};

}  // namespace

TEST_CASE("client: methods, bodies, headers, token; connections are reused") {
  ClientFixture fixture;
  for (const std::string method : {"POST", "PUT", "PATCH", "DELETE"}) {
    ClientRequest request = fixture.request("/echo");
    request.method = method;
    request.headers = {{"Content-Type", "application/json"}};
    request.bearer_token = "secret";
    request.body = std::string(2000000, 'x');
    const Result<Response> response = blockOn(fixture.loop, fixture.client.fetch(request));
    REQUIRE(response);
    CHECK(response->status == 201);
    CHECK(response->headers.get("x-method") == method);
    CHECK(response->headers.get("x-auth") == "Bearer secret");
    CHECK(response->headers.get("x-type") == "application/json");
    CHECK(response->body == request.body);
  }
  CHECK(fixture.server->stats().accepted == 1);
}

TEST_CASE("client: redirects are followed only when asked") {
  ClientFixture fixture;
  ClientRequest request = fixture.request("/redirect");
  CHECK(blockOn(fixture.loop, fixture.client.fetch(request)).value().status == 302);
  request.max_redirects = 2;
  CHECK(blockOn(fixture.loop, fixture.client.fetch(request)).value().status == 201);
}

TEST_CASE("client: a stream line by line, to its end") {
  ClientFixture fixture;
  auto stream = blockOn(fixture.loop, fixture.client.open(fixture.request("/lines"))).value();
  CHECK(stream->status() == 200);
  for (const std::string line : {"line 0", "line 1", "line 2", "rest"}) {
    CHECK(blockOn(fixture.loop, stream->readLine(100)).value() == line);
  }
  CHECK_FALSE(blockOn(fixture.loop, stream->readLine(100)).value());
}

TEST_CASE("client: a reader that is slow holds the server back") {
  ClientFixture fixture;
  auto stream = blockOn(fixture.loop, fixture.client.open(fixture.request("/big"))).value();
  fixture.run(100ms);
  CHECK(fixture.server->stats().open_connections == 1);
  std::size_t total = 0;
  for (;;) {
    const Result<std::optional<std::string>> piece = blockOn(fixture.loop, stream->read());
    REQUIRE(piece);
    if (!*piece) break;
    total += (*piece)->size();
  }
  CHECK(total == 20000000);
}

TEST_CASE("client: limits and time-outs") {
  ClientFixture fixture;
  ClientRequest request = fixture.request("/big");
  request.max_response_bytes = 1000000;
  CHECK(blockOn(fixture.loop, fixture.client.fetch(request)).error().kind == ErrorKind::kTooLarge);
  request = fixture.request("/hang");
  request.timeout = 50ms;
  CHECK(blockOn(fixture.loop, fixture.client.fetch(request)).error().kind == ErrorKind::kTimeout);
  request.timeout = Duration::zero();
  request.idle_timeout = 50ms;
  CHECK(blockOn(fixture.loop, fixture.client.fetch(request)).error().kind == ErrorKind::kTimeout);
  // Long enough for the head of the answer, which is not the subject, on a busy machine.
  request.idle_timeout = 500ms;
  auto stream = blockOn(fixture.loop, fixture.client.open(request)).value();
  CHECK(blockOn(fixture.loop, stream->read()).error().kind == ErrorKind::kTimeout);
}

TEST_CASE("client: destroying the task or the stream aborts the transfer") {
  ClientFixture fixture;
  {
    loop::Scope scope(fixture.loop);
    scope.spawn([](Client& client, ClientRequest request) -> Task<void> {
      (void)co_await client.fetch(std::move(request));
    }(fixture.client, fixture.request("/hang")));
    CHECK(fixture.runUntil([&] { return fixture.server->stats().open_connections == 1; }));
  }
  CHECK(fixture.runUntil([&] { return fixture.server->stats().open_connections == 0; }));
  auto stream = blockOn(fixture.loop, fixture.client.open(fixture.request("/hang"))).value();
  CHECK(fixture.server->stats().open_connections == 1);
  stream.reset();
  CHECK(fixture.runUntil([&] { return fixture.server->stats().open_connections == 0; }));
}

TEST_CASE("client: errors say what they are about") {
  ClientFixture fixture;
  CHECK(blockOn(fixture.loop, fixture.client.fetch(fixture.request("/broken"))).error().kind ==
        ErrorKind::kUnavailable);
  CHECK(blockOn(fixture.loop, fixture.client.fetch({.url = "http://127.0.0.1:1/"})).error().kind ==
        ErrorKind::kUnavailable);
  CHECK(blockOn(fixture.loop, fixture.client.fetch({.url = "file:///etc/passwd"})).error().kind == ErrorKind::kInvalid);
  CHECK(blockOn(fixture.loop, fixture.client.fetch({.url = "http://["})).error().kind == ErrorKind::kInvalid);
}

TEST_CASE("client: many at once") {
  ClientFixture fixture;
  std::vector<Task<Result<Response>>> tasks;
  for (int i = 0; i < 100; ++i) tasks.push_back(fixture.client.fetch(fixture.request("/lines")));
  for (const Result<Response>& response : blockOn(fixture.loop, loop::whenAll(fixture.loop, std::move(tasks)))) {
    REQUIRE(response);
    CHECK(response->body == "line 0\nline 1\nline 2\nrest");
  }
}
