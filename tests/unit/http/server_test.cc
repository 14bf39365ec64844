#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "http/client.h"
#include "loop/scope.h"
#include "raw_client.h"

using namespace towpath;
using namespace towpath::http;
using loop::blockOn;

namespace {

Task<void> echo(Request& request, ResponseWriter& response) {
  Result<std::string> body = co_await request.body();
  if (!body) co_return;
  co_await response.send(200, {{"Content-Type", "text/plain"}},
                         request.method + " " + request.path + " " + *body + "\n");
}

}  // namespace

TEST_CASE("server: pipelined requests are answered in order on one connection") {
  Fixture fixture(echo);
  const std::string answer = fixture.exchange(
      "\r\nPOST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
      "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n");
  CHECK(countOf(answer, "HTTP/1.1 200 OK") == 3);
  const std::size_t first = answer.find("POST /1 one");
  const std::size_t second = answer.find("GET /2 ");
  const std::size_t third = answer.find("POST /3 three");
  CHECK(first < second);
  CHECK(second < third);
  CHECK(third != std::string::npos);
  CHECK(countOf(answer, "Connection: close") == 1);
  CHECK(fixture.server->stats().accepted == 1);
  CHECK(fixture.server->stats().requests == 3);
}

TEST_CASE("server: path and query come decoded; bad ones are refused") {
  std::vector<std::string> segments;
  std::string selector;
  Fixture fixture([&](Request& request, ResponseWriter& response) -> Task<void> {
    segments = request.segments;
    const std::string* value = request.queryValue("labelSelector");
    selector = value ? *value : "";
    CHECK(request.queryFlag("watch"));
    CHECK_FALSE(request.queryFlag("follow"));
    CHECK(request.peer.address == "127.0.0.1");
    co_await response.send(204, {}, "");
  });
  fixture.exchange(
      "GET /api//v1/a%2Fb/?watch=1&labelSelector=app%3Dx&follow=false HTTP/1.1\r\nHost: x\r\nConnection: "
      "close\r\n\r\n");
  CHECK(segments == std::vector<std::string>{"api", "v1", "a/b"});
  CHECK(selector == "app=x");
  for (const std::string target : {"/a/../b", "/%2e%2e/x", "/%zz", "/a?b=%0", "nothing", "/a%00b"}) {
    CAPTURE(target);
    CHECK(statusOf(fixture.exchange("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")) == 400);
  }
}

