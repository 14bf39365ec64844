#pragma once
// The kubeconfig with which kubectl and our CLI reach this server.

#include <string>

namespace towpath::apiserver {

struct KubeconfigOptions {
  std::string server;  // "https://coordinator:7443"
  std::string ca_pem;
  std::string user = "admin";
  // One of both: a bearer token (Authenticator::createToken), or a certificate of our CA whose URI names the user
  // (auth.h).
  std::string token;
  std::string certificate_pem;
  std::string key_pem;
  std::string ns = "default";
};

// As YAML. It holds a secret: write it with mode 0600.
std::string makeKubeconfig(const KubeconfigOptions& options);

}  // namespace towpath::apiserver
