// Both sides of the agent protocol, over TLS on loopback.

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "agents/agents.h"
#include "apiserver/local_api.h"
#include "cluster/kinds.h"
#include "json/yaml.h"
#include "link/dialer.h"
#include "link/link.h"
#include "loop/timeout.h"
#include "store/memory_store.h"
#include "tls/authority.h"
#include "wire/frame.h"

namespace towpath::link {
namespace {

using cluster::kPods;

// The coordinator's side; the store outlives a "restart" of everything above it.
struct Coordinator {
  Coordinator(loop::UvLoop& on_loop, store::Store& kept, const tls::Authority& own, std::uint16_t at)
      : loop(on_loop),
        registry(loop, kept),
        api(registry, "test"),
        users(kept),
        agents({.loop = loop,
                .store = kept,
                .api = api,
                .authority = own,
                .users = users,
                .samples = [this](std::string, std::vector<wire::TrafficSample> batch) -> loop::Task<Result<void>> {
                  samples += batch.size();
                  co_return Result<void>();
                }},
               {.session = {.heartbeat = 1s, .lease = 4s, .version = "test"}, .certificate_lifetime = lifetime}),
        server(loop, {.tls = context(own)}, [this](http::Request& request, http::ResponseWriter& response) {
          return request.path.starts_with("/towpath") ? agents.handleTokens(request, response)
                                                      : agents.handle(request, response);
        }) {
    REQUIRE(loop::blockOn(loop, registry.start()));
    REQUIRE(agents.start());
    Result<std::uint16_t> got = server.listenTcp("127.0.0.1", at);
    REQUIRE_MESSAGE(got.has_value(), (got ? "" : got.error().message));
    port = *got;
  }
  std::unique_ptr<tls::ServerContext> context(const tls::Authority& own) {
    tls::KeyAndCertificate made = *own.issue({.common_name = "coordinator",
                                              .ip_addresses = {"127.0.0.1"},
                                              .usage = tls::Usage::kServer,
                                              .now = loop.wallNow()});
    return std::move(*tls::ServerContext::create({.certificate_pem = made.certificate_pem + own.certificatePem(),
                                                  .key_pem = made.key_pem,
                                                  .client_ca_pem = own.certificatePem(),
                                                  .client_auth = tls::ClientAuth::kOptional}));
  }

  static inline Duration lifetime = 24h;
  loop::UvLoop& loop;
  apiserver::Registry registry;
  apiserver::LocalApi api;
  apiserver::Authenticator users;
  std::size_t samples = 0;
  agents::Agents agents;
  http::Server server;
  std::uint16_t port = 0;
};

class FixedLog final : public LogBody {
 public:
  FixedLog(loop::Loop& loop, std::vector<std::string> pieces) : loop_(loop), pieces_(std::move(pieces)) {}
  loop::Task<Result<std::string>> next() override {
    co_await loop::yield(loop_);
    co_return at_ < pieces_.size() ? pieces_[at_++] : std::string();
  }

 private:
  loop::Loop& loop_;
  std::vector<std::string> pieces_;
  std::size_t at_ = 0;
};

// Removed after the loop, which waits for threads that still write there.
struct Directory {
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "towpath-session-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()));
    path = pattern;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

struct Fixture {
  Fixture() {
    coordinator = std::make_unique<Coordinator>(loop, *store, authority, 0);
    port = coordinator->port;
  }
  ~Fixture() {
    link.reset();
    coordinator.reset();
  }

