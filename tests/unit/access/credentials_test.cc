#include "access/credentials.h"

#include <doctest/doctest.h>

#include "base/file.h"
#include "json/parse.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "support/temp_dir.h"

using namespace towpath;
using namespace towpath::access;

namespace {

struct Bench : testing::TempDir {
  std::string script(const std::string& body) { return file("plugin", "#!/bin/sh\n" + body, 0755); }
  ClusterAccess plugin(const std::string& body) {
    ClusterAccess access{.server = "https://api"};
    access.exec = ExecPlugin{.command = script(body), .api_version = "client.authentication.k8s.io/v1"};
    return access;
  }
  // What a request carries: "Bearer x", or the error.
  std::string shown(Credentials& credentials) {
    http::ClientRequest request;
    const auto added = loop::blockOn(loop, credentials.addTo(request));
    if (!added) return describe(added.error());
    if (!request.tls.certificate_pem.empty()) return "certificate " + request.tls.certificate_pem;
    if (request.headers.contains("Authorization")) return std::string(request.headers.get("Authorization"));
    return "Bearer " + request.bearer_token;
  }
  std::size_t runs() {
    const auto log = readFile(path() + "/runs");
    return log ? static_cast<std::size_t>(std::ranges::count(*log, '\n')) : 0;
  }

  loop::VirtualLoop loop;
};

std::string printing(const Bench& bench, const std::string& status) {
  return "echo run >> " + bench.path() + "/runs\n" +
         R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":)" + status + "}'\n";
}

}  // namespace

TEST_CASE("a token, and basic authentication") {
  Bench bench;
  ClusterAccess access{.token = "abc"};
  access.impersonation.add("Impersonate-User", "jane");
  Credentials credentials(bench.loop, access);
  CHECK(bench.shown(credentials) == "Bearer abc");
  CHECK(!credentials.renew());

  const ClusterAccess basic{.username = "u", .password = "p"};
  Credentials by_password(bench.loop, basic);
  CHECK(bench.shown(by_password) == "Basic dTpw");
}

TEST_CASE("a token file is read again as it rotates, and at once after a 401; a gap in the rotation is bridged") {
  Bench bench;
  const ClusterAccess access{.token_file = bench.file("token", "one\n")};
  Credentials credentials(bench.loop, access);
  CHECK(bench.shown(credentials) == "Bearer one");
  bench.file("token", "two\n");
  CHECK(credentials.renew());
  CHECK(bench.shown(credentials) == "Bearer two");
  bench.file("token", "three\n");
  bench.loop.advance(Credentials::kTokenFileAge);
  CHECK(bench.shown(credentials) == "Bearer three");
  REQUIRE(::remove(access.token_file.c_str()) == 0);
  bench.loop.advance(Credentials::kTokenFileAge);
  CHECK(bench.shown(credentials) == "Bearer three");
  credentials.renew();
  CHECK(bench.shown(credentials).contains(access.token_file));
}

TEST_CASE("a plugin runs once for many requests, again when its credential expires, and after a 401") {
  Bench bench;
  // Virtual time begins in 2026; the plugin's credential lasts an hour.
  const ClusterAccess access =
      bench.plugin(printing(bench, R"({"token":"t","expirationTimestamp":"2026-01-01T01:00:00Z"})"));
  Credentials credentials(bench.loop, access);
  CHECK(bench.shown(credentials) == "Bearer t");
  CHECK(bench.shown(credentials) == "Bearer t");
  CHECK(bench.runs() == 1);
  bench.loop.advance(50min);
  CHECK(bench.shown(credentials) == "Bearer t");
  CHECK(bench.runs() == 1);
  bench.loop.advance(10min);
  CHECK(bench.shown(credentials) == "Bearer t");
  CHECK(bench.runs() == 2);
  CHECK(credentials.renew());
  (void)bench.shown(credentials);
  CHECK(bench.runs() == 3);
}

TEST_CASE("requests that come while the plugin runs wait for that run") {
  Bench bench;
  const ClusterAccess access = bench.plugin(printing(bench, R"({"token":"t"})"));
  Credentials credentials(bench.loop, access);
  int done = 0;
  loop::Scope scope(bench.loop, "requests");
  for (int i = 0; i < 20; ++i) {
    scope.spawn([](Credentials& from, int& count) -> loop::Task<void> {
      http::ClientRequest request;
      if ((co_await from.addTo(request)) && request.bearer_token == "t") ++count;
    }(credentials, done));
  }
  bench.loop.run();
  CHECK(done == 20);
  CHECK(bench.runs() == 1);
}

TEST_CASE("a plugin may give a client certificate, and is told what it needs") {
  Bench bench;
  ClusterAccess access =
      bench.plugin(R"(echo "$KUBERNETES_EXEC_INFO" > )" + bench.path() + "/info\necho \"$1$EXTRA\" > " + bench.path() +
                   "/call\n" + printing(bench, R"({"clientCertificateData":"cert","clientKeyData":"key"})"));
  access.exec->provide_cluster_info = true;
  access.exec->arguments = {"login"};
  access.exec->environment = {{"EXTRA", "-now"}};
  access.tls.ca_pem = "CA";
  Credentials credentials(bench.loop, access);
  CHECK(bench.shown(credentials) == "certificate cert");
  CHECK(*readFile(bench.path() + "/call") == "login-now\n");
  const auto info = json::parse(*readFile(bench.path() + "/info"));
  REQUIRE(info);
  CHECK((*info)["spec"]["cluster"]["server"].asStringView() == "https://api");
  CHECK((*info)["spec"]["cluster"]["certificate-authority-data"].asStringView() == "Q0E=");
  CHECK(!(*info)["spec"]["interactive"].asBool(true));
}

TEST_CASE("what goes wrong with a plugin is told in its own words") {
  Bench bench;
  const auto told = [&bench](const std::string& body) {
    const ClusterAccess access = bench.plugin(body);
    Credentials credentials(bench.loop, access);
    return bench.shown(credentials);
  };
  CHECK(told("echo 'session expired: run login' >&2; exit 3").ends_with("status 3: session expired: run login"));
  CHECK(told("echo nothing").contains("printed no JSON"));
  CHECK(told("echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}'")
            .contains("the kubeconfig asks for client.authentication.k8s.io/v1"));
  CHECK(told(printing(bench, "{}")).contains("neither a token nor a client certificate"));
  CHECK(told(printing(bench, R"({"clientCertificateData":"c"})")).contains("status.clientKeyData"));
  CHECK(told(printing(bench, R"({"token":"t","expirationTimestamp":"tomorrow"})")).contains("no RFC 3339 time"));

  ClusterAccess access;
  access.exec = ExecPlugin{.command = "no-such-plugin-here", .install_hint = "Install it with apt."};
  Credentials credentials(bench.loop, access);
  CHECK(bench.shown(credentials).ends_with("No such file or directory. Install it with apt."));
}
