#include "http/connection.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "loop/timeout.h"

namespace towpath::http {

namespace {

constexpr std::size_t kInputHigh = 128u << 10;  // unparsed bytes past which the socket is not read
constexpr std::size_t kTlsJoin = 16u << 10;     // smaller pieces share a record
constexpr Duration kLinger = 2s;

struct WriteRequest {
  uv_write_t request;
  std::string bytes;
  Socket* socket;
};

}  // namespace

Connection::Connection(ConnectionHost host, Socket* socket, Peer peer, std::shared_ptr<tls::ServerContext> tls)
    : host_(host),
      socket_(socket),
      peer_(std::move(peer)),
      tls_(std::move(tls)),
      changed_(host.loop),
      written_(host.loop),
      closed_(host.loop) {
  socket_->owner = this;
  if (tls_) session_ = tls_->newSession();
  peer_.is_tls = session_ != nullptr;
  resumeReading();
}

Connection::~Connection() { abort(); }

void Connection::abort() {
  if (!socket_) return;
  Socket* socket = std::exchange(socket_, nullptr);
  socket->owner = nullptr;
  uv_close(&socket->handle, [](uv_handle_t* handle) { delete static_cast<Socket*>(handle->data); });
  reading_ = false;
  stall_.cancel();
  closed_.set();
  changed_.notifyAll();
  written_.notifyAll();
}

void Connection::drain() {
  closed_.set();
  changed_.notifyAll();
}

void Connection::onAlloc(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
  Connection* self = static_cast<Socket*>(handle->data)->owner;
  *buffer = uv_buf_init(self->host_.read_buffer.data(), static_cast<unsigned>(self->host_.read_buffer.size()));
}

void Connection::onRead(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
  Connection* self = static_cast<Socket*>(stream->data)->owner;
  if (!self || count == 0) return;
  if (count > 0) {
    self->received({buffer->base, static_cast<std::size_t>(count)});
    return;
  }
  self->eof_ = true;
  self->reading_ = false;
  uv_read_stop(stream);
  if (count != UV_EOF) {
    self->abort();
    return;
  }
  self->closed_.set();
  self->changed_.notifyAll();
}

void Connection::received(std::string_view bytes) {
  if (session_ && !session_->handshakeDone()) {
    cipher_.append(bytes);
  } else if (session_) {
    receivedTls(bytes);
  } else {
    in_.append(bytes);
  }
  if (socket_ && in_.size() + cipher_.size() > kInputHigh) {
    uv_read_stop(&socket_->stream);
    reading_ = false;
  }
  changed_.notifyAll();
}

void Connection::receivedTls(std::string_view bytes) {
  const bool was_done = session_->handshakeDone();
  const Result<void> taken = session_->receive(bytes, in_);
  if (!session_->output().empty()) {
    transmitPlain({session_->output()});
    session_->output().clear();
  }
  if (!taken) {
    if (!was_done && !session_->handshakeDone()) {
      ++host_.stats.tls_failures;
      log::debug("TLS handshake failed", {{"peer", peer_.address}, {"error", taken.error().message}});
    }
    abort();
    return;
  }
  if (!was_done && session_->handshakeDone()) {
    ++(session_->resumed() ? host_.stats.tls_resumed : host_.stats.tls_full);
    peer_.certificate = session_->client();
  }
  if (session_->peerClosed()) {
    eof_ = true;
    closed_.set();
  }
}

void Connection::resumeReading() {
  if (reading_ || !open() || in_.size() + cipher_.size() > kInputHigh) return;
  reading_ = uv_read_start(&socket_->stream, onAlloc, onRead) == 0;
}

std::size_t Connection::queued() const { return socket_ ? uv_stream_get_write_queue_size(&socket_->stream) : 0; }

void Connection::transmit(std::initializer_list<std::string_view> pieces) {
  if (!socket_) return;
  if (!session_) return transmitPlain(pieces);
  std::string joined;
  for (const std::string_view piece : pieces) {
    if (joined.size() + piece.size() > kTlsJoin) {
      if (!session_->send(std::exchange(joined, {}))) return abort();
    }
    if (piece.size() <= kTlsJoin) {
      joined += piece;
    } else if (!session_->send(piece)) {
      return abort();
    }
  }
  if (!joined.empty() && !session_->send(joined)) return abort();
  transmitPlain({session_->output()});
  // A large answer must not leave its buffer with an idle connection.
  if (session_->output().capacity() > kTlsJoin)
    session_->output() = std::string();
  else
    session_->output().clear();
}

// What the kernel takes at once is never copied.
void Connection::transmitPlain(std::initializer_list<std::string_view> pieces) {
  if (!socket_) return;
  std::size_t written = 0;
  if (queued() == 0) {
    uv_buf_t buffers[4];
    unsigned count = 0;
    for (const std::string_view piece : pieces) {
      buffers[count++] = uv_buf_init(const_cast<char*>(piece.data()), static_cast<unsigned>(piece.size()));
    }
    const int result = uv_try_write(&socket_->stream, buffers, count);
    if (result < 0 && result != UV_EAGAIN) return abort();
    written = result > 0 ? static_cast<std::size_t>(result) : 0;
  }
  queueRest(pieces, written);
}

void Connection::queueRest(std::initializer_list<std::string_view> pieces, std::size_t written) {
  std::string rest;
  for (std::string_view piece : pieces) {
    const std::size_t skip = std::min(written, piece.size());
    written -= skip;
    rest += piece.substr(skip);
  }
  if (rest.empty()) return;
  auto* write = new WriteRequest{.request = {}, .bytes = std::move(rest), .socket = socket_};
  write->request.data = write;
  const uv_buf_t buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
  const int error = uv_write(&write->request, &socket_->stream, &buffer, 1, [](uv_write_t* request, int status) {
    const std::unique_ptr<WriteRequest> done(static_cast<WriteRequest*>(request->data));
    if (done->socket->owner) done->socket->owner->onWritten(status);
  });
  if (error != 0) {
    delete write;
    return abort();
  }
  if (!stall_.pending()) watchStall();
}

void Connection::onWritten(int status) {
  if (status != 0) return abort();
  if (queued() == 0) stall_.cancel();
  written_.notifyAll();
}

// While bytes wait: a client that took none of them since the last look is gone for us.
void Connection::watchStall() {
  stall_mark_ = queued();
  stall_ = host_.loop.startTimer(host_.options.write_timeout, [this] {
    if (queued() != 0 && queued() >= stall_mark_) {
      ++host_.stats.timeouts;
      abort();
    } else if (queued() != 0) {
      watchStall();
    }
  });
}

void Connection::setDeadline(Duration after) {
  timed_out_ = false;
  deadline_ = host_.loop.startTimer(after, [this] {
    timed_out_ = true;
    changed_.notifyAll();
  });
}

void Connection::clearDeadline() {
  deadline_.cancel();
  timed_out_ = false;
}

Task<void> Connection::waitForQueue(std::size_t below) {
  while (socket_ && queued() > below) co_await written_.wait();
}

Task<void> Connection::handshake() {
  setDeadline(host_.options.header_timeout);
  while (socket_ && !session_->handshakeDone() && !timed_out_) {
    if (!cipher_.empty()) {
      co_await host_.handshake_turns.next();
      receivedTls(std::exchange(cipher_, {}));
      resumeReading();
    } else if (open()) {
      co_await changed_.wait();
    } else {
      break;
    }
  }
  if (!session_->handshakeDone()) {
    if (timed_out_) ++host_.stats.timeouts;
    abort();
  }
  clearDeadline();
}

Task<void> Connection::run() {
  if (session_) co_await handshake();
  while (co_await waitForRequest()) {
    if (!co_await serveRequest()) break;
  }
  co_await close();
}

// Lets all that is queued go out. If the client may still be sending, closing at once would make the kernel reset the
// connection and our answer could be lost: so we say that we are done and read on for a moment.
Task<void> Connection::close() {
  if (!socket_) co_return;
  if (session_ && session_->handshakeDone()) {
    session_->close();
    transmitPlain({session_->output()});
  }
  co_await waitForQueue(0);
  if (socket_ && linger_) {
    int fd = -1;
    if (uv_fileno(&socket_->handle, &fd) == 0) ::shutdown(fd, SHUT_WR);
    setDeadline(kLinger);
    while (open() && !timed_out_) {
      in_.clear();
      resumeReading();
      co_await changed_.wait();
    }
  }
  abort();
}

}  // namespace towpath::http
