#include "access/kubeconfig.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/base64.h"
#include "base/file.h"
#include "json/yaml.h"

namespace towpath::access {
namespace {

// One entry of clusters, users or contexts, with the file that it comes from.
struct Entry {
  const KubeconfigFile* file = nullptr;
  const Value* value = nullptr;  // the `cluster`, `user` or `context` of the entry
  std::string field;             // "users[admin].user"

  explicit operator bool() const { return value != nullptr; }
  const Value& operator[](const char* key) const { return (*value)[key]; }
  std::unexpected<Error> refuse(const char* key, std::string why) const {
    return fail(ErrorKind::kInvalid, std::move(why), fmt::format("{}: {}.{}", file->path, field, key));
  }
};

Entry findEntry(const std::vector<KubeconfigFile>& files, const char* list, const char* member, std::string_view name) {
  for (const KubeconfigFile& file : files) {
    for (const Value& entry : file.content[list].asArray()) {
      if (entry["name"].asStringView() != name || !entry[member].isObject()) continue;
      return {&file, &entry[member], fmt::format("{}[{}].{}", list, name, member)};
    }
  }
  return {};
}

std::string knownNames(const std::vector<KubeconfigFile>& files, const char* list) {
  std::string names;
  for (const KubeconfigFile& file : files) {
    for (const Value& entry : file.content[list].asArray()) {
      names += (names.empty() ? "" : ", ") + entry["name"].asString();
    }
  }
  return names.empty() ? "none" : names;
}

std::string pathsOf(const std::vector<KubeconfigFile>& files) {
  std::string paths;
  for (const KubeconfigFile& file : files) paths += (paths.empty() ? "" : ", ") + file.path;
  return paths;
}

std::string besides(const KubeconfigFile& file, const std::string& path) {
  if (path.starts_with('/')) return path;
  const std::size_t slash = file.path.rfind('/');
  return slash == std::string::npos ? path : file.path.substr(0, slash + 1) + path;
}

Result<std::string> readText(const Entry& entry, const char* key) {
  const Value& value = entry[key];
  if (value.isNull()) return std::string();
  if (!value.isString()) return entry.refuse(key, fmt::format("is a {}, not a string", toString(value.kind())));
  return value.asString();
}

// "key-data" holds base64; "key" names a file, which is read by each new connection, so that it may rotate.
Result<void> readPem(const Entry& entry, const std::string& key, std::string& pem, std::string& file) {
  const std::string data_key = key + "-data";
  const Result<std::string> data = readText(entry, data_key.c_str());
  if (!data) return std::unexpected(data.error());
  if (!data->empty()) {
    auto bytes = decodeBase64(*data);
    if (!bytes) return entry.refuse(data_key.c_str(), "is not base64");
    if (!bytes->contains("-----BEGIN")) return entry.refuse(data_key.c_str(), "is not PEM, once its base64 is undone");
    pem = std::move(*bytes);
    return {};
  }
  const Result<std::string> path = readText(entry, key.c_str());
  if (!path) return std::unexpected(path.error());
  if (path->empty()) return {};
  file = besides(*entry.file, *path);
  if (::access(file.c_str(), R_OK) != 0) return entry.refuse(key.c_str(), lastOsError(file).message);
  return {};
}

Result<void> readCluster(const Entry& cluster, ClusterAccess& access) {
  const Result<std::string> server = readText(cluster, "server");
  if (!server) return std::unexpected(server.error());
  access.server = *server;
  while (access.server.ends_with('/')) access.server.pop_back();
  if (access.server.empty()) return cluster.refuse("server", "is missing: the URL of the API server");
  if (!access.server.contains("://")) access.server = "https://" + access.server;
  if (!access.server.starts_with("https://") && !access.server.starts_with("http://")) {
    return cluster.refuse("server", fmt::format("is \"{}\", not an https:// or http:// URL", access.server));
  }
  if (auto read = readPem(cluster, "certificate-authority", access.tls.ca_pem, access.tls.ca_file); !read) return read;
  const Result<std::string> name = readText(cluster, "tls-server-name");
  if (!name) return std::unexpected(name.error());
  access.tls.expected_name = *name;
  const Result<std::string> proxy = readText(cluster, "proxy-url");
  if (!proxy) return std::unexpected(proxy.error());
  const bool known = proxy->starts_with("http://") || proxy->starts_with("https://") || proxy->starts_with("socks5://");
  if (!proxy->empty() && !known) {
    return cluster.refuse("proxy-url", fmt::format("is \"{}\"; http, https and socks5 URLs are understood", *proxy));
  }
  access.proxy = *proxy;
  if (cluster["insecure-skip-tls-verify"].asBool()) {
    if (!access.tls.ca_pem.empty() || !access.tls.ca_file.empty()) {
      return cluster.refuse("insecure-skip-tls-verify", "is true although a certificate-authority is given: drop one");
    }
    access.tls.verify = http::Verify::kNo;
  }
  if (cluster["disable-compression"].asBool()) access.compression = http::Compression::kNo;
  return {};
}

Result<void> readExec(const Entry& user, ClusterAccess& access) {
  const Value& exec = user["exec"];
  if (exec.isNull()) return {};
  ExecPlugin plugin{.command = exec["command"].asString(),
                    .api_version = exec["apiVersion"].asString(),
                    .install_hint = exec["installHint"].asString(),
                    .provide_cluster_info = exec["provideClusterInfo"].asBool()};
  if (plugin.command.empty()) return user.refuse("exec.command", "is missing");
  // client-go: a path with a slash is beside the kubeconfig, a bare name is looked up in PATH.
  if (plugin.command.contains('/')) plugin.command = besides(*user.file, plugin.command);
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1") {
    return user.refuse(
        "exec.apiVersion",
        fmt::format("is \"{}\"; client.authentication.k8s.io/v1 and v1beta1 are understood", plugin.api_version));
  }
  const std::string_view mode = exec["interactiveMode"].asStringView();
  if (mode == "Always") return user.refuse("exec.interactiveMode", "is Always, and a daemon has no terminal");
  if (mode.empty() && plugin.api_version.ends_with("/v1")) {
    return user.refuse("exec.interactiveMode", "is missing: Never or IfAvailable");
  }
  for (const Value& argument : exec["args"].asArray()) plugin.arguments.push_back(argument.asString());
  for (const Value& variable : exec["env"].asArray()) {
    plugin.environment.emplace_back(variable["name"].asString(), variable["value"].asString());
  }
  access.exec = std::move(plugin);
  return {};
}

Result<void> readImpersonation(const Entry& user, http::Headers& headers) {
  const Result<std::string> as = readText(user, "as");
  if (!as) return std::unexpected(as.error());
  if (!as->empty()) headers.add("Impersonate-User", *as);
  if (const std::string uid = user["as-uid"].asString(); !uid.empty()) headers.add("Impersonate-Uid", uid);
  for (const Value& group : user["as-groups"].asArray()) headers.add("Impersonate-Group", group.asString());
  for (const auto& [key, values] : user["as-user-extra"].asObject()) {
    for (const Value& value : values.asArray()) {
      headers.add("Impersonate-Extra-" + http::percentEncode(key), value.asString());
    }
  }
  if (!headers.empty() && as->empty()) return user.refuse("as", "is missing beside the other as-… fields");
  return {};
}

Result<void> readUser(const Entry& user, ClusterAccess& access) {
  http::ClientTls& tls = access.tls;
  if (auto read = readPem(user, "client-certificate", tls.certificate_pem, tls.certificate_file); !read) return read;
  if (auto read = readPem(user, "client-key", tls.key_pem, tls.key_file); !read) return read;
  const bool has_certificate = !tls.certificate_pem.empty() || !tls.certificate_file.empty();
  const bool has_key = !tls.key_pem.empty() || !tls.key_file.empty();
  if (has_certificate && !has_key) return user.refuse("client-key", "is missing: a client-certificate is given");
  if (has_key && !has_certificate) return user.refuse("client-certificate", "is missing: a client-key is given");
  for (const auto& [key, target] : {std::pair("token", &access.token), std::pair("tokenFile", &access.token_file),
                                    std::pair("username", &access.username), std::pair("password", &access.password)}) {
    Result<std::string> text = readText(user, key);
    if (!text) return std::unexpected(text.error());
    *target = std::move(*text);
  }
  if (!access.token_file.empty()) access.token_file = besides(*user.file, access.token_file);
  if (access.username.empty() && !access.password.empty())
    return user.refuse("username", "is missing: a password is given");
  if (access.username.contains(':')) return user.refuse("username", "has a colon, which basic authentication forbids");
  if (user["auth-provider"].isObject()) {
    return user.refuse("auth-provider", "is no longer part of Kubernetes: use an exec plugin");
  }
  if (auto read = readExec(user, access); !read) return read;
  return readImpersonation(user, access.impersonation);
}

}  // namespace

