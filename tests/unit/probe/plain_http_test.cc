#include "probe/plain_http.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "loop/timeout.h"
#include "probe/prober.h"

namespace towpath::probe {
namespace {

// Answers each connection with the same bytes, once a request is whole, and closes it.
class Server {
 public:
  Server(std::string answer, int connections) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer), connections] {
      for (int i = 0; i < connections; ++i) serve(answer);
    });
  }
  ~Server() {
    thread_.join();
    ::close(listener_);
  }
  std::int32_t port = 0;
  std::string asked;  // read it when the answer has come

 private:
  void serve(const std::string& answer) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    char buffer[4096];
    asked.clear();
    while (!asked.ends_with("\r\n\r\n")) {
      const ssize_t count = ::read(connection, buffer, sizeof buffer);
      if (count <= 0) break;
      asked.append(buffer, static_cast<std::size_t>(count));
    }
    [[maybe_unused]] const ssize_t sent = ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(connection);
  }

  int listener_ = -1;
  std::thread thread_;
};

Result<int> ask(const std::string& answer) {
  loop::UvLoop loop;
  Server server(answer, 1);
  return loop::blockOn(loop, loop::withTimeout(loop, 10s, askPlainHttp(loop, {.port = server.port}, "127.0.0.1")));
}

TEST_CASE("plain http: the status of an answer, with and without a length, after interim ones") {
  CHECK(ask("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") == 200);
  CHECK(ask("HTTP/1.0 503 Service Unavailable\r\n\r\nnot yet") == 503);
  CHECK(ask("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n") == 204);
  CHECK(ask("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + std::string(50000, 'x')) == 200);
}

TEST_CASE("plain http: what is no answer is an error") {
  CHECK(ask("").error().kind == ErrorKind::kUnavailable);
  CHECK(ask("HTTP/1.1 200 OK\r\n").error().kind == ErrorKind::kUnavailable);
  CHECK(ask("SSH-2.0-OpenSSH_9.2\r\n\r\n").error().kind == ErrorKind::kCorrupt);
  CHECK(ask("HTTP/1.1 2x0 OK\r\n\r\n").error().kind == ErrorKind::kCorrupt);
  CHECK(ask(std::string(200000, 'x')).error().kind == ErrorKind::kCorrupt);
}

TEST_CASE("plain http: the request names host and path, and closes; the probe's own headers win") {
  loop::UvLoop loop;
  Server server("HTTP/1.1 200 OK\r\n\r\n", 1);
  HttpCheck check{
      .port = server.port, .path = "/healthz?full=1", .headers = {{"X-Probe", "yes"}, {"Host", "shop.example"}}};
  REQUIRE(loop::blockOn(loop, askPlainHttp(loop, check, "127.0.0.1")) == 200);
  CHECK(server.asked.starts_with("GET /healthz?full=1 HTTP/1.1\r\n"));
  CHECK(server.asked.contains("\r\nHost: shop.example\r\n"));
  CHECK(server.asked.contains("\r\nX-Probe: yes\r\n"));
  CHECK(server.asked.contains("\r\nConnection: close\r\n"));
}

TEST_CASE("plain http: nothing of a template can add a header or a request") {
  CHECK(plainRequest({.port = 1, .path = "/ HTTP/1.1\r\nX: y"}, "127.0.0.1").error().kind == ErrorKind::kInvalid);
  CHECK(plainRequest({.port = 1, .headers = {{"X", "a\r\nY: b"}}}, "127.0.0.1").error().kind == ErrorKind::kInvalid);
  CHECK(plainRequest({.port = 8080}, "::1")->contains("\r\nHost: [::1]:8080\r\n"));
}

TEST_CASE("a probe passes with 2xx and 3xx, and fails with all else and with nobody there") {
  loop::UvLoop loop;
  http::Client client(loop);
  Prober prober(loop, client);
  const auto passes = [&](const char* line) {
    Server server(std::string("HTTP/1.1 ") + line + "\r\n\r\n", 1);
    return loop::blockOn(loop,
                         prober.check({.check = HttpCheck{.port = server.port}, .timeout = 10s}, "127.0.0.1", {}));
  };
  CHECK(passes("200 OK"));
  CHECK(passes("302 Found"));
  CHECK_FALSE(passes("404 Not Found"));
  CHECK_FALSE(passes("500 Internal Server Error"));
  CHECK_FALSE(loop::blockOn(loop, prober.check({.check = HttpCheck{.port = 1}, .timeout = 10s}, "127.0.0.1", {})));
}

}  // namespace
}  // namespace towpath::probe