TEST_CASE("server: HEAD has no body, HTTP/1.0 no chunks, 204 no length") {
  Fixture fixture([](Request& request, ResponseWriter& response) -> Task<void> {
    if (request.path == "/stream") {
      response.start(200, {});
      co_await response.write("a");
      co_await response.write("b");
      co_return;
    }
    co_await response.send(request.path == "/none" ? 204 : 200, {}, "body");
  });
  const std::string head = fixture.exchange("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(head.find("Content-Length: 4") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  const std::string old = fixture.exchange("GET /stream HTTP/1.0\r\n\r\n");
  CHECK(old.ends_with("\r\n\r\nab"));
  CHECK(old.find("chunked") == std::string::npos);
  const std::string chunked = fixture.exchange("GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(chunked.ends_with("\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"));
  const std::string head_of_stream = fixture.exchange("HEAD /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(head_of_stream.ends_with("\r\n\r\n"));
  CHECK(fixture.exchange("GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").find("Content-Length") ==
        std::string::npos);
}

TEST_CASE("server: Expect: 100-continue is answered when the body is read, and not before") {
  Fixture fixture([](Request& request, ResponseWriter& response) -> Task<void> {
    if (request.path == "/refuse") {
      co_await response.send(403, {}, "no");
      co_return;
    }
    co_await echo(request, response);
  });
  loop::Stream stream = fixture.connect();
  (void)blockOn(fixture.loop,
                stream.write("PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  CHECK(blockOn(fixture.loop, stream.readLine(100)).value() == "HTTP/1.1 100 Continue");
  (void)blockOn(fixture.loop, stream.readLine(100));
  (void)blockOn(fixture.loop, stream.write("hi"));
  CHECK(blockOn(fixture.loop, stream.readLine(100)).value() == "HTTP/1.1 200 OK");
  const std::string refused =
      fixture.exchange("PUT /refuse HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(statusOf(refused) == 403);
  CHECK(countOf(refused, "100 Continue") == 0);
}

TEST_CASE("server: an exception or a handler that answers nothing is 500, and the connection lives on") {
  Fixture fixture([](Request& request, ResponseWriter& response) -> Task<void> {
    if (request.path == "/throw") throw std::runtime_error("inside");
    if (request.path == "/half") {
      response.start(200, {});
      co_await response.write("half");
      throw std::runtime_error("later");
    }
    if (request.path == "/ok") co_await response.send(200, {}, "fine");
  });
  const std::string answer = fixture.exchange(
      "GET /throw HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(countOf(answer, "500 Internal Server Error") == 2);
  CHECK(answer.ends_with("fine"));
  CHECK(countOf(answer, "inside") == 0);
  const std::string half = fixture.exchange("GET /half HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK_FALSE(half.ends_with("0\r\n\r\n"));
}

TEST_CASE("server: a header value cannot add headers") {
  Fixture fixture([](Request&, ResponseWriter& response) -> Task<void> {
    co_await response.send(200, {{"X", "a\r\nSet-Cookie: b"}}, "");
  });
  const std::string answer = fixture.exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(countOf(answer, "\r\nSet-Cookie") == 0);
}

TEST_CASE("server: the handler learns that its client went away") {
  bool told = false;
  Fixture fixture([&](Request&, ResponseWriter& response) -> Task<void> {
    response.start(200, {});
    co_await response.closed().wait();
    told = response.clientGone();
  });
  {
    loop::Stream stream = fixture.connect();
    (void)blockOn(fixture.loop, stream.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(blockOn(fixture.loop, stream.readLine(100)).value() == "HTTP/1.1 200 OK");
    CHECK_FALSE(told);
  }
  CHECK(fixture.runUntil([&] { return told && fixture.server->stats().open_connections == 0; }));
}

TEST_CASE("server: destroying it cancels handlers wherever they wait") {
  int alive = 0;
  struct Alive {
    explicit Alive(int& number) : count(number) { ++count; }
    ~Alive() { --count; }
    int& count;
  };
  auto fixture = std::make_unique<Fixture>([&](Request& request, ResponseWriter& response) -> Task<void> {
    const Alive here(alive);
    if (request.path == "/body") (void)co_await request.body();
    if (request.path == "/stream") {
      response.start(200, {});
      for (;;) (void)co_await response.write(std::string(100000, 'x'));
    }
    co_await response.closed().wait();
  });
  std::vector<loop::Stream> clients;
  for (const std::string path : {"/body", "/stream", "/wait"}) {
    clients.push_back(fixture->connect());
    (void)blockOn(fixture->loop,
                  clients.back().write("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"));
  }
  clients.push_back(fixture->connect());  // idle
  CHECK(fixture->runUntil([&] { return alive == 3 && fixture->server->stats().open_connections == 4; }));
  fixture->server.reset();
  CHECK(alive == 0);
  clients.clear();
}

TEST_CASE("server: graceful shutdown ends streams, finishes requests, closes idle connections") {
  Fixture fixture([](Request& request, ResponseWriter& response) -> Task<void> {
    if (request.path == "/watch") {
      response.start(200, {});
      co_await response.write("event");
      co_await response.closed().wait();
      co_return;
    }
    Result<std::string> body = co_await request.body();
    co_await response.send(200, {}, "slow " + body.value_or("none"));
  });
  loop::Stream idle = fixture.connect();
  loop::Stream watch = fixture.connect();
  loop::Stream slow = fixture.connect();
  (void)blockOn(fixture.loop, watch.write("GET /watch HTTP/1.1\r\nHost: x\r\n\r\n"));
  (void)blockOn(fixture.loop, slow.write("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo"));
  CHECK(fixture.runUntil([&] { return fixture.server->stats().requests == 2; }));
  loop::Scope scope(fixture.loop);
  bool down = false;
  scope.spawn([](Server& server, bool& mark) -> Task<void> {
    co_await server.shutdown(60s);
    mark = true;
  }(*fixture.server, down));
  CHECK(blockOn(fixture.loop, idle.readAll(100)).value().empty());
  CHECK(blockOn(fixture.loop, watch.readAll(1000)).value().ends_with("5\r\nevent\r\n0\r\n\r\n"));
  CHECK_FALSE(down);
  CHECK_FALSE(blockOn(fixture.loop, loop::Stream::connectTcp(fixture.loop, "127.0.0.1", fixture.port)));
  (void)blockOn(fixture.loop, slow.write("dy"));
  const std::string answer = blockOn(fixture.loop, slow.readAll(1000)).value();
  CHECK(answer.ends_with("slow body"));
  CHECK(countOf(answer, "Connection: close") == 1);
  CHECK(fixture.runUntil([&] { return down; }));
}

TEST_CASE("server: shutdown cuts off what does not end within the grace") {
  loop::Loop* handler_loop = nullptr;
  Fixture fixture([&](Request&, ResponseWriter& response) -> Task<void> {
    response.start(200, {});
    co_await loop::sleep(*handler_loop, 1h);
  });
  handler_loop = &fixture.loop;
  loop::Stream stream = fixture.connect();
  (void)blockOn(fixture.loop, stream.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK(fixture.runUntil([&] { return fixture.server->stats().requests == 1; }));
  blockOn(fixture.loop, fixture.server->shutdown(20ms));
  CHECK(fixture.server->stats().open_connections == 0);
  CHECK_FALSE(blockOn(fixture.loop, stream.readAll(1000)).value().ends_with("0\r\n\r\n"));
}

TEST_CASE("server: unix sockets: mode, left-over files, a second server") {
  char directory[] = "/tmp/towpath-http-XXXXXX";
  REQUIRE(mkdtemp(directory));
  const std::string path = std::string(directory) + "/api.sock";
  {
    Fixture fixture([](Request& request, ResponseWriter& response) -> Task<void> {
      CHECK(request.peer.is_unix);
      co_await response.send(200, {}, "local");
    });
    REQUIRE(fixture.server->listenUnix(path, 0660));
    struct stat info{};
    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0660);
    CHECK(fixture.server->listenUnix(path).error().kind == ErrorKind::kAlreadyExists);
    Client client(fixture.loop);
    ClientRequest request{.url = "http://localhost/x"};
    request.unix_socket = path;
    CHECK(blockOn(fixture.loop, client.fetch(request)).value().body == "local");
  }
  {
    // What a killed process leaves behind.
    loop::UvLoop loop;
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    close(fd);
    Server server(loop, {}, echo);
    CHECK(server.listenUnix(path));
  }
  rmdir(directory);
}

TEST_CASE("server: a port that is taken is told") {
  Fixture fixture(echo);
  Server second(fixture.loop, {}, echo);
  CHECK(second.listenTcp("127.0.0.1", fixture.port).error().kind == ErrorKind::kAlreadyExists);
  CHECK(second.listenTcp("localhost", 0).error().kind == ErrorKind::kInvalid);
}
