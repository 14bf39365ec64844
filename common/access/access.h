#pragma once
// ClusterAccess: where a Kubernetes API server is and how to prove to it who we are. Made of kubeconfig files
// (kubeconfig.h) or of a pod's service account (in_cluster.h); credentials.h uses it.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/message.h"
#include "http/transport.h"

namespace towpath::access {

// A program that prints credentials: `exec` of a kubeconfig (client.authentication.k8s.io).
struct ExecPlugin {
  std::string command;  // a path, or a name that is looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours
  std::string api_version;                                       // "client.authentication.k8s.io/v1"
  std::string install_hint;                                      // for a person, if the command is missing
  bool provide_cluster_info = false;
};

struct ClusterAccess {
  std::string source;   // for messages: "~/.kube/config, context prod", "service account"
  std::string cluster;  // the name of the cluster in the kubeconfig; empty in a cluster
  std::string server;   // "https://10.0.0.1:6443", no slash at the end; may have a path
  std::string ns;       // of the context; "default" if it names none
  http::ClientTls tls;  // the CA, the name to expect, and the client's certificate if it has one
  std::string proxy;    // empty: none was named
  http::Compression compression = http::Compression::kAllow;
  http::Headers impersonation;  // Impersonate-User and its like

  // At most one of these is used, the first that is set.
  std::optional<ExecPlugin> exec;
  std::string token_file;  // read again as it rotates
  std::string token;
  std::string username, password;  // basic authentication
};

}  // namespace towpath::access
