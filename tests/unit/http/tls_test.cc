#include <doctest/doctest.h>

#include "http/client.h"
#include "raw_client.h"
#include "tls/authority.h"
#include "tls/server_context.h"

using namespace towpath;
using namespace towpath::http;
using loop::blockOn;

namespace {

WallTime wallNow() { return std::chrono::system_clock::now(); }

struct Keys {
  tls::Authority authority = tls::Authority::create("towpath test CA", wallNow()).value();
  tls::KeyAndCertificate server = authority
                                      .issue({.common_name = "coordinator",
                                              .dns_names = {"coordinator", "localhost"},
                                              .ip_addresses = {"127.0.0.1"},
                                              .usage = tls::Usage::kServer,
                                              .now = wallNow()})
                                      .value();

  tls::KeyAndCertificate client(const std::string& name) const {
    return authority.issue({.common_name = name, .uris = {"towpath://node/uid-1"}, .now = wallNow()}).value();
  }
  tls::ServerContextOptions options(tls::ClientAuth client_auth) const {
    tls::ServerContextOptions options{.certificate_pem = server.certificate_pem + authority.certificatePem(),
                                      .key_pem = server.key_pem,
                                      .client_ca_pem = authority.certificatePem(),
                                      .client_auth = client_auth};
    options.ticket_key.fill(7);
    return options;
  }
};

const Keys& keys() {
  static const Keys kKeys;
  return kKeys;
}

std::shared_ptr<tls::ServerContext> context(tls::ServerContextOptions options) {
  return tls::ServerContext::create(std::move(options)).value();
}

Task<void> whoAreYou(Request& request, ResponseWriter& response) {
  std::string who = "nobody";
  if (request.peer.certificate) {
    who = request.peer.certificate->common_name;
    for (const std::string& uri : request.peer.certificate->uris) who += " " + uri;
  }
  co_await response.send(200, {}, who);
}

struct TlsFixture : Fixture {
  explicit TlsFixture(tls::ServerContextOptions options, Handler handler = whoAreYou, Duration header_timeout = 60s)
      : Fixture(std::move(handler), {.tls = context(std::move(options)), .header_timeout = header_timeout}) {}
  ClientRequest request(const std::string& host = "127.0.0.1") {
    ClientRequest request{.url = "https://" + host + ":" + std::to_string(port) + "/", .timeout = 60s};
    request.tls.ca_pem = keys().authority.certificatePem();
    return request;
  }
  ClientRequest requestAs(const tls::KeyAndCertificate& who) {
    ClientRequest with = request();
    with.tls.certificate_pem = who.certificate_pem;
    with.tls.key_pem = who.key_pem;
    return with;
  }
  Result<Response> fetch(ClientRequest with) { return blockOn(loop, client.fetch(std::move(with))); }
  Client client{loop};
};

}  // namespace

TEST_CASE("tls: the server's certificate is checked against the CA, the name and the address") {
  TlsFixture fixture(keys().options(tls::ClientAuth::kNone));
  CHECK(fixture.fetch(fixture.request()).value().body == "nobody");
  CHECK(fixture.fetch(fixture.request("localhost")).value().ok());
  ClientRequest other = fixture.request();
  other.tls.expected_name = "coordinator";
  CHECK(fixture.fetch(other).value().ok());
  other.tls.expected_name = "somebody-else";
  CHECK(fixture.fetch(other).error().kind == ErrorKind::kUnauthorized);
  ClientRequest stranger = fixture.request();
  stranger.tls.ca_pem = tls::Authority::create("another CA", wallNow()).value().certificatePem();
  CHECK(fixture.fetch(stranger).error().kind == ErrorKind::kUnauthorized);
  stranger.tls.verify = Verify::kNo;
  CHECK(fixture.fetch(stranger).value().ok());
}

