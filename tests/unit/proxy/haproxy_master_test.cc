// HAProxy's master may take no commands (its issues 3070 and 3351: ten connections that it never frees): the workers
// are changed and read all the same.

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "harness.h"
#include "loop/timeout.h"
#include "proxy/haproxy_process.h"

namespace towpath::proxy {
namespace {

using namespace testing;

// Connections to a unix socket that nobody ever uses. As many as it takes until none is accepted any more.
class Squatters {
 public:
  explicit Squatters(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    for (int i = 0; i < 1000; ++i) {
      OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        full_ = true;
        return;
      }
      fds_.push_back(std::move(fd));
    }
  }
  bool full() const { return full_; }

 private:
  std::vector<OwnedFd> fds_;
  bool full_ = false;
};

}  // namespace

TEST_CASE("a master that takes no commands keeps no weight, instance, count or reload from being carried out") {
  Rig rig;
  const TestServer one("one"), two("two");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 10000}}).state);
  const int process_id = rig.observe().process_id;
  Load load(kAddress, builder.port());
  {
    const Squatters squatters(rig.directory() + "/master.sock");
    REQUIRE(squatters.full());
    CHECK(rig.apply(builder.weights({{"v2", 10000}}).state).change == Change::kRuntime);
    CHECK(requests(kAddress, builder.port(), 20).bodies["two"] == 20);
    const auto counters = loop::blockOn(rig.loop(), rig.proxy().counters());
    REQUIRE(counters.has_value());
    CHECK(!counters->empty());
    // The reload ends the connections of all who wait at the master.
    CHECK(rig.apply(builder.listener(freePort()).state).change == Change::kReload);
  }
  CHECK(rig.apply(builder.weights({{"v1", 10000}}).state).change == Change::kRuntime);
  CHECK(requests(kAddress, builder.state.listeners.back().port, 20).bodies["one"] == 20);
  CHECK(rig.observe().process_id == process_id);
  CHECK(load.stop().failures.empty());
}

TEST_CASE("a new driver reaches old workers too, and one that hangs holds up nothing") {
  Rig rig;
  const TestServer one("one"), two("two");
  StateBuilder builder;
  rig.apply(builder.version("v1", {&one}).version("v2", {&two}).weights({{"v1", 10000}}).state);
  Client idle(kAddress, builder.port());
  CHECK(idle.get().body == "one");
  rig.apply(builder.listener(freePort()).state);
  rig.awaitWorkers(2);
  rig.restartDriver();
  rig.apply(builder.weights({{"v2", 10000}}).state);
  CHECK(idle.get().body == "two");

  CHECK(idle.get().body == "two");  // the same client, on the new worker
  rig.apply(builder.listener(freePort()).state);
  const int hanging = rig.awaitWorkers(2).back();
  REQUIRE(kill(hanging, SIGSTOP) == 0);
  rig.restartDriver();
  // Many more than the master has connections for.
  for (int i = 0; i < 15; ++i) {
    rig.apply(builder.weights({{"v1", 5000 + i}, {"v2", 5000 - i}}).state);
    CHECK(!rig.observe().workers.empty());
  }
  CHECK(rig.apply(builder.listener(freePort()).state).change == Change::kReload);
  CHECK(requests(kAddress, builder.state.listeners.back().port, 50).failures.empty());
  kill(hanging, SIGCONT);
}

}  // namespace towpath::proxy
