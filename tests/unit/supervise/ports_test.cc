#include "supervise/ports.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace towpath;
using namespace towpath::supervise;

namespace {

bool always(std::int32_t) { return true; }
bool never(std::int32_t) { return false; }

const EphemeralRange kFar{50000, 60000};

}  // namespace

TEST_CASE("ports are taken from the range, each once, and never from the ephemeral range") {
  PortAllocator ports(100, 104, EphemeralRange{101, 102});
  const auto three = ports.allot({{"a", 1, 0, "TCP"}, {"b", 2, 0, "TCP"}, {"c", 3, 0, "TCP"}}, "ports", always);
  REQUIRE(three);
  CHECK((*three)[0].host_port == 100);
  CHECK((*three)[1].host_port == 103);
  CHECK((*three)[2].host_port == 104);
  const auto more = ports.allot({{"d", 4, 0, "TCP"}}, "spec.containers[0].ports", always);
  REQUIRE_FALSE(more);
  CHECK(more.error().kind == ErrorKind::kUnavailable);
  CHECK(more.error().field == "spec.containers[0].ports[0]");
  CHECK(more.error().message.starts_with("no free port is left between 100 and 104 (those from 101 to 102 are"));
  ports.release({(*three)[1]});
  CHECK(ports.allot({{"d", 4, 0, "TCP"}}, "ports", always)->front().host_port == 103);
}

TEST_CASE("a hostPort is that very port, or an error that says who has it") {
  PortAllocator ports(100, 200, kFar);
  REQUIRE(ports.allot({{"a", 80, 8080, "TCP"}}, "ports", always));
  const auto again = ports.allot({{"a", 80, 8080, "TCP"}}, "ports", always);
  REQUIRE_FALSE(again);
  CHECK(again.error().message == "port 8080 is held by another instance of this node");
  CHECK(again.error().field == "ports[0].hostPort");
  const auto taken = ports.allot({{"b", 80, 9090, "TCP"}}, "ports", never);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().message == "port 9090 of this node is taken by another program, or may not be bound");
}

TEST_CASE("an allotment that fails half-way keeps nothing") {
  PortAllocator ports(100, 100, kFar);
  REQUIRE_FALSE(ports.allot({{"a", 1, 0, "TCP"}, {"b", 2, 0, "TCP"}}, "ports", always));
  CHECK(ports.allot({{"a", 1, 0, "TCP"}}, "ports", always));
}

TEST_CASE("ports of adopted instances are not given out again") {
  PortAllocator ports(100, 101, kFar);
  ports.claim({{"a", 1, 100, "TCP"}});
  CHECK(ports.allot({{"b", 2, 0, "TCP"}}, "ports", always)->front().host_port == 101);
}

TEST_CASE("a port that a stranger listens on cannot be bound") {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(fd, 1) == 0);
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const std::int32_t port = ntohs(address.sin_port);
  CHECK_FALSE(canBindTcp(port));
  ::close(fd);
  CHECK(canBindTcp(port));
}
