#pragma once
// Where the API is and how to prove who we are: read from a kubeconfig, as kubectl reads it, so that each of our
// commands works against a coordinator and against a Kubernetes cluster alike.

#include <string>

#include "base/error.h"
#include "base/value.h"
#include "http/client.h"

namespace towpath::cli {

struct Connection {
  std::string server;  // "https://127.0.0.1:6443", no slash at the end
  std::string ns;      // of the context; "default" if it names none
  std::string bearer_token;
  http::ClientTls tls;
  std::string cluster_name;
};

struct ConnectionFlags {
  std::string
      kubeconfig;  // empty: $TOWPATH_KUBECONFIG, $KUBECONFIG, ~/.kube/config, then the coordinator's own admin file
  std::string context;  // empty: the file's current-context
  std::string ns;
  std::string server;
  std::string token;
};

// kNotFound names the places that were tried and how to get a kubeconfig.
Result<Connection> connect(const ConnectionFlags& flags);

// A self-contained kubeconfig of the connection: certificates and keys inside, for `towpath kubeconfig`.
Result<Value> toKubeconfig(const Connection& connection);

}  // namespace towpath::cli
