#pragma once
// Real parts for the tests of the proxy: small HTTP servers and clients on threads of their own, so that they go on
// while the driver under test works, and a HAProxy in a directory that goes with the test.

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "loop/uv_loop.h"
#include "proxy/haproxy.h"

namespace towpath::proxy::testing {

// A free port of 127.0.0.1 below the ephemeral range, never given twice by this process.
std::uint16_t freePort();

// Answers every request with 200 and its name as the body; "/status/N" with status N; "/hold" when release() is called.
// Keeps connections alive.
class TestServer {
 public:
  explicit TestServer(std::string name);
  ~TestServer();
  std::uint16_t port() const { return port_; }
  int served() const { return served_; }
  int running() const { return running_; }
  void release() { held_ = false; }
  // Stops listening and closes all connections, as a killed process does.
  void kill();

 private:
  void accept();
  void serve(int fd);
  std::string name_;
  std::uint16_t port_;
  int listener_ = -1;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> held_ = true;
  std::atomic<int> served_ = 0;
  std::atomic<int> running_ = 0;
  std::atomic<int> connections_ = 0;
  std::thread acceptor_;
};

struct Reply {
  int status = 0;  // 0: no answer
  std::string body, headers;
};
// One connection to a listener; opens it again when told to close.
class Client {
 public:
  Client(std::string address, std::uint16_t port) : address_(std::move(address)), port_(port) {}
  ~Client() { disconnect(); }
  Reply get(const std::string& path = "/", const std::string& headers = "", const std::string& method = "GET");
  void disconnect();

 private:
  bool connect();
  std::string address_;
  std::uint16_t port_;
  int fd_ = -1;
};

struct Tally {
  std::map<std::string, int> bodies;  // of the answers 200
  std::map<int, int> failures;        // by status
  int sent = 0;
};
Tally requests(const std::string& address, std::uint16_t port, int count, const std::string& path = "/",
               const std::string& headers = "");

// Steady load until it is stopped: one keep-alive connection and one that is new for each request.
class Load {
 public:
  Load(std::string address, std::uint16_t port, std::string path = "/");
  ~Load();
  Tally stop();

 private:
  std::atomic<bool> stopping_ = false;
  std::vector<Tally> tallies_;
  std::vector<std::thread> threads_;
};

// A directory under the system's temporary one, removed at the end.
class TestDirectory {
 public:
  TestDirectory();
  ~TestDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A driver with its HAProxy, ended with the test.
class Rig {
 public:
  Rig();
  ~Rig();
  loop::UvLoop& loop() { return loop_; }
  Proxy& proxy() { return *proxy_; }
  const std::string& directory() const { return directory_.path(); }
  // As if the agent was restarted: the HAProxy goes on, a new driver finds it.
  void restartDriver();
  Applied apply(const ProxyState& state);
  Observed observe();
  // Waits until so many workers run: one that a reload replaced ends a little later, and not before its connections.
  // Returns them, the current one first.
  std::vector<int> awaitWorkers(std::size_t count);

 private:
  TestDirectory directory_;
  loop::UvLoop loop_;
  std::unique_ptr<Proxy> proxy_;
};

// Where the listeners of a StateBuilder are.
inline constexpr const char* kAddress = "127.64.0.9";

// A state with one service "shop/web:http" and one listener for it.
class StateBuilder {
 public:
  StateBuilder();
  std::uint16_t port() const { return port_; }
  StateBuilder& version(const std::string& hash, const std::vector<const TestServer*>& servers,
                        ServerState state = ServerState::kReady);
  StateBuilder& weights(const std::map<std::string, int>& by_hash);
  StateBuilder& listener(std::uint16_t port);
  ProxyState state;

 private:
  std::uint16_t port_;
};

void waitUntil(const std::function<bool()>& condition);

}  // namespace towpath::proxy::testing