  std::string token(agents::TokenOptions options = {}) {
    return run(coordinator->agents.tokens().create(std::move(options)))->text;
  }
  template <class T>
  T run(loop::Task<T> task) {
    return loop::blockOn(loop, std::move(task));
  }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port); }
  void makeLink(const std::string& join_token, const std::string& node = "node-1") {
    link = std::make_unique<Link>(
        loop,
        LinkOptions{.coordinator_url = url(),
                    .join_token = join_token,
                    .data_dir = directory,
                    .node_name = node,
                    .info = {.agent_version = "test", .labels = {{"zone", "a"}}},
                    .report_gather = 5ms,
                    .redial_first = 50ms,
                    .redial_max = redial_max},
        LinkHooks{.assigned =
                      [this](const ObjectSet& set) {
                        objects = set;
                        ++assignments;
                        changed.notifyAll();
                      },
                  .open_log = [this](const wire::LogRequest& request) -> Result<std::unique_ptr<LogBody>> {
                    if (request.pod == "none") return fail(ErrorKind::kNotFound, "no log");
                    return std::make_unique<FixedLog>(loop, std::vector<std::string>{"one\n", "two\n"});
                  },
                  .acknowledged =
                      [this](const wire::PodReport&) {
                        ++acknowledged;
                        changed.notifyAll();
                      }});
  }
  Result<void> start() { return run(link->start()); }
  void join() {
    makeLink(token());
    REQUIRE(start());
    waitFor([this] { return assignments > 0; });
  }
  // Looks again whenever something happened, and now and then.
  void waitFor(std::function<bool()> condition) {
    auto wait = [](Fixture& self, std::function<bool()> until) -> loop::Task<bool> {
      for (int i = 0; i < 6000 && !until(); ++i) co_await loop::sleep(self.loop, 10ms);
      co_return until();
    };
    REQUIRE(run(wait(*this, std::move(condition))));
  }
  void makePod(const std::string& name, const std::string& node = "node-1") {
    Value pod =
        *json::parseYamlDocument("{metadata: {name: " + name + ", namespace: default}, spec: {nodeName: " + node +
                                 ", containers: [{name: web, image: shop}]}}");
    REQUIRE(run(coordinator->api.create(kPods, std::move(pod))));
  }
  std::string held() const {
    std::string names;
    for (const auto& [key, object] : objects.objects()) names += (names.empty() ? "" : " ") + key.name;
    return names;
  }
  void restartCoordinator() {
    coordinator.reset();
    coordinator = std::make_unique<Coordinator>(loop, *store, authority, port);
  }

  Directory kept;
  std::string directory = kept.path;
  Duration redial_max = 200ms;
  loop::UvLoop loop;
  std::unique_ptr<store::Store> store = store::makeMemoryStore();
  tls::Authority authority = *tls::Authority::create("test", loop.wallNow());
  std::uint16_t port = 0;
  std::unique_ptr<Coordinator> coordinator;
  loop::Notify changed{loop};
  ObjectSet objects;
  int assignments = 0;
  int acknowledged = 0;
  std::unique_ptr<Link> link;
};

TEST_CASE_FIXTURE(Fixture, "a node joins, gets its assignment, then each change of it") {
  makePod("a");
  makePod("b", "node-2");
  join();
  CHECK(held() == "a");
  makePod("c");
  waitFor([this] { return held() == "a c"; });
  CHECK(link->status().connected);
}

TEST_CASE_FIXTURE(Fixture, "a join token that is used up or whose CA is another's is refused, and trying ends") {
  std::string once = token();
  makeLink(once);
  REQUIRE(start());
  std::filesystem::remove(directory + "/identity.json");
  makeLink(once, "node-2");
  CHECK(start().error().kind == ErrorKind::kForbidden);

  wire::JoinToken wrong = *wire::parseJoinToken(token());
  wrong.ca_sha256 = std::string(64, '0');
  makeLink(wire::format(wrong), "node-3");
  Result<void> refused = start();
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::kUnauthorized);
  // The token was never shown to whoever that is.
  for (const agents::TokenInfo& info : coordinator->agents.tokens().list()) {
    if (info.id == wrong.id) CHECK(info.uses_left == 1);
  }
}

TEST_CASE_FIXTURE(
    Fixture, "without a coordinator the assignment of the disk is handed on, and what changed meanwhile comes later") {
  makePod("a");
  join();
  waitFor([this] { return std::filesystem::exists(directory + "/assignment.sealed"); });
  link.reset();
  coordinator.reset();
  objects = {};
  makeLink("");
  REQUIRE(start());
  CHECK(held() == "a");
  CHECK(!link->status().connected);
  coordinator = std::make_unique<Coordinator>(loop, *store, authority, port);
  makePod("b");
  waitFor([this] { return held() == "a b"; });
}

TEST_CASE_FIXTURE(Fixture, "a restarted coordinator sends only what differs") {
  makePod("a");
  makePod("b");
  join();
  int before = assignments;
  restartCoordinator();
  waitFor([&] { return assignments > before; });
  CHECK(held() == "a b");
  CHECK(link->status().sessions >= 2);
}

TEST_CASE_FIXTURE(Fixture, "a coordinator that restarts again and again is found at once each time") {
  redial_max = 1h;
  join();
  for (std::uint64_t restart = 1; restart <= 12; ++restart) {
    waitFor([&] { return link->status().sessions >= restart; });
    restartCoordinator();
  }
  waitFor([&] { return link->status().sessions >= 13; });
}