TEST_CASE("tls: a pinned CA is found in the server's chain, and then trusted alone") {
  TlsFixture fixture(keys().options(tls::ClientAuth::kNone));
  ClientRequest request = fixture.request();
  request.tls.ca_pem.clear();
  request.tls.pinned_ca_sha256 = keys().authority.fingerprint();
  CHECK(fixture.fetch(request).value().ok());
  request.tls.pinned_ca_sha256 = std::string(64, '0');
  const Result<Response> refused = fixture.fetch(request);
  CHECK(refused.error().kind == ErrorKind::kUnauthorized);
}

TEST_CASE("tls: client certificates: identity, none, of a stranger") {
  TlsFixture optional(keys().options(tls::ClientAuth::kOptional));
  TlsFixture required(keys().options(tls::ClientAuth::kRequired));
  const tls::KeyAndCertificate node = keys().client("node-1");
  CHECK(optional.fetch(optional.requestAs(node)).value().body == "node-1 towpath://node/uid-1");
  CHECK(required.fetch(required.requestAs(node)).value().body == "node-1 towpath://node/uid-1");
  CHECK(optional.fetch(optional.request()).value().body == "nobody");
  CHECK_FALSE(required.fetch(required.request()));
  const tls::Authority stranger = tls::Authority::create("another CA", wallNow()).value();
  const tls::KeyAndCertificate forged = stranger.issue({.common_name = "node-1", .now = wallNow()}).value();
  CHECK_FALSE(optional.fetch(optional.requestAs(forged)));
  CHECK_FALSE(required.fetch(required.requestAs(forged)));
  // An expired one, and one for servers.
  const tls::KeyAndCertificate expired =
      keys().authority.issue({.common_name = "node-1", .lifetime = 1h, .now = wallNow() - 48h}).value();
  CHECK_FALSE(required.fetch(required.requestAs(expired)));
  CHECK_FALSE(required.fetch(required.requestAs(keys().server)));
  CHECK(required.server->stats().tls_failures >= 4);
}

TEST_CASE("tls: a session is resumed by a restarted server, with the client's identity; not after revocation or age") {
  const tls::KeyAndCertificate node = keys().client("node-1");
  bool accepted = true;
  WallTime now = wallNow();
  tls::ServerContextOptions options = keys().options(tls::ClientAuth::kRequired);
  options.accept_client = [&accepted](const tls::Identity&) { return accepted; };
  options.wall_now = [&now] { return now; };
  TlsFixture fixture(options);
  const auto once = [&] {
    // A new connection each time: the server closes it.
    ClientRequest request = fixture.requestAs(node);
    request.headers = {{"Connection", "close"}};
    return fixture.fetch(request);
  };
  const auto restart = [&](tls::ServerContextOptions with) {
    fixture.server = std::make_unique<Server>(fixture.loop, ServerOptions{.tls = context(std::move(with))}, whoAreYou);
    REQUIRE(fixture.server->listenTcp("127.0.0.1", fixture.port));
  };
  CHECK(once().value().body == "node-1 towpath://node/uid-1");
  CHECK(fixture.server->stats().tls_full == 1);
  restart(options);
  CHECK(once().value().body == "node-1 towpath://node/uid-1");
  CHECK(fixture.server->stats().tls_resumed == 1);
  CHECK(fixture.server->stats().tls_full == 0);
  now += 25h;  // past the ticket's lifetime
  CHECK(once().value().ok());
  CHECK(fixture.server->stats().tls_full == 1);
  accepted = false;
  CHECK_FALSE(once());
  accepted = true;
  tls::ServerContextOptions other_key = options;
  other_key.ticket_key.fill(8);
  restart(other_key);
  CHECK(once().value().ok());
  CHECK(fixture.server->stats().tls_full == 1);
}

