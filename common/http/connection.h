#pragma once
// Connection: one accepted socket of a Server, with TLS if there is one, its limits and time-outs, and the request in
// flight. It is owned by the coroutine run(). Callbacks of libuv only move bytes and note what happened; run() acts on
// it.

#include <uv.h>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/handshake_turns.h"
#include "http/parser.h"
#include "http/server.h"
#include "loop/event.h"
#include "tls/server_context.h"

namespace towpath::http {

// What connections need from their server.
struct ConnectionHost {
  loop::UvLoop& loop;
  const ServerOptions& options;
  const Handler& handler;
  ServerStats& stats;
  std::string& read_buffer;  // one for all: libuv calls alloc and read back to back
  const bool& draining;
  HandshakeTurns& handshake_turns;
};

// The libuv handle. It outlives the Connection until libuv has closed it.
struct Socket {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  Connection* owner = nullptr;
};

class Connection final : private BodySource {
 public:
  // Takes the accepted socket.
  Connection(ConnectionHost host, Socket* socket, Peer peer, std::shared_ptr<tls::ServerContext> tls);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() override;

  // Serves requests until the connection ends.
  Task<void> run();
  // The server shuts down: idle connections end, streamed responses see closed().
  void drain();
  // Closes the socket at once.
  void abort();

 private:
  friend class ConnectionWriter;
  struct Exchange;

  // connection.cc: bytes
  static void onAlloc(uv_handle_t* handle, std::size_t, uv_buf_t* buffer);
  static void onRead(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);
  void received(std::string_view bytes);
  void receivedTls(std::string_view bytes);
  void resumeReading();
  void transmit(std::initializer_list<std::string_view> pieces);
  void transmitPlain(std::initializer_list<std::string_view> pieces);
  void queueRest(std::initializer_list<std::string_view> pieces, std::size_t written);
  void onWritten(int status);
  void watchStall();
  void setDeadline(Duration after);
  void clearDeadline();
  std::size_t queued() const;
  Task<void> waitForQueue(std::size_t below);
  bool open() const { return socket_ != nullptr && !eof_; }
  Task<void> handshake();
  Task<void> close();

  // exchange.cc: requests and responses
  Task<bool> waitForRequest();
  Task<bool> serveRequest();
  Task<bool> readHead(Exchange& exchange);
  bool fillRequest(Exchange& exchange, Request& request);
  Task<void> runHandler(Exchange& exchange, Request& request);
  Task<void> concludeBody(Exchange& exchange);
  void refuse(Exchange& exchange, int status, std::string_view reason);
  Task<Result<std::optional<std::string>>> readBody() override;
  void refuseBody(const Error& error) override;
  std::string renderHead(Exchange& exchange, int status, Headers headers);
  void startResponse(int status, Headers headers);
  bool sendPiece(std::string_view piece);
  void endResponse();
  Error goneError() const;

  ConnectionHost host_;
  Socket* socket_;  // null once it is being closed
  Peer peer_;
  std::shared_ptr<tls::ServerContext> tls_;  // shared: see ServerOptions
  std::unique_ptr<tls::ServerSession> session_;
  std::string cipher_;  // received during the handshake, which waits for its turn
  std::string in_;      // received, decrypted, not yet parsed
  bool reading_ = false;
  bool eof_ = false;        // the client sends no more
  bool timed_out_ = false;  // the deadline passed
  bool linger_ = false;     // the client may still be sending: let it read our answer before the socket goes
  std::size_t stall_mark_ = 0;
  Exchange* exchange_ = nullptr;  // lives in serveRequest's frame
  loop::Notify changed_;          // in_ grew, eof, deadline, aborted, draining
  loop::Notify written_;
  loop::Event closed_;
  loop::Timer deadline_;
  loop::Timer stall_;
};

// The response of the request in flight.
class ConnectionWriter final : public ResponseWriter {
 public:
  explicit ConnectionWriter(Connection& connection) : connection_(connection) {}
  Task<Result<void>> send(int status, Headers headers, std::string body) override;
  void start(int status, Headers headers) override;
  Task<Result<void>> write(std::string_view piece) override;
  bool trySend(std::string_view piece) override;
  Task<Result<void>> finish() override;
  bool started() const override;
  std::size_t queued() const override;
  loop::Event& closed() override;
  bool clientGone() const override;

 private:
  Connection& connection_;
};

// The request in flight and its response.
struct Connection::Exchange {
  explicit Exchange(std::size_t head_limit) : parser(head_limit) {}

  // True each time another so many bytes were written.
  bool turnIsOver(std::size_t bytes) {
    constexpr std::size_t kTurn = 256u << 10;
    written_this_turn += bytes;
    if (written_this_turn < kTurn) return false;
    written_this_turn = 0;
    return true;
  }

  RequestParser parser;
  std::size_t written_this_turn = 0;
  std::string body;  // decoded, not yet read by the handler
  std::optional<Error> body_error;
  bool continue_due = false;  // the client waits for "100 Continue"
  bool keep_alive = false;
  bool head_only = false;  // HEAD
  bool chunked = false;
  bool started = false;
  bool finished = false;
};

}  // namespace towpath::http
