#include "http/server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <set>
#include <utility>

#include "base/log.h"
#include "http/connection.h"
#include "loop/scope.h"
#include "loop/timeout.h"

namespace towpath::http {

namespace {

constexpr int kBacklog = 1024;
constexpr std::size_t kReadBuffer = 64u << 10;

std::unexpected<Error> failUv(int error, const std::string& what) {
  const ErrorKind kind = error == UV_EADDRINUSE ? ErrorKind::kAlreadyExists : ErrorKind::kIo;
  return fail(kind, what + ": " + uv_strerror(error));
}

Peer peerOf(const Socket& socket) {
  Peer peer;
  peer.is_unix = socket.handle.type == UV_NAMED_PIPE;
  sockaddr_storage storage{};
  int size = sizeof storage;
  if (peer.is_unix || uv_tcp_getpeername(&socket.tcp, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return peer;
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
    peer.port = ntohs(address.sin6_port);
  } else {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    peer.port = ntohs(address.sin_port);
  }
  peer.address = text;
  return peer;
}

std::uint16_t portOf(const uv_tcp_t& handle) {
  sockaddr_storage storage{};
  int size = sizeof storage;
  uv_tcp_getsockname(&handle, reinterpret_cast<sockaddr*>(&storage), &size);
  return ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(storage).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

// Whether a process still accepts on the socket file.
bool isListening(const sockaddr_un& name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  const bool answered = result == 0 || errno == EAGAIN;
  ::close(fd);
  return answered;
}

Socket* newSocket(loop::UvLoop& loop, bool is_unix) {
  auto* socket = new Socket();
  if (is_unix)
    uv_pipe_init(loop.raw(), &socket->pipe, 0);
  else
    uv_tcp_init(loop.raw(), &socket->tcp);
  socket->handle.data = socket;
  return socket;
}

void closeSocket(Socket* socket) {
  uv_close(&socket->handle, [](uv_handle_t* handle) { delete static_cast<Socket*>(handle->data); });
}

}  // namespace

// A listening socket. It outlives the server until libuv has closed it.
struct Listener {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  Server::Impl* server = nullptr;
  std::string unix_path;
  bool waiting = false;  // one waits in the backlog because there are too many connections
};

struct Server::Impl {
  Impl(loop::UvLoop& on, ServerOptions with, Handler call)
      : loop(on),
        options(std::move(with)),
        handler(std::move(call)),
        read_buffer(kReadBuffer, '\0'),
        connection_ended(on),
        handshake_turns(on),
        scope(on, options.name + " connection") {}
  ~Impl() { stopListening(); }

  Listener* newListener(bool is_unix);
  Result<void> startListening(Listener* listener, const std::string& what);
  void accept(Listener& listener);
  void stopListening();
  Task<void> serve(std::unique_ptr<Connection> connection);
  void left(Connection* connection);

  loop::UvLoop& loop;
  ServerOptions options;
  Handler handler;
  ServerStats stats;
  std::string read_buffer;
  bool draining = false;
  std::list<Listener*> listeners;
  std::set<Connection*> connections;
  loop::Notify connection_ended;
  HandshakeTurns handshake_turns;
  loop::Scope scope;  // last: connections go before what they refer to
};

Listener* Server::Impl::newListener(bool is_unix) {
  auto* listener = new Listener();
  listener->server = this;
  if (is_unix)
    uv_pipe_init(loop.raw(), &listener->pipe, 0);
  else
    uv_tcp_init(loop.raw(), &listener->tcp);
  listener->handle.data = listener;
  listeners.push_back(listener);
  return listener;
}

Result<void> Server::Impl::startListening(Listener* listener, const std::string& what) {
  const int error = uv_listen(&listener->stream, kBacklog, [](uv_stream_t* stream, int status) {
    auto* self = static_cast<Listener*>(stream->data);
    if (status == 0)
      self->server->accept(*self);
    else
      log::warning("accepting a connection failed", {{"error", uv_strerror(status)}});
  });
  if (error != 0) return failUv(error, what);
  return {};
}

void Server::Impl::accept(Listener& listener) {
  // libuv offers no further connection until this one is accepted: the rest waits in the kernel.
  listener.waiting = connections.size() >= options.connections;
  if (listener.waiting) return;
  const bool is_unix = listener.handle.type == UV_NAMED_PIPE;
  Socket* socket = newSocket(loop, is_unix);
  if (uv_accept(&listener.stream, &socket->stream) != 0) return closeSocket(socket);
  if (!is_unix) uv_tcp_nodelay(&socket->tcp, 1);
  ++stats.accepted;
  Peer peer = peerOf(*socket);
  const ConnectionHost host{.loop = loop,
                            .options = options,
                            .handler = handler,
                            .stats = stats,
                            .read_buffer = read_buffer,
                            .draining = draining,
                            .handshake_turns = handshake_turns};
  auto connection = std::make_unique<Connection>(host, socket, std::move(peer), is_unix ? nullptr : options.tls);
  connections.insert(connection.get());
  stats.open_connections = connections.size();
  scope.spawn(serve(std::move(connection)));
}

Task<void> Server::Impl::serve(std::unique_ptr<Connection> connection) {
  // Also when the task is cancelled.
  struct Leave {
    Impl& impl;
    Connection* connection;
    ~Leave() { impl.left(connection); }
  } leave{*this, connection.get()};
  co_await connection->run();
}

void Server::Impl::left(Connection* connection) {
  connections.erase(connection);
  stats.open_connections = connections.size();
  connection_ended.notifyAll();
  for (Listener* listener : listeners) {
    if (listener->waiting) accept(*listener);
  }
}

void Server::Impl::stopListening() {
  for (Listener* listener : listeners) {
    if (!listener->unix_path.empty()) ::unlink(listener->unix_path.c_str());
    uv_close(&listener->handle, [](uv_handle_t* handle) { delete static_cast<Listener*>(handle->data); });
  }
  listeners.clear();
}

Server::Server(loop::UvLoop& loop, ServerOptions options, Handler handler)
    : impl_(std::make_unique<Impl>(loop, std::move(options), std::move(handler))) {}

Server::~Server() {
  impl_->stopListening();
  impl_->scope.cancelAll();
}

Result<std::uint16_t> Server::listenTcp(const std::string& address, std::uint16_t port) {
  const std::string what = "listening on " + address + " port " + std::to_string(port);
  sockaddr_storage storage{};
  if (uv_ip4_addr(address.c_str(), port, reinterpret_cast<sockaddr_in*>(&storage)) != 0 &&
      uv_ip6_addr(address.c_str(), port, reinterpret_cast<sockaddr_in6*>(&storage)) != 0) {
    return fail(ErrorKind::kInvalid, what + ": not a numeric IPv4 or IPv6 address");
  }
  Listener* listener = impl_->newListener(false);
  if (const int error = uv_tcp_bind(&listener->tcp, reinterpret_cast<sockaddr*>(&storage), 0); error != 0) {
    return failUv(error, what);
  }
  if (Result<void> started = impl_->startListening(listener, what); !started) return std::unexpected(started.error());
  return portOf(listener->tcp);
}

Result<void> Server::listenUnix(const std::string& path, unsigned mode) {
  const std::string what = "listening on " + path;
  sockaddr_un name{};
  if (path.empty() || path.size() >= sizeof name.sun_path) {
    return fail(ErrorKind::kInvalid, what + ": a socket path has 1 to 107 bytes");
  }
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  if (isListening(name)) return fail(ErrorKind::kAlreadyExists, what + ": another process listens there");
  struct stat info{};
  if (lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path.c_str());
  Listener* listener = impl_->newListener(true);
  // Nobody may connect between bind and chmod.
  const mode_t old_mask = umask(0177);
  const int error = uv_pipe_bind(&listener->pipe, path.c_str());
  umask(old_mask);
  if (error != 0) return failUv(error, what);
  listener->unix_path = path;
  if (chmod(path.c_str(), mode) != 0) return fail(ErrorKind::kIo, what + ": " + std::strerror(errno));
  return impl_->startListening(listener, what);
}

Result<void> Server::listenFd(int fd) {
  const std::string what = "listening on descriptor " + std::to_string(fd);
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return fail(ErrorKind::kIo, what + ": " + std::strerror(errno));
  }
  const bool is_unix = storage.ss_family == AF_UNIX;
  Listener* listener = impl_->newListener(is_unix);
  const int error = is_unix ? uv_pipe_open(&listener->pipe, fd) : uv_tcp_open(&listener->tcp, fd);
  if (error != 0) return failUv(error, what);
  return impl_->startListening(listener, what);
}

void Server::setTls(std::shared_ptr<tls::ServerContext> context) { impl_->options.tls = std::move(context); }

Task<void> Server::shutdown(Duration grace) {
  Impl& impl = *impl_;
  impl.stopListening();
  impl.draining = true;
  for (Connection* connection : impl.connections) connection->drain();
  const auto allGone = [](Impl& server) -> Task<void> {
    while (!server.connections.empty()) co_await server.connection_ended.wait();
  };
  (void)co_await loop::withTimeout(impl.loop, grace, allGone(impl));
  impl.scope.cancelAll();
}

const ServerStats& Server::stats() const { return impl_->stats; }

}  // namespace towpath::http
