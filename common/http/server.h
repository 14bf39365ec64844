#pragma once
// Server: HTTP/1.1 over TCP or unix sockets, plain or TLS, on the real loop. A request is a coroutine:
//
//   http::Server server(loop, {.tls = context}, [&](http::Request& request, http::ResponseWriter& response) ->
//   Task<void> {
//     Result<std::string> body = co_await request.body();
//     if (!body) co_return;                         // the server answers 400, 408 or 413 by itself
//     co_await response.send(200, {{"Content-Type", "text/plain"}}, "hello\n");
//   });
//   Result<std::uint16_t> port = server.listenTcp("127.0.0.1", 0);
//
// Requests of one connection are served one after another, in order. An exception that escapes the handler is logged
// and answered by 500. What the server refuses by itself: malformed or ambiguous requests (400, also all that could
// smuggle: both lengths, two lengths, a Transfer-Encoding other than chunked, folded lines), headers over the limit
// (431), bodies over the limit (413), an unknown Expect (417), a slow client (408, or the connection is closed).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/time.h"
#include "http/handler.h"
#include "loop/task.h"
#include "loop/uv_loop.h"
#include "tls/server_context.h"

namespace towpath::http {

using loop::Task;

class Connection;
struct Listener;

struct ServerOptions {
  // shared: a connection keeps the context that it began with while setTls() gives new ones a renewed certificate.
  std::shared_ptr<tls::ServerContext> tls;  // null: plain HTTP. Unix sockets are always plain.
  Duration header_timeout = 10s;            // from the first byte of a request (or of the handshake) to its last header
  Duration idle_timeout = 75s;              // between requests of a connection
  Duration body_timeout = 30s;              // a request body that brings nothing
  Duration write_timeout = 30s;             // a client that takes nothing while bytes wait
  std::size_t header_bytes = limits::kHeaderBytes;
  std::size_t connections = limits::kConnections;  // past it accepted ones wait in the kernel's backlog
  std::string name = "http";                       // in log records
};

struct ServerStats {
  std::uint64_t accepted = 0;
  std::uint64_t requests = 0;
  std::uint64_t bad_requests = 0;      // refused by the parser or a limit
  std::uint64_t timeouts = 0;          // of any kind
  std::uint64_t cut_off = 0;           // watchers too slow for their queue
  std::uint64_t tls_failures = 0;      // handshakes that failed: garbage, no or bad certificate
  std::uint64_t tls_full = 0;          // full handshakes
  std::uint64_t tls_resumed = 0;       // resumed by ticket
  std::uint64_t open_connections = 0;  // now
};

class Server {
 public:
  Server(loop::UvLoop& loop, ServerOptions options, Handler handler);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Closes everything at once; handlers are cancelled.
  ~Server();

  // The port that it listens on (the kernel's choice for 0). Several may be opened.
  Result<std::uint16_t> listenTcp(const std::string& address, std::uint16_t port);
  // Removes a left-over socket file first (refused if somebody still listens there). `mode` as in chmod.
  Result<void> listenUnix(const std::string& path, unsigned mode = 0600);
  // A listening socket that we were given (systemd socket activation).
  Result<void> listenFd(int fd);

  // For connections accepted from now on.
  void setTls(std::shared_ptr<tls::ServerContext> context);

  // Stops accepting, lets running requests end (streamed ones see closed()), closes idle connections; after `grace`
  // cuts off the rest.
  Task<void> shutdown(Duration grace);

  const ServerStats& stats() const;

 private:
  friend struct Listener;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace towpath::http