Result<KubeconfigFile> loadKubeconfig(const std::string& path) {
  constexpr std::size_t kMost = 4u << 20;
  auto text = readFile(path, kMost);
  if (!text) return std::unexpected(text.error());
  // An empty file is one that says nothing, as `kubectl config` leaves it.
  if (text->find_first_not_of(" \r\n\t") == std::string::npos) return KubeconfigFile{path, Object{}};
  auto content = json::parseYamlDocument(*text);
  if (!content) return std::unexpected(withContext(content.error(), path));
  if (!content->isObject()) return fail(ErrorKind::kInvalid, "is not a kubeconfig", path);
  const std::string_view kind = std::as_const(*content)["kind"].asStringView();
  if (!kind.empty() && kind != "Config") {
    return fail(ErrorKind::kInvalid, fmt::format("is \"{}\"; a kubeconfig has kind Config", kind), path + ": kind");
  }
  return KubeconfigFile{path, std::move(*content)};
}

Result<ClusterAccess> accessOf(const std::vector<KubeconfigFile>& files, std::string context_name) {
  for (const KubeconfigFile& file : files) {
    if (context_name.empty()) context_name = file.content["current-context"].asString();
  }
  if (context_name.empty()) {
    return fail(ErrorKind::kInvalid,
                fmt::format("is empty: choose one by --context; there are: {}", knownNames(files, "contexts")),
                pathsOf(files) + ": current-context");
  }
  const Entry context = findEntry(files, "contexts", "context", context_name);
  if (!context) {
    return fail(ErrorKind::kNotFound, fmt::format("{} has no context \"{}\"; there are: {}", pathsOf(files),
                                                  context_name, knownNames(files, "contexts")));
  }
  ClusterAccess access{.source = fmt::format("{}, context {}", context.file->path, context_name),
                       .cluster = context["cluster"].asString()};
  access.ns = context["namespace"].asString("default");
  const Entry cluster = findEntry(files, "clusters", "cluster", access.cluster);
  if (!cluster) {
    return context.refuse(
        "cluster", fmt::format("names \"{}\"; the clusters are: {}", access.cluster, knownNames(files, "clusters")));
  }
  if (auto read = readCluster(cluster, access); !read) return std::unexpected(read.error());
  const std::string user_name = context["user"].asString();
  if (user_name.empty()) return access;
  const Entry user = findEntry(files, "users", "user", user_name);
  if (!user) {
    return context.refuse("user",
                          fmt::format("names \"{}\"; the users are: {}", user_name, knownNames(files, "users")));
  }
  if (auto read = readUser(user, access); !read) return std::unexpected(read.error());
  return access;
}

