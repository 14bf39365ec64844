// kubeconfig files: a context is found with a server to go to, or the error says what is wrong and where.

#include "access/kubeconfig.h"

#include "fuzz.h"
#include "json/yaml.h"

namespace towpath::fuzz {

void run(std::string_view input) {
  auto content = json::parseYamlDocument(input);
  if (!content) return;
  const auto access = access::accessOf({{"/nowhere/config", *std::move(content)}}, "");
  if (!access) {
    require(describe(access.error()).contains("/nowhere/config"), describe(access.error()));
    return;
  }
  require(access->server.starts_with("http"), "a server is a URL");
  const http::ClientTls& tls = access->tls;
  const bool has_key = !tls.key_pem.empty() || !tls.key_file.empty();
  require(has_key == (!tls.certificate_pem.empty() || !tls.certificate_file.empty()),
          "a key goes with its certificate");
}

}  // namespace towpath::fuzz
