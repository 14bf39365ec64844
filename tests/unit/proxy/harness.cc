#include "harness.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "loop/timeout.h"

namespace towpath::proxy::testing {
namespace {

sockaddr_in addressOf(const std::string& address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  inet_pton(AF_INET, address.c_str(), &result.sin_addr);
  return result;
}

int listenOn(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = addressOf("127.0.0.1", port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && listen(fd, 1024) == 0) return fd;
  close(fd);
  return -1;
}

bool sendAll(int fd, const std::string& bytes) {
  return send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

// Up to and including the empty line; false at the end of the stream.
bool readHead(int fd, std::string& buffered, std::string& head) {
  while (true) {
    const std::size_t end = buffered.find("\r\n\r\n");
    if (end != std::string::npos) {
      head = buffered.substr(0, end + 4);
      buffered.erase(0, end + 4);
      return true;
    }
    char bytes[4096];
    const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffered.append(bytes, static_cast<std::size_t>(got));
  }
}

std::size_t contentLength(const std::string& head) {
  const std::size_t at = head.find("ontent-length: ");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 15));
}

}  // namespace

std::uint16_t freePort() {
  static std::atomic<int> next = 21000 + getpid() % 1000 * 8;
  while (true) {
    const auto port = static_cast<std::uint16_t>(next++);
    const int fd = listenOn(port);
    if (fd < 0) continue;
    close(fd);
    return port;
  }
}

TestServer::TestServer(std::string name) : name_(std::move(name)), port_(freePort()), listener_(listenOn(port_)) {
  REQUIRE(listener_ >= 0);
  acceptor_ = std::thread([this] { accept(); });
}

TestServer::~TestServer() { kill(); }

void TestServer::kill() {
  if (!acceptor_.joinable()) return;
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  while (connections_ > 0) std::this_thread::yield();
}

void TestServer::accept() {
  while (!stopping_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    std::thread([this, fd] {
      serve(fd);
      close(fd);
      --connections_;
    }).detach();
  }
}