Result<ClusterAccess> inClusterAccess(const Surroundings& surroundings) {
  const std::string& host = surroundings.service_host;
  if (host.empty() || surroundings.service_port.empty()) {
    return fail(ErrorKind::kNotFound, "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
  }
  const std::string& folder = surroundings.service_account;
  ClusterAccess access{.source = "service account"};
  access.server = fmt::format("https://{}:{}", host.contains(':') ? "[" + host + "]" : host, surroundings.service_port);
  access.token_file = folder + "/token";
  access.tls.ca_file = folder + "/ca.crt";
  for (const std::string& file : {access.token_file, access.tls.ca_file}) {
    if (::access(file.c_str(), R_OK) == 0) continue;
    return std::unexpected(withContext(lastOsError(file), "the pod's service account (automountServiceAccountToken)"));
  }
  const Result<std::string> ns = readFile(folder + "/namespace", 4096);
  access.ns = ns ? ns->substr(0, ns->find_last_not_of(" \r\n\t") + 1) : "default";
  return access;
}

Surroundings Surroundings::ofThisProcess() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  return {.kubeconfig = variable("KUBECONFIG"),
          .home = variable("HOME"),
          .service_host = variable("KUBERNETES_SERVICE_HOST"),
          .service_port = variable("KUBERNETES_SERVICE_PORT")};
}

