#include "apiserver/kubeconfig.h"

#include "base/base64.h"
#include "base/value.h"
#include "json/yaml.h"

namespace towpath::apiserver {

std::string makeKubeconfig(const KubeconfigOptions& options) {
  Object cluster{{"server", options.server}};
  if (!options.ca_pem.empty()) cluster.set("certificate-authority-data", encodeBase64(options.ca_pem));
  Object user;
  if (!options.token.empty()) user.set("token", options.token);
  if (!options.certificate_pem.empty()) {
    user.set("client-certificate-data", encodeBase64(options.certificate_pem));
    user.set("client-key-data", encodeBase64(options.key_pem));
  }
  Object context{{"cluster", "towpath"}, {"user", options.user}, {"namespace", options.ns}};
  return json::toYaml(Object{{"apiVersion", "v1"},
                             {"kind", "Config"},
                             {"clusters", Array{Object{{"name", "towpath"}, {"cluster", std::move(cluster)}}}},
                             {"users", Array{Object{{"name", options.user}, {"user", std::move(user)}}}},
                             {"contexts", Array{Object{{"name", "towpath"}, {"context", std::move(context)}}}},
                             {"current-context", "towpath"}});
}

}  // namespace towpath::apiserver