void TestServer::serve(int fd) {
  timeval limit{.tv_sec = 0, .tv_usec = 50000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::string buffered;
  while (!stopping_) {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    if (buffered.empty() && poll(&waiting, 1, 20) == 0) continue;
    std::string head;
    if (!readHead(fd, buffered, head)) return;
    ++running_;
    int status = 200;
    if (const std::size_t at = head.find(" /status/"); at != std::string::npos)
      status = std::stoi(head.substr(at + 9, 3));
    while (head.find(" /hold ") != std::string::npos && held_ && !stopping_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const bool sent =
        sendAll(fd, "HTTP/1.1 " + std::to_string(status) + " x\r\ncontent-length: " + std::to_string(name_.size()) +
                        "\r\n\r\n" + (head.starts_with("HEAD") ? "" : name_));
    ++served_;
    --running_;
    if (!sent) return;
  }
}

bool Client::connect() {
  if (fd_ >= 0) return true;
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = addressOf(address_, port_);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  disconnect();
  return false;
}

void Client::disconnect() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Reply Client::get(const std::string& path, const std::string& headers, const std::string& method) {
  Reply reply;
  if (!connect()) return reply;
  timeval limit{.tv_sec = 20, .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::string buffered;
  const bool has_host = headers.find("Host:") != std::string::npos;
  if (!sendAll(fd_, method + " " + path + " HTTP/1.1\r\n" + (has_host ? "" : "Host: test\r\n") + headers + "\r\n") ||
      !readHead(fd_, buffered, reply.headers)) {
    disconnect();
    return reply;
  }
  const std::size_t length = contentLength(reply.headers);
  while (buffered.size() < length) {
    char bytes[4096];
    const ssize_t got = recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) {
      disconnect();
      return reply;
    }
    buffered.append(bytes, static_cast<std::size_t>(got));
  }
  reply.status = std::stoi(reply.headers.substr(9, 3));
  reply.body = buffered;
  if (reply.headers.find("onnection: close") != std::string::npos) disconnect();
  return reply;
}

namespace {
void count(Tally& tally, const Reply& reply) {
  ++tally.sent;
  if (reply.status == 200)
    ++tally.bodies[reply.body];
  else
    ++tally.failures[reply.status];
}
}  // namespace

Tally requests(const std::string& address, std::uint16_t port, int number, const std::string& path,
               const std::string& headers) {
  Tally tally;
  Client client(address, port);
  for (int i = 0; i < number; ++i) count(tally, client.get(path, headers));
  return tally;
}

Load::Load(std::string address, std::uint16_t port, std::string path) : tallies_(2) {
  for (std::size_t i = 0; i < tallies_.size(); ++i) {
    threads_.emplace_back([this, i, address, port, path] {
      Client client(address, port);
      while (!stopping_) {
        count(tallies_[i], client.get(path));
        if (i == 1) client.disconnect();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
}

Load::~Load() { stop(); }

Tally Load::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  Tally sum;
  for (const Tally& tally : tallies_) {
    sum.sent += tally.sent;
    for (const auto& [body, number] : tally.bodies) sum.bodies[body] += number;
    for (const auto& [status, number] : tally.failures) sum.failures[status] += number;
  }
  return sum;
}

TestDirectory::TestDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "towpath-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TestDirectory::~TestDirectory() { std::filesystem::remove_all(path_); }

Rig::Rig() { restartDriver(); }

Rig::~Rig() {
  const Result<void> ended = loop::blockOn(loop_, proxy_->shutdown(300ms));
  CHECK(ended);
}

void Rig::restartDriver() {
  if (proxy_) loop::blockOn(loop_, proxy_->close());
  proxy_ = makeHaproxy(loop_, {.run_dir = directory_.path()});
  const Result<void> started = loop::blockOn(loop_, proxy_->start());
  REQUIRE_MESSAGE(started, (started ? "" : describe(started.error())));
}

Applied Rig::apply(const ProxyState& state) {
  const Result<Applied> applied = loop::blockOn(loop_, proxy_->apply(state));
  REQUIRE_MESSAGE(applied, (applied ? "" : describe(applied.error())));
  return *applied;
}

Observed Rig::observe() {
  const Result<Observed> observed = loop::blockOn(loop_, proxy_->observe());
  REQUIRE_MESSAGE(observed, (observed ? "" : describe(observed.error())));
  return *observed;
}

std::vector<int> Rig::awaitWorkers(std::size_t count) {
  const auto settled = [](loop::Loop& loop, Proxy& proxy, std::size_t wanted) -> loop::Task<std::vector<int>> {
    const auto deadline = loop.now() + 60s;
    std::vector<int> workers;
    while (loop.now() < deadline) {
      const Result<Observed> observed = co_await proxy.observe();
      if (observed) workers = observed->workers;
      if (workers.size() == wanted) break;
      co_await loop::sleep(loop, 10ms);
    }
    co_return workers;
  };
  std::vector<int> workers = loop::blockOn(loop_, settled(loop_, *proxy_, count));
  REQUIRE(workers.size() == count);
  return workers;
}

StateBuilder::StateBuilder() : port_(freePort()) {
  const ServicePort service{"shop", "web", "http"};
  Rule rule{.ref = {"HTTPRoute", "shop", "web", 0}, .generation = 1, .otherwise = Target::Kind::kUnavailable};
  rule.id = makeRuleId(rule.ref);
  state.rules.push_back(rule);
  state.backends.push_back({.service = service});
  listener(port_);
}

StateBuilder& StateBuilder::listener(std::uint16_t port) {
  state.listeners.push_back({.address = kAddress, .port = port, .entries = {{.rule = state.rules.front().id}}});
  return *this;
}

StateBuilder& StateBuilder::version(const std::string& hash, const std::vector<const TestServer*>& servers,
                                    ServerState server_state) {
  std::vector<VersionServers>& versions = state.backends.front().versions;
  std::erase_if(versions, [&](const VersionServers& version) { return version.hash == hash; });
  VersionServers version{.hash = hash, .servers = {}};
  for (const TestServer* server : servers) {
    version.servers.push_back({.instance = "pod-" + std::to_string(server->port()),
                               .address = "127.0.0.1",
                               .port = server->port(),
                               .state = server_state});
  }
  if (!servers.empty()) versions.push_back(std::move(version));
  return *this;
}

StateBuilder& StateBuilder::weights(const std::map<std::string, int>& by_hash) {
  Rule& rule = state.rules.front();
  rule.targets.clear();
  for (const auto& [hash, weight] : by_hash) {
    rule.targets.push_back({.version = {state.backends.front().service, hash}, .weight = weight});
  }
  return *this;
}

void waitUntil(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace towpath::proxy::testing
