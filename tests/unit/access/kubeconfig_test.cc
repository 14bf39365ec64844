#include "access/kubeconfig.h"

#include <doctest/doctest.h>

#include "base/base64.h"
#include "support/temp_dir.h"

using namespace towpath;
using namespace towpath::access;

namespace {

const std::string kPem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

std::string oneCluster(const std::string& user, const std::string& cluster = "server: https://10.0.0.1:6443/") {
  return "apiVersion: v1\nkind: Config\ncurrent-context: main\n"
         "contexts: [{name: main, context: {cluster: c, user: u, namespace: shop}}, {name: bare, context: {cluster: "
         "c}}]\n"
         "clusters:\n- name: c\n  cluster: {" +
         cluster + "}\nusers:\n- name: u\n  user: {" + user + "}\n";
}

struct Files : testing::TempDir {
  Result<ClusterAccess> access(const std::string& text, const std::string& context = "") {
    return findAccess({.file = file("config", text), .context = context}, {});
  }
  // The error's field, without the folder: "config: users[u].user.token".
  std::string fault(const std::string& text) {
    const auto found = access(text);
    REQUIRE(!found);
    CHECK(found.error().kind == ErrorKind::kInvalid);
    const std::string& field = found.error().field;
    return field.starts_with(path() + "/") ? field.substr(path().size() + 1) : describe(found.error());
  }
};

}  // namespace

TEST_CASE("kubeconfig: cluster, context and every way to prove who we are") {
  Files files;
  auto access = files.access(oneCluster("token: secret"));
  REQUIRE_MESSAGE(access, (access ? "" : describe(access.error())));
  CHECK(access->server == "https://10.0.0.1:6443");
  CHECK(access->ns == "shop");
  CHECK(access->token == "secret");

  access = files.access(oneCluster("token: secret"), "bare");
  REQUIRE(access);
  CHECK(access->ns == "default");
  CHECK(access->token.empty());

  const std::string data = encodeBase64(kPem);
  files.file("ca.crt", kPem);
  access = files.access(oneCluster("client-certificate-data: " + data + ", client-key-data: " + data,
                                   "server: 10.0.0.1, certificate-authority: ca.crt, tls-server-name: api.example, "
                                   "proxy-url: 'socks5://127.0.0.1:1080', disable-compression: true"));
  REQUIRE_MESSAGE(access, (access ? "" : describe(access.error())));
  CHECK(access->server == "https://10.0.0.1");
  CHECK(access->tls.certificate_pem == kPem);
  CHECK(access->tls.key_pem == kPem);
  CHECK(access->tls.ca_file == files.path() + "/ca.crt");
  CHECK(access->tls.expected_name == "api.example");
  CHECK(access->proxy == "socks5://127.0.0.1:1080");
  CHECK(access->compression == http::Compression::kNo);

  access = files.access(oneCluster("tokenFile: tok, as: jane, as-groups: [dev, ops], as-user-extra: {'a/b': [x]}"));
  REQUIRE(access);
  CHECK(access->token_file == files.path() + "/tok");
  CHECK(access->impersonation.get("Impersonate-User") == "jane");
  CHECK(access->impersonation.get("Impersonate-Extra-a%2Fb") == "x");
  CHECK(access->impersonation.size() == 4);

  access =
      files.access(oneCluster("username: u, password: 'p:w'", "server: 'http://h', insecure-skip-tls-verify: true"));
  REQUIRE(access);
  CHECK(access->username == "u");
  CHECK(access->password == "p:w");
  CHECK(access->tls.verify == http::Verify::kNo);

  access = files.access(
      oneCluster("exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/login, interactiveMode: Never, "
                 "args: [a, b], env: [{name: A, value: b}], installHint: ask Jane, provideClusterInfo: true}"));
  REQUIRE(access);
  REQUIRE(access->exec);
  CHECK(access->exec->command == files.path() + "/./bin/login");
  CHECK(access->exec->arguments == std::vector<std::string>{"a", "b"});
  CHECK(access->exec->environment.at(0) == std::pair<std::string, std::string>("A", "b"));
  CHECK(access->exec->provide_cluster_info);
}

TEST_CASE("kubeconfig: several files are merged, and the first that says something wins") {
  Files files;
  const std::string first = files.file("first", "current-context: b\nusers: [{name: u, user: {token: of-first}}]\n");
  const std::string second = files.file("second",
                                        "current-context: a\nusers: [{name: u, user: {token: of-second}}]\n"
                                        "contexts: [{name: a, context: {cluster: x, user: u}}, "
                                        "{name: b, context: {cluster: y, user: u}}]\n");
  std::filesystem::create_directory(files.path() + "/sub");
  files.file("sub/ca", kPem);
  const std::string third = files.file("sub/third",
                                       "clusters: [{name: x, cluster: {server: 'https://x'}}, "
                                       "{name: y, cluster: {server: 'https://y', certificate-authority: ca}}]\n");
  const Surroundings where{.kubeconfig = first + "::" + files.path() + "/missing:" + second + ":" + third};
  auto access = findAccess({}, where);
  REQUIRE_MESSAGE(access, (access ? "" : describe(access.error())));
  CHECK(access->server == "https://y");
  CHECK(access->token == "of-first");
  CHECK(access->tls.ca_file == files.path() + "/sub/ca");
  access = findAccess({.context = "a", .ns = "mine"}, where);
  REQUIRE(access);
  CHECK(access->server == "https://x");
  CHECK(access->ns == "mine");
}