namespace {

// Where a kubeconfig is looked for that nobody names.
std::vector<std::string> homes(const Surroundings& surroundings) {
  std::vector<std::string> paths = {surroundings.home + "/.kube/config"};
  paths.insert(paths.end(), surroundings.more_files.begin(), surroundings.more_files.end());
  return paths;
}

// The files that $KUBECONFIG lists; those that are not there are passed over.
Result<std::vector<KubeconfigFile>> loadListed(std::string_view list) {
  std::vector<KubeconfigFile> files;
  while (!list.empty()) {
    const std::size_t colon = list.find(':');
    const std::string path(list.substr(0, colon));
    list = colon == std::string_view::npos ? std::string_view() : list.substr(colon + 1);
    if (path.empty()) continue;
    auto file = loadKubeconfig(path);
    if (!file && file.error().kind == ErrorKind::kNotFound) continue;
    if (!file) return std::unexpected(file.error());
    files.push_back(std::move(*file));
  }
  return files;
}

// The files by the flags or by where we run; none: there are none, and the pod's account is meant if there is one.
Result<std::vector<KubeconfigFile>> searchFiles(const KubeconfigFlags& flags, const Surroundings& surroundings) {
  std::vector<KubeconfigFile> files;
  if (!flags.file.empty()) {
    auto file = loadKubeconfig(flags.file);
    if (!file) return std::unexpected(file.error());
    files.push_back(*std::move(file));
    return files;
  }
  if (!surroundings.kubeconfig.empty()) {
    auto listed = loadListed(surroundings.kubeconfig);
    if (listed && listed->empty()) {
      return fail(ErrorKind::kNotFound, "$KUBECONFIG names no file that exists: " + surroundings.kubeconfig);
    }
    return listed;
  }
  const bool in_cluster = !surroundings.service_host.empty() && flags.context.empty();
  if (in_cluster && flags.acting == Acting::kForItself) return files;
  for (const std::string& path : homes(surroundings)) {
    // One that only root may read is not meant for this person.
    const bool own = path.starts_with(surroundings.home);
    if (!own && ::access(path.c_str(), R_OK) != 0) continue;
    auto file = loadKubeconfig(path);
    if (!file && file.error().kind == ErrorKind::kNotFound) continue;
    if (!file) return std::unexpected(file.error());
    files.push_back(*std::move(file));
    break;
  }
  return files;
}

}  // namespace

Result<std::vector<std::string>> contextNames(const KubeconfigFlags& flags, const Surroundings& surroundings) {
  const auto files = searchFiles(flags, surroundings);
  if (!files) return std::unexpected(files.error());
  std::vector<std::string> names;
  for (const KubeconfigFile& file : *files) {
    for (const Value& entry : file.content["contexts"].asArray()) {
      std::string name = entry["name"].asString();
      if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
  }
  return names;
}

Result<ClusterAccess> findAccess(const KubeconfigFlags& flags, const Surroundings& surroundings) {
  const auto files = searchFiles(flags, surroundings);
  if (!files) return std::unexpected(files.error());
  Result<ClusterAccess> access = fail(ErrorKind::kNotFound, "");
  if (!files->empty()) {
    access = accessOf(*files, flags.context);
  } else if (!surroundings.service_host.empty() && flags.context.empty()) {
    access = inClusterAccess(surroundings);
  } else {
    std::string looked_at = "--kubeconfig, $KUBECONFIG, the service account of a pod";
    for (const std::string& path : homes(surroundings)) looked_at += ", " + path;
    return fail(ErrorKind::kNotFound, "no kubeconfig: looked at " + looked_at);
  }
  if (access && !flags.ns.empty()) access->ns = flags.ns;
  return access;
}

}  // namespace towpath::access