TEST_CASE("tls: garbage, plain HTTP and a silent client close cleanly and are counted") {
  TlsFixture fixture(keys().options(tls::ClientAuth::kNone));
  fixture.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  fixture.exchange(std::string(100000, '\xff'));
  fixture.exchange(std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10));
  CHECK(fixture.server->stats().tls_failures == 3);
  CHECK(fixture.fetch(fixture.request()).value().ok());
  TlsFixture impatient(keys().options(tls::ClientAuth::kNone), whoAreYou, 50ms);
  CHECK(impatient.exchange("").empty());  // cut off by the time-out
  CHECK(impatient.server->stats().timeouts == 1);
}

TEST_CASE("tls: large bodies both ways and a long stream") {
  TlsFixture fixture(keys().options(tls::ClientAuth::kNone),
                     [](Request& request, ResponseWriter& response) -> Task<void> {
                       Result<std::string> body = co_await request.body(10u << 20);
                       response.start(200, {});
                       for (int i = 0; body && i < 5; ++i) (void)co_await response.write(*body);
                     });
  ClientRequest request = fixture.request();
  request.method = "POST";
  request.body.assign(3000000, 'x');
  CHECK(fixture.fetch(request).value().body.size() == 15000000);
}

TEST_CASE("tls: small and large bodies in turn on one connection come through whole, whatever rests between them") {
  TlsFixture fixture(keys().options(tls::ClientAuth::kNone),
                     [](Request& request, ResponseWriter& response) -> Task<void> {
                       Result<std::string> body = co_await request.body(1u << 20);
                       co_await response.send(200, {}, body.value_or("no body"));
                     });
  ClientRequest request = fixture.request();
  request.method = "POST";
  for (const std::size_t size : {1, 100'000, 1, 1, 16'384, 16'385, 200, 3000, 2, 500'000, 1}) {
    request.body.clear();
    for (std::size_t i = 0; i < size; ++i) request.body += static_cast<char>('a' + (i * 7 + size) % 26);
    const Result<Response> answer = fixture.fetch(request);
    REQUIRE(answer);
    CHECK((answer->body == request.body));
  }
  CHECK(fixture.server->stats().tls_full == 1);
}

TEST_CASE("tls: a renewed certificate serves new connections") {
  TlsFixture fixture(keys().options(tls::ClientAuth::kNone));
  tls::ServerContextOptions renewed = keys().options(tls::ClientAuth::kNone);
  const tls::KeyAndCertificate other =
      keys()
          .authority
          .issue({.common_name = "new", .dns_names = {"new-name"}, .usage = tls::Usage::kServer, .now = wallNow()})
          .value();
  renewed.certificate_pem = other.certificate_pem;
  renewed.key_pem = other.key_pem;
  fixture.server->setTls(context(renewed));
  ClientRequest request = fixture.request();
  request.tls.expected_name = "new-name";
  CHECK(fixture.fetch(request).value().ok());
}

TEST_CASE("tls: a context with a wrong key or text is refused") {
  tls::ServerContextOptions options = keys().options(tls::ClientAuth::kNone);
  options.certificate_pem = "nonsense";
  CHECK_FALSE(tls::ServerContext::create(options));
  options = keys().options(tls::ClientAuth::kRequired);
  options.client_ca_pem.clear();
  CHECK_FALSE(tls::ServerContext::create(options));
  options = keys().options(tls::ClientAuth::kNone);
  options.key_pem = keys().client("x").key_pem;
  CHECK_FALSE(tls::ServerContext::create(options));
}

TEST_CASE("tls: many handshakes at once all succeed, a few on each turn") {
  TlsFixture fixture(keys().options(tls::ClientAuth::kNone));
  std::vector<std::unique_ptr<Client>> clients;  // one each: none shares a session
  std::vector<Task<Result<Response>>> tasks;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(fixture.loop));
    tasks.push_back(clients.back()->fetch(fixture.request()));
  }
  for (const Result<Response>& response : blockOn(fixture.loop, loop::whenAll(fixture.loop, std::move(tasks)))) {
    CHECK(response.value().ok());
  }
  CHECK(fixture.server->stats().tls_full == 20);
}