TEST_CASE_FIXTURE(Fixture, "reports are kept, acknowledged, and survive a coordinator that is away") {
  makePod("a");
  join();
  std::string uid(cluster::uidOf(store->find({"pods", "default", "a"})->parse()));
  link->report(wire::PodReport{.ns = "default", .name = "a", .uid = uid, .status_json = R"({"phase":"Running"})"});
  waitFor([this] { return acknowledged == 1; });
  CHECK(store->find({"pods", "default", "a"})->parse().at({"status", "phase"}).asStringView() == "Running");
  CHECK(link->hasLease());
  coordinator.reset();
  link->report(wire::PodReport{.ns = "default", .name = "a", .uid = uid, .status_json = R"({"phase":"Failed"})"});
  link->add({.requests = 1});
  coordinator = std::make_unique<Coordinator>(loop, *store, authority, port);
  waitFor([this] { return acknowledged == 2; });
  CHECK(store->find({"pods", "default", "a"})->parse().at({"status", "phase"}).asStringView() == "Failed");
}

TEST_CASE_FIXTURE(Fixture,
                  "a pod's log is fetched from its node; a failure keeps its kind; a node that is away is told") {
  makePod("a");
  makePod("none");
  makePod("far", "node-2");
  join();
  auto read = [](Fixture& self, std::string name) -> loop::Task<Result<std::string>> {
    auto stream = co_await self.coordinator->agents.logs().open(self.store->find({"pods", "default", name}),
                                                                {.container = "web"});
    if (!stream) co_return std::unexpected(stream.error());
    std::string text;
    for (;;) {
      Result<std::optional<std::string>> piece = co_await (*stream)->next();
      if (!piece) co_return std::unexpected(piece.error());
      if (!*piece) co_return text;
      text += **piece;
    }
  };
  waitFor([this] { return link->status().connected; });
  Result<std::string> text = run(read(*this, "a"));
  REQUIRE_MESSAGE(text.has_value(), (text ? "" : text.error().message));
  CHECK(*text == "one\ntwo\n");
  CHECK(run(read(*this, "none")).error().kind == ErrorKind::kNotFound);
  CHECK(run(read(*this, "far")).error().kind == ErrorKind::kUnavailable);
}

TEST_CASE_FIXTURE(Fixture, "a node cannot ask for another's assignment, and nobody gets one without a certificate") {
  join();
  Identity identity = **IdentityFiles(directory).load();
  Dialer dialer(loop, url());
  dialer.setIdentity(identity);
  auto post = [&](wire::Hello hello) {
    return run(dialer.post("/agent/v1/session", wire::encode(hello))).error().kind;
  };
  CHECK(post({.node_name = "node-2"}) == ErrorKind::kForbidden);
  CHECK(run(dialer.post("/agent/v1/session", "garbage")).error().kind == ErrorKind::kInvalid);
  CHECK(run(dialer.post("/agent/v1/report", "garbage")).error().kind == ErrorKind::kInvalid);
  CHECK(run(dialer.post("/agent/v1/reply/1-2", "x")).error().kind == ErrorKind::kNotFound);
  Dialer stranger(loop, url());
  stranger.setIdentity({.ca_pem = identity.ca_pem});
  CHECK(run(stranger.post("/agent/v1/session", wire::encode(wire::Hello{.node_name = "node-1"}))).error().kind ==
        ErrorKind::kUnauthorized);
}

TEST_CASE_FIXTURE(Fixture, "a deleted node's certificate is of no use any more") {
  join();
  REQUIRE(run(coordinator->api.remove(cluster::kNodes, "", "node-1")));
  waitFor([this] { return !link->status().connected && link->status().last_error.contains("401"); });
}

TEST_CASE_FIXTURE(Fixture, "a newer session of the same node replaces the older") {
  join();
  Identity identity = **IdentityFiles(directory).load();
  Dialer second(loop, url());
  second.setIdentity(identity);
  std::uint64_t before = link->status().sessions;
  Result<std::unique_ptr<http::ResponseStream>> stream = run(second.open(
      "/agent/v1/session", wire::encode(wire::Hello{.session_nonce = "other", .node_name = "node-1"}), 10s));
  REQUIRE(stream);
  waitFor([&] { return link->status().sessions > before; });
  CHECK(coordinator->agents.stats().sessions == 1);
}

TEST_CASE("a certificate is renewed before it ends") {
  // Issued an hour before its time and ending in a minute: two thirds of its life are over.
  Coordinator::lifetime = 60s;
  {
    Fixture fixture;
    fixture.join();
    Coordinator::lifetime = 24h;
    fixture.waitFor([&] { return fixture.coordinator->agents.stats().renewed > 0; });
  }
  Coordinator::lifetime = 24h;
}

}  // namespace
}  // namespace towpath::link
