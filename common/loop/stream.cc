#include "loop/stream.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "loop/event.h"
#include "loop/watch.h"

namespace towpath::loop {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::unexpected<Error> failErrno(int error, const std::string& what) {
  const bool away = error == ECONNREFUSED || error == ENOENT || error == EHOSTUNREACH || error == ENETUNREACH ||
                    error == ETIMEDOUT || error == ECONNRESET || error == EPIPE;
  if (error == EAGAIN) return fail(ErrorKind::kTooManyRequests, what + ": too many connections wait to be accepted");
  return fail(away ? ErrorKind::kUnavailable : ErrorKind::kIo, what + ": " + std::strerror(error));
}

}  // namespace

// One watcher for both directions: libuv allows one per descriptor.
struct Stream::State {
  State(UvLoop& loop, int socket)
      : fd(socket), can_read(loop), can_write(loop), watcher(loop, socket, {}, [this](PollEvents is) { ready(is); }) {}

  void ready(PollEvents is) {
    if (is.readable) can_read.notifyAll();
    if (is.writable) can_write.notifyAll();
    want = {.readable = want.readable && !is.readable, .writable = want.writable && !is.writable};
    watcher.update(want);
  }
  Notify::Awaiter readable() {
    want.readable = true;
    watcher.update(want);
    return can_read.wait();
  }
  Notify::Awaiter writable() {
    want.writable = true;
    watcher.update(want);
    return can_write.wait();
  }
  // Reads what is there into read_ahead; false at the end of the stream.
  Task<Result<bool>> fill();

  Descriptor fd;
  Notify can_read;
  Notify can_write;
  PollEvents want;
  std::string read_ahead;
  PollWatcher watcher;  // last: it stops before the descriptor is closed
};

Stream::Stream(std::unique_ptr<State> state) : state_(std::move(state)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Stream Stream::adopt(UvLoop& loop, int fd) { return Stream(std::make_unique<State>(loop, fd)); }

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (error != 0) return fail(ErrorKind::kUnavailable, host + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  std::vector<Address> found;
  for (const addrinfo* item = list; item; item = item->ai_next) {
    Address& address = found.emplace_back();
    std::memcpy(&address.storage, item->ai_addr, item->ai_addrlen);
    address.size = item->ai_addrlen;
  }
  return found;
}

bool isNumeric(const std::string& host) {
  in6_addr ignored{};
  return inet_pton(AF_INET, host.c_str(), &ignored) == 1 || inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

int socketError(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

// The connected socket, which the caller then owns.
Task<Result<int>> connectTo(UvLoop& loop, Address address, std::string what) {
  const int family = address.storage.ss_family;
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return failErrno(errno, what);
  Descriptor owner(fd);
  const auto tryConnect = [&] {
    return connect(fd, reinterpret_cast<sockaddr*>(&address.storage), address.size) == 0 ? 0 : errno;
  };
  int error = tryConnect();
  // A handshake with this host itself is over before the first call returns, but only a second call says so: then
  // nothing has to be watched.
  if (error == EINPROGRESS) error = tryConnect();
  if (error == EALREADY) {
    co_await loop::writable(loop, fd);
    error = socketError(fd);
  }
  if (error != 0) co_return failErrno(error, what);
  if (family != AF_UNIX) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  co_return owner.release();
}

}  // namespace

Task<Result<Stream>> Stream::connectUnix(UvLoop& loop, std::string path) {
  Address address;
  auto& name = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.size() >= sizeof name.sun_path) {
    co_return fail(ErrorKind::kInvalid, path + ": a socket path has at most 107 bytes");
  }
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  Result<int> fd = co_await connectTo(loop, address, path);
  if (!fd) co_return std::unexpected(fd.error());
  co_return adopt(loop, *fd);
}

Task<Result<Stream>> Stream::connectTcp(UvLoop& loop, std::string host, std::uint16_t port) {
  Result<std::vector<Address>> addresses = fail(ErrorKind::kInternal, "not resolved");
  if (isNumeric(host))
    addresses = resolve(host, port);
  else
    addresses = co_await offload(loop, [host, port] { return resolve(host, port); });
  if (!addresses) co_return std::unexpected(addresses.error());
  const std::string what = host + " port " + std::to_string(port);
  Error last{ErrorKind::kUnavailable, what + ": no address", ""};
  for (const Address& address : *addresses) {
    Result<int> fd = co_await connectTo(loop, address, what);
    if (fd) co_return adopt(loop, *fd);
    last = fd.error();
  }
  co_return std::unexpected(last);
}

Task<Result<std::size_t>> Stream::read(std::span<char> buffer) {
  State& state = *state_;
  if (state.read_ahead.empty()) {
    for (;;) {
      const ssize_t count = recv(state.fd.get(), buffer.data(), buffer.size(), 0);
      if (count >= 0) co_return static_cast<std::size_t>(count);
      if (errno == EINTR) continue;
      if (errno != EAGAIN) co_return failErrno(errno, "reading");
      co_await state.readable();
    }
  }
  const std::size_t count = std::min(buffer.size(), state.read_ahead.size());
  std::memcpy(buffer.data(), state.read_ahead.data(), count);
  state.read_ahead.erase(0, count);
  co_return count;
}

Task<Result<bool>> Stream::State::fill() {
  for (;;) {
    char piece[16384];
    const ssize_t count = recv(fd.get(), piece, sizeof piece, 0);
    if (count > 0) read_ahead.append(piece, static_cast<std::size_t>(count));
    if (count >= 0) co_return count > 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return failErrno(errno, "reading");
    co_await readable();
  }
}

Task<Result<std::string>> Stream::readAll(std::size_t limit) {
  for (;;) {
    if (state_->read_ahead.size() > limit) {
      co_return fail(ErrorKind::kTooLarge, "more than " + std::to_string(limit) + " bytes");
    }
    const Result<bool> more = co_await state_->fill();
    if (!more) co_return std::unexpected(more.error());
    if (!*more) co_return std::exchange(state_->read_ahead, {});
  }
}

Task<Result<std::optional<std::string>>> Stream::readLine(std::size_t limit) {
  std::size_t searched = 0;
  for (;;) {
    std::string& ahead = state_->read_ahead;
    const std::size_t end = ahead.find('\n', searched);
    if (std::min(end, ahead.size()) > limit) {
      co_return fail(ErrorKind::kTooLarge, "a line of more than " + std::to_string(limit) + " bytes");
    }
    if (end != std::string::npos) {
      std::string line = ahead.substr(0, end);
      if (line.ends_with('\r')) line.pop_back();
      ahead.erase(0, end + 1);
      co_return line;
    }
    searched = ahead.size();
    const Result<bool> more = co_await state_->fill();
    if (!more) co_return std::unexpected(more.error());
    if (!*more && ahead.empty()) co_return std::nullopt;
    if (!*more) co_return std::exchange(state_->read_ahead, {});
  }
}

Task<Result<void>> Stream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(state_->fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      co_await state_->writable();
    } else if (errno != EINTR) {
      co_return failErrno(errno, "writing");
    }
  }
  co_return Result<void>();
}

void Stream::finishWriting() { shutdown(state_->fd.get(), SHUT_WR); }

}  // namespace towpath::loop
