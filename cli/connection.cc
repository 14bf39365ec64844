#include "cli/connection.h"

#include <unistd.h>

#include <cstdlib>

#include "base/base64.h"
#include "base/file.h"
#include "json/yaml.h"

namespace towpath::cli {
namespace {

constexpr const char* kAdminKubeconfig = "/var/lib/towpath-coordinator/admin.kubeconfig";

std::string fromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Result<std::string> findKubeconfig(const ConnectionFlags& flags) {
  if (!flags.kubeconfig.empty()) return flags.kubeconfig;
  for (const char* variable : {"TOWPATH_KUBECONFIG", "KUBECONFIG"}) {
    const std::string named = fromEnvironment(variable);
    // kubectl merges a list of files; the first is the one that is written to, and enough for us.
    if (!named.empty()) return named.substr(0, named.find(':'));
  }
  const std::string home = fromEnvironment("HOME") + "/.kube/config";
  for (const std::string& path : {home, std::string(kAdminKubeconfig)}) {
    if (::access(path.c_str(), R_OK) == 0) return path;
  }
  return fail(ErrorKind::kNotFound,
              fmt::format("no kubeconfig: looked at --kubeconfig, $TOWPATH_KUBECONFIG, $KUBECONFIG, {} and {}. On the "
                          "coordinator's machine, `towpath kubeconfig` as root prints one",
                          home, kAdminKubeconfig));
}

const Value& findNamed(const Value& config, std::string_view list, std::string_view name, std::string_view member) {
  for (const Value& entry : config[list].asArray()) {
    if (entry["name"].asStringView() == name) return entry[member];
  }
  return Value::null();
}

// "x-data" holds base64, "x" names a file, relative to the kubeconfig.
Result<std::string> readPem(const Value& section, const std::string& key, const std::string& directory) {
  if (section[key + "-data"].isString()) {
    const auto bytes = decodeBase64(section[key + "-data"].asStringView());
    if (!bytes) return fail(ErrorKind::kInvalid, "is not base64", key + "-data");
    return *bytes;
  }
  if (!section[key].isString()) return std::string();
  const std::string path = section[key].asString();
  return readFile(path.starts_with('/') ? path : directory + path);
}

Result<void> readCredentials(const Value& cluster, const Value& user, const std::string& directory,
                             Connection& connection) {
  struct Part {
    const Value& section;
    const char* key;
    std::string& target;
  };
  for (const Part& part : {Part{cluster, "certificate-authority", connection.tls.ca_pem},
                           Part{user, "client-certificate", connection.tls.certificate_pem},
                           Part{user, "client-key", connection.tls.key_pem}}) {
    auto pem = readPem(part.section, part.key, directory);
    if (!pem) return std::unexpected(pem.error());
    part.target = *std::move(pem);
  }
  connection.bearer_token = user["token"].asString();
  if (user["tokenFile"].isString()) {
    auto token = readFile(user["tokenFile"].asString());
    if (!token) return std::unexpected(token.error());
    connection.bearer_token = token->substr(0, token->find_last_not_of(" \r\n\t") + 1);
  }
  if (user["exec"].isObject())
    return fail(ErrorKind::kUnsupported, "credential plugins are not supported: use a token or a certificate",
                "users[].user.exec");
  connection.tls.expected_name = cluster["tls-server-name"].asString();
  if (cluster["insecure-skip-tls-verify"].asBool()) connection.tls.verify = http::Verify::kNo;
  return {};
}

}  // namespace

Result<Connection> connect(const ConnectionFlags& flags) {
  const auto path = findKubeconfig(flags);
  if (!path) return std::unexpected(path.error());
  const auto text = readFile(*path);
  if (!text) return std::unexpected(text.error());
  const auto config = json::parseYamlDocument(*text);
  if (!config) return std::unexpected(withContext(config.error(), *path));

  const std::string context_name = flags.context.empty() ? (*config)["current-context"].asString() : flags.context;
  const Value& context = findNamed(*config, "contexts", context_name, "context");
  if (!context.isObject())
    return fail(ErrorKind::kNotFound, fmt::format("{} has no context \"{}\"", *path, context_name));
  const Value& cluster = findNamed(*config, "clusters", context["cluster"].asStringView(), "cluster");
  const Value& user = findNamed(*config, "users", context["user"].asStringView(), "user");
  if (!cluster.isObject())
    return fail(ErrorKind::kNotFound, fmt::format("{} has no cluster \"{}\"", *path, context["cluster"].asString()));

  Connection connection;
  connection.cluster_name = context["cluster"].asString();
  connection.server = flags.server.empty() ? cluster["server"].asString() : flags.server;
  while (connection.server.ends_with('/')) connection.server.pop_back();
  connection.ns = !flags.ns.empty() ? flags.ns : context["namespace"].asString("default");
  const std::string directory = path->substr(0, path->rfind('/') + 1);
  if (auto read = readCredentials(cluster, user, directory, connection); !read)
    return std::unexpected(withContext(read.error(), *path));
  if (!flags.token.empty()) connection.bearer_token = flags.token;
  return connection;
}

Result<Value> toKubeconfig(const Connection& connection) {
  Object cluster{{"server", connection.server}};
  if (!connection.tls.ca_pem.empty()) cluster.set("certificate-authority-data", encodeBase64(connection.tls.ca_pem));
  if (!connection.tls.expected_name.empty()) cluster.set("tls-server-name", connection.tls.expected_name);
  Object user;
  if (!connection.tls.certificate_pem.empty()) {
    user.set("client-certificate-data", encodeBase64(connection.tls.certificate_pem));
    user.set("client-key-data", encodeBase64(connection.tls.key_pem));
  }
  if (!connection.bearer_token.empty()) user.set("token", connection.bearer_token);
  const std::string name = connection.cluster_name.empty() ? "towpath" : connection.cluster_name;
  return Value(
      Object{{"apiVersion", "v1"},
             {"kind", "Config"},
             {"clusters", Array{Object{{"name", name}, {"cluster", std::move(cluster)}}}},
             {"users", Array{Object{{"name", "admin"}, {"user", std::move(user)}}}},
             {"contexts",
              Array{Object{{"name", name},
                           {"context", Object{{"cluster", name}, {"user", "admin"}, {"namespace", connection.ns}}}}}},
             {"current-context", name}});
}

}  // namespace towpath::cli
