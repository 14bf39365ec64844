#include "metrics/surroundings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/base64.h"
#include "base/file.h"
#include "cluster/kinds.h"

namespace towpath::metrics {
namespace {

constexpr const char* kServiceAccountNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
constexpr const char* kDefaultNamespace = "argo-rollouts";

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kSpace) - begin + 1));
}

SecretData decode(const Value& object) {
  SecretData data;
  for (const auto& [key, encoded] : object["data"].asObject()) {
    if (auto decoded = decodeBase64(encoded.asStringView())) data[key] = std::move(*decoded);
  }
  return data;
}

}  // namespace

Environment processEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
}

std::string environmentOf(const ProviderContext& context, const std::string& name) {
  return context.environment ? context.environment(name).value_or("") : "";
}

std::string controllerNamespace(const ProviderContext& context) {
  if (std::string named = environmentOf(context, "POD_NAMESPACE"); !named.empty()) return named;
  if (const auto file = readFile(kServiceAccountNamespace, 4096)) {
    if (std::string named = trimmed(*file); !named.empty()) return named;
  }
  return kDefaultNamespace;
}

std::vector<std::string> credentialNamespaces(const ProviderContext& context, const MetricRequest& request) {
  std::vector<std::string> namespaces = {controllerNamespace(context)};
  if (namespaces.front() != request.ns) namespaces.push_back(request.ns);
  return namespaces;
}

loop::Task<Result<SecretData>> readSecret(const ProviderContext& context, std::vector<std::string> namespaces,
                                          std::string name) {
  if (!context.api) co_return fail(ErrorKind::kUnsupported, "there are no Secrets here");
  for (const std::string& ns : namespaces) {
    const auto found = co_await context.api->get(cluster::kSecrets, ns, name);
    if (found) co_return decode((*found)->parse());
    if (found.error().kind != ErrorKind::kNotFound) co_return std::unexpected(found.error());
  }
  co_return fail(ErrorKind::kNotFound,
                 fmt::format("secret \"{}\" not found in namespace {}", name, fmt::join(namespaces, " or ")));
}

std::string secretText(const SecretData& secret, std::string_view key) {
  const auto found = secret.find(key);
  return found == secret.end() ? "" : trimmed(found->second);
}

}  // namespace towpath::metrics
