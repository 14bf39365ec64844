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
#include "http/message.h"
#include "loop/event.h"
#include "loop/task.h"
#include "loop/uv_loop.h"
#include "tls/identity.h"
#include "tls/server_context.h"

namespace towpath::http {

using loop::Task;

class Connection;
struct Listener;

// Who is on the other side.
struct Peer {
  std::string address;     // "192.0.2.7" or "::1"; empty on a unix socket
  std::uint16_t port = 0;  // 0 on a unix socket
  bool is_unix = false;
  bool is_tls = false;
  std::optional<tls::Identity> certificate;  // of the client, verified against the CA; only if it sent one
};

class Request {
 public:
  std::string method;                 // as sent: "GET"
  std::string target;                 // as sent: "/api/v1/pods?watch=1"
  std::string path;                   // the part before '?', as sent
  std::vector<std::string> segments;  // of the path, decoded: {"api", "v1", "pods"}; none is empty, "." or ".."
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  Headers headers;
  Peer peer;

  // The first value of that name, or nullptr.
  const std::string* queryValue(std::string_view name) const;
  // True for "1", "t", "true" and the bare name, as Kubernetes reads booleans of a query.
  bool queryFlag(std::string_view name) const;

  // The whole body. kTooLarge, kTimeout (the client stalled), kInvalid (bad chunk), kCancelled (the client went away).
  Task<Result<std::string>> body(std::size_t limit = limits::kBodyBytes);
  // The next piece of the body as it comes, for long uploads; nullopt at its end. Errors as above, without a limit of
  // size.
  Task<Result<std::optional<std::string>>> readBody();

 private:
  friend class Connection;
  Connection* connection_ = nullptr;
};

// Answers one request: either send(), or start(), then write()/trySend() any number of times, then finish(). A handler
// that returns before finish() has it done for it. For HEAD only the head goes out: write() and trySend() then fail at
// once, so that an endless stream ends too.
class ResponseWriter {
 public:
  // A whole response; sets Content-Length. Finishes when the bytes are handed to the kernel, up to a bounded rest.
  Task<Result<void>> send(int status, Headers headers, std::string body);

  // Begins a streamed response (chunked, unless the headers give a Content-Length). The head goes out with the first
  // chunk or on flush.
  void start(int status, Headers headers);
  // Sends a piece; waits while the client is slow (kTimeout if it takes nothing for the stall time, kCancelled if it
  // went away).
  Task<Result<void>> write(std::string_view piece);
  // Never waits: queues what the kernel does not take, and cuts the client off when limits::kWatchQueueBytes would be
  // passed (the counter cut_off rises). False if the client is gone or was cut off.
  bool trySend(std::string_view piece);
  // Ends a streamed response.
  Task<Result<void>> finish();

  bool started() const;
  // Unsent bytes.
  std::size_t queued() const;
  // Set when a streamed response should end: the client went away or was cut off, or the server shuts down. Return from
  // the handler.
  loop::Event& closed();
  // The client is gone (not merely: we shut down).
  bool clientGone() const;

 private:
  friend class Connection;
  explicit ResponseWriter(Connection& connection) : connection_(connection) {}
  Connection& connection_;
};

using Handler = std::function<Task<void>(Request&, ResponseWriter&)>;

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
