#pragma once
// Where the API is and how to prove who we are: read from kubeconfig files, as kubectl reads them (common/access), so
// that each of our commands works against a coordinator and against a Kubernetes cluster alike.

#include <string>
#include <vector>

#include "access/access.h"
#include "base/error.h"
#include "base/value.h"

namespace towpath::cli {

struct ConnectionFlags {
  // Empty: $TOWPATH_KUBECONFIG, $KUBECONFIG, ~/.kube/config, the coordinator's own admin file, the pod's account.
  std::string kubeconfig;
  std::string context;  // empty: the files' current-context
  std::string ns;
  std::string server;
  std::string token;
};

// kNotFound names the places that were tried and how to get a kubeconfig.
Result<access::ClusterAccess> connect(const ConnectionFlags& flags);

// The contexts of the same files, in their order.
Result<std::vector<std::string>> contextNames(const ConnectionFlags& flags);

// A self-contained kubeconfig of the connection: certificates and keys inside, for `towpath kubeconfig`.
Result<Value> toKubeconfig(const access::ClusterAccess& connection);

}  // namespace towpath::cli
