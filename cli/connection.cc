#include "cli/connection.h"

#include <cstdlib>
#include <utility>

#include "access/kubeconfig.h"
#include "base/base64.h"
#include "base/file.h"

namespace towpath::cli {
namespace {

constexpr const char* kAdminKubeconfig = "/var/lib/towpath-coordinator/admin.kubeconfig";

access::Surroundings ourSurroundings() {
  access::Surroundings surroundings = access::Surroundings::ofThisProcess();
  if (const char* ours = std::getenv("TOWPATH_KUBECONFIG"); ours && *ours) surroundings.kubeconfig = ours;
  surroundings.more_files = {kAdminKubeconfig};
  return surroundings;
}

// The PEM itself, or that of the file.
Result<std::string> pemOf(const std::string& pem, const std::string& file) {
  if (!pem.empty() || file.empty()) return pem;
  return readFile(file);
}

// Adds "<key>-data" with the PEM in base64, if there is one.
Result<void> addPem(Object& section, const std::string& key, const std::string& pem, const std::string& file) {
  const Result<std::string> text = pemOf(pem, file);
  if (!text) return std::unexpected(text.error());
  if (!text->empty()) section.set(key + "-data", encodeBase64(*text));
  return {};
}

Result<Object> clusterSection(const access::ClusterAccess& connection) {
  Object cluster{{"server", connection.server}};
  const http::ClientTls& tls = connection.tls;
  if (auto added = addPem(cluster, "certificate-authority", tls.ca_pem, tls.ca_file); !added)
    return std::unexpected(added.error());
  if (!tls.expected_name.empty()) cluster.set("tls-server-name", tls.expected_name);
  if (tls.verify == http::Verify::kNo) cluster.set("insecure-skip-tls-verify", true);
  if (!connection.proxy.empty()) cluster.set("proxy-url", connection.proxy);
  return cluster;
}

Value execSection(const access::ExecPlugin& plugin) {
  Array arguments, environment;
  for (const std::string& argument : plugin.arguments) arguments.push_back(argument);
  for (const auto& [name, value] : plugin.environment) environment.push_back(Object{{"name", name}, {"value", value}});
  return Object{{"apiVersion", plugin.api_version}, {"command", plugin.command},
                {"args", std::move(arguments)},     {"env", std::move(environment)},
                {"interactiveMode", "IfAvailable"}, {"provideClusterInfo", plugin.provide_cluster_info}};
}

Result<Object> userSection(const access::ClusterAccess& connection) {
  Object user;
  const http::ClientTls& tls = connection.tls;
  if (auto added = addPem(user, "client-certificate", tls.certificate_pem, tls.certificate_file); !added)
    return std::unexpected(added.error());
  if (auto added = addPem(user, "client-key", tls.key_pem, tls.key_file); !added) return std::unexpected(added.error());
  if (connection.exec) user.set("exec", execSection(*connection.exec));
  if (!connection.token_file.empty()) user.set("tokenFile", connection.token_file);
  if (!connection.token.empty()) user.set("token", connection.token);
  if (!connection.username.empty()) {
    user.set("username", connection.username);
    user.set("password", connection.password);
  }
  return user;
}

}  // namespace

Result<std::vector<std::string>> contextNames(const ConnectionFlags& flags) {
  return access::contextNames({.acting = access::Acting::kForPerson, .file = flags.kubeconfig}, ourSurroundings());
}

Result<access::ClusterAccess> connect(const ConnectionFlags& flags) {
  auto found = access::findAccess(
      {.acting = access::Acting::kForPerson, .file = flags.kubeconfig, .context = flags.context, .ns = flags.ns},
      ourSurroundings());
  if (!found) {
    Error error = found.error();
    if (error.kind == ErrorKind::kNotFound && error.message.starts_with("no kubeconfig")) {
      error.message += ". On the coordinator's machine, `towpath kubeconfig` as root prints one";
    }
    return std::unexpected(std::move(error));
  }
  if (!flags.server.empty()) found->server = flags.server;
  while (found->server.ends_with('/')) found->server.pop_back();
  if (!flags.token.empty()) {
    found->token = flags.token;
    found->token_file.clear();
    found->exec.reset();
  }
  return found;
}

Result<Value> toKubeconfig(const access::ClusterAccess& connection) {
  auto cluster = clusterSection(connection);
  if (!cluster) return std::unexpected(cluster.error());
  auto user = userSection(connection);
  if (!user) return std::unexpected(user.error());
  const std::string name = connection.cluster.empty() ? "towpath" : connection.cluster;
  return Value(
      Object{{"apiVersion", "v1"},
             {"kind", "Config"},
             {"clusters", Array{Object{{"name", name}, {"cluster", *std::move(cluster)}}}},
             {"users", Array{Object{{"name", "admin"}, {"user", *std::move(user)}}}},
             {"contexts",
              Array{Object{{"name", name},
                           {"context", Object{{"cluster", name}, {"user", "admin"}, {"namespace", connection.ns}}}}}},
             {"current-context", name}});
}

}  // namespace towpath::cli
