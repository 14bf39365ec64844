// The same client over real sockets and TLS, against our own HTTP server.

#include "apiserver/rest.h"
#include "harness.h"
#include "http/client.h"
#include "http/server.h"
#include "loop/timeout.h"
#include "loop/uv_loop.h"
#include "tls/authority.h"
#include "tls/server_context.h"

using namespace towpath;
using namespace towpath::access;
using namespace towpath::kubernetes;
using cluster::kConfigMaps;

namespace {

std::shared_ptr<tls::ServerContext> contextOf(tls::Authority& authority, WallTime now) {
  const auto pair = authority.issue({.common_name = "api",
                                     .dns_names = {"api.example"},
                                     .ip_addresses = {"127.0.0.1"},
                                     .usage = tls::Usage::kServer,
                                     .now = now});
  REQUIRE(pair);
  auto context = tls::ServerContext::create({.certificate_pem = pair->certificate_pem + authority.certificatePem(),
                                             .key_pem = pair->key_pem,
                                             .client_ca_pem = authority.certificatePem(),
                                             .client_auth = tls::ClientAuth::kOptional});
  REQUIRE(context);
  return std::move(*context);
}

struct Sockets {
  Sockets()
      : authority(tls::Authority::create("test CA", loop.wallNow()).value()),
        store(store::makeMemoryStore()),
        registry(loop, *store),
        users(*store),
        rest(registry, users, {}),
        server(loop, {.tls = contextOf(authority, loop.wallNow())}, rest.handler()),
        client(loop) {
    REQUIRE(run(registry.start()));
    const auto listening = server.listenTcp("127.0.0.1", 0);
    REQUIRE(listening);
    access.server = fmt::format("https://127.0.0.1:{}", *listening);
    access.tls.ca_pem = authority.certificatePem();
    access.token = run(users.createToken("admin", apiserver::Role::kAdmin)).value();
  }
  template <class T>
  T run(loop::Task<T> task) {
    return loop::blockOn(loop, std::move(task));
  }

  loop::UvLoop loop;
  tls::Authority authority;
  std::unique_ptr<store::Store> store;
  apiserver::Registry registry;
  apiserver::Authenticator users;
  apiserver::Rest rest;
  http::Server server;
  http::Client client;
  ClusterAccess access;
};

}  // namespace

TEST_CASE("over TLS: read, write, watch; a client certificate proves as much as a token") {
  Sockets sockets;
  for (const bool by_certificate : {false, true}) {
    CAPTURE(by_certificate);
    ClusterAccess access = sockets.access;
    if (by_certificate) {
      const auto pair = sockets.authority.issue(
          {.common_name = "jane", .uris = {"towpath://user/jane"}, .now = sockets.loop.wallNow()});
      REQUIRE(pair);
      access.token.clear();
      access.tls.certificate_pem = pair->certificate_pem;
      access.tls.key_pem = pair->key_pem;
    }
    Credentials credentials(sockets.loop, access);
    KubeApi api(sockets.loop, sockets.client, access, credentials);
    CHECK(sockets.run(api.serverVersion()).value_or("").starts_with("v1."));
    const auto listed = sockets.run(api.list(kConfigMaps, {}));
    REQUIRE_MESSAGE(listed, (listed ? "" : describe(listed.error())));
    auto watch = sockets.run(api.watch(kConfigMaps, {.resource_version = listed->resource_version}));
    REQUIRE(watch);
    // Larger than what the socket takes at once.
    const std::string name = by_certificate ? "second" : "first";
    const std::string big(900000, 'x');
    REQUIRE(sockets.run(api.create(kConfigMaps, configMap(name, "data: {big: " + big + "}"))));
    const auto event = sockets.run((*watch)->next());
    REQUIRE(event);
    CHECK(event->object->meta().name == name);
    CHECK(event->object->parse()["data"]["big"].asStringView() == big);
  }
}

TEST_CASE("over TLS: a server that is not the one, or none at all, is told as such") {
  Sockets sockets;
  const auto asked = [&sockets](const ClusterAccess& access) {
    Credentials credentials(sockets.loop, access);
    KubeApi api(sockets.loop, sockets.client, access, credentials);
    const auto made = sockets.run(api.create(kConfigMaps, configMap("x")));
    REQUIRE(!made);
    return made.error().kind;
  };
  ClusterAccess access = sockets.access;
  access.tls.ca_pem = tls::Authority::create("another CA", sockets.loop.wallNow()).value().certificatePem();
  CHECK(asked(access) == ErrorKind::kUnauthorized);
  access = sockets.access;
  access.tls.expected_name = "other.example";
  CHECK(asked(access) == ErrorKind::kUnauthorized);
  access = sockets.access;
  access.server = "https://127.0.0.1:1";
  CHECK(asked(access) == ErrorKind::kUnavailable);
  access = sockets.access;
  access.token = "nonsense";
  CHECK(asked(access) == ErrorKind::kUnauthorized);

  access = sockets.access;
  access.tls.expected_name = "api.example";
  Credentials credentials(sockets.loop, access);
  KubeApi api(sockets.loop, sockets.client, access, credentials);
  CHECK(sockets.run(api.list(kConfigMaps, {})));
}

TEST_CASE("a proxy that is named is used") {
  Sockets sockets;
  std::string seen;
  // It stands in for the API server: what matters is that the request came to it, in the form for a proxy.
  http::Server proxy(sockets.loop, {},
                     [&seen](http::Request& request, http::ResponseWriter& response) -> loop::Task<void> {
                       seen = request.target;
                       co_await response.send(200, {}, R"({"gitVersion":"v1.0.0-proxied"})");
                     });
  const auto port = proxy.listenTcp("127.0.0.1", 0);
  REQUIRE(port);
  const ClusterAccess access{.server = "http://cluster.example:8001/k8s",
                             .proxy = fmt::format("http://127.0.0.1:{}", *port)};
  Credentials credentials(sockets.loop, access);
  KubeApi api(sockets.loop, sockets.client, access, credentials);
  CHECK(sockets.run(api.serverVersion()).value_or("") == "v1.0.0-proxied");
  CHECK(seen == "http://cluster.example:8001/k8s/version");
}