TEST_CASE("kubeconfig: faults name file and field") {
  Files files;
  CHECK(files.fault(oneCluster("client-key-data: '%%%'")) == "config: users[u].user.client-key-data");
  CHECK(files.fault(oneCluster("client-key-data: aGVsbG8=")) == "config: users[u].user.client-key-data");
  CHECK(files.fault(oneCluster("client-certificate: absent.pem")) == "config: users[u].user.client-certificate");
  CHECK(files.fault(oneCluster("token: 5")) == "config: users[u].user.token");
  CHECK(files.fault(oneCluster("password: x")) == "config: users[u].user.username");
  CHECK(files.fault(oneCluster("auth-provider: {name: gcp}")) == "config: users[u].user.auth-provider");
  CHECK(files.fault(oneCluster("exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}")) ==
        "config: users[u].user.exec.apiVersion");
  CHECK(files.fault(oneCluster("exec: {command: x, apiVersion: client.authentication.k8s.io/v1}")) ==
        "config: users[u].user.exec.interactiveMode");
  CHECK(files.fault(oneCluster("as-groups: [x]")) == "config: users[u].user.as");
  CHECK(files.fault(oneCluster("token: x", "server: ''")) == "config: clusters[c].cluster.server");
  CHECK(files.fault(oneCluster("token: x", "server: 'ftp://h'")) == "config: clusters[c].cluster.server");
  CHECK(files.fault(oneCluster("token: x", "server: h, proxy-url: 'h:1'")) == "config: clusters[c].cluster.proxy-url");
  CHECK(files.fault(oneCluster("token: x", "server: h, insecure-skip-tls-verify: true, certificate-authority-data: " +
                                               encodeBase64(kPem))) ==
        "config: clusters[c].cluster.insecure-skip-tls-verify");
  CHECK(files.fault("contexts: [{name: a, context: {cluster: gone}}]\ncurrent-context: a\n") ==
        "config: contexts[a].context.cluster");
  CHECK(files.fault("contexts: [{name: a}]\n") == "config: current-context");
  CHECK(files.fault("kind: Pod\n") == "config: kind");
  CHECK(files.fault("- a\n") == "config");
  CHECK(files.fault("a: [\n").starts_with(files.path() + "/config: "));

  const auto unknown = files.access(oneCluster("token: x"), "prod");
  REQUIRE(!unknown);
  CHECK(unknown.error().kind == ErrorKind::kNotFound);
  CHECK(unknown.error().message.contains("no context \"prod\"; there are: main, bare"));
  const auto missing = findAccess({}, {.home = files.path()});
  REQUIRE(!missing);
  CHECK(missing.error().message.contains(files.path() + "/.kube/config"));
}

TEST_CASE("in a cluster: the service account of the pod, unless a kubeconfig is named") {
  Files files;
  Surroundings pod{
      .home = files.path(), .service_host = "fd00::1", .service_port = "443", .service_account = files.path()};
  auto access = findAccess({}, pod);
  REQUIRE(!access);
  CHECK(access.error().message.contains(files.path() + "/token"));
  files.file("token", "t\n");
  files.file("ca.crt", kPem);
  files.file("namespace", "rollouts\n");
  access = findAccess({}, pod);
  REQUIRE_MESSAGE(access, (access ? "" : describe(access.error())));
  CHECK(access->server == "https://[fd00::1]:443");
  CHECK(access->ns == "rollouts");
  CHECK(access->token_file == files.path() + "/token");
  CHECK(access->tls.ca_file == files.path() + "/ca.crt");
  pod.kubeconfig = files.file("config", oneCluster("token: x"));
  access = findAccess({}, pod);
  REQUIRE(access);
  CHECK(access->server == "https://10.0.0.1:6443");
}

TEST_CASE("for a person, what is in the home goes before the pod's account, and other files come after it") {
  Files files;
  Surroundings pod{.home = files.path() + "/home",
                   .service_host = "10.0.0.9",
                   .service_port = "443",
                   .service_account = files.path()};
  files.file("token", "t\n");
  files.file("ca.crt", kPem);
  const KubeconfigFlags person{.acting = Acting::kForPerson};
  auto access = findAccess(person, pod);
  REQUIRE_MESSAGE(access, (access ? "" : describe(access.error())));
  CHECK(access->server == "https://10.0.0.9:443");

  pod.more_files = {files.path() + "/missing", files.file("admin", oneCluster("token: x"))};
  access = findAccess(person, pod);
  REQUIRE_MESSAGE(access, (access ? "" : describe(access.error())));
  CHECK(access->server == "https://10.0.0.1:6443");
  CHECK(*contextNames(person, pod) == std::vector<std::string>{"main", "bare"});

  const auto nowhere = findAccess(person, {.more_files = {"/nowhere/admin"}, .home = "/nowhere"});
  REQUIRE(!nowhere);
  CHECK(nowhere.error().message.contains("/nowhere/.kube/config, /nowhere/admin"));
}
