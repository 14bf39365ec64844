#pragma once
// kubeconfig files, as client-go reads them (k8s.io/client-go/tools/clientcmd): several files are merged, and the first
// that says something wins; what a file names by a relative path lies beside that file.

#include <string>
#include <string_view>
#include <vector>

#include "access/access.h"
#include "base/error.h"
#include "base/value.h"

namespace towpath::access {

// Whom a process acts for: a program of its own account goes by that of its pod before it looks into a home.
enum class Acting { kForItself, kForPerson };

struct KubeconfigFlags {
  Acting acting = Acting::kForItself;
  std::string file;  // --kubeconfig; must exist. Empty: $KUBECONFIG, the service account of a pod, ~/.kube/config, or
                     // for a person the last two the other way round
  std::string context;  // empty: the current-context of the files
  std::string ns;       // empty: that of the context
};

// What the search for the files looks at; a value, so that a test can give another.
struct Surroundings {
  std::string kubeconfig;                  // $KUBECONFIG: paths, separated by ':'
  std::vector<std::string> more_files;     // looked at after ~/.kube/config: the first that is there
  std::string home;                        // $HOME
  std::string service_host, service_port;  // $KUBERNETES_SERVICE_HOST, _PORT
  std::string service_account = "/var/run/secrets/kubernetes.io/serviceaccount";

  static Surroundings ofThisProcess();
};

// By the flags, or by where we run. kNotFound says where it looked; kInvalid names file and field.
Result<ClusterAccess> findAccess(const KubeconfigFlags& flags, const Surroundings& surroundings);

// The names of the contexts of the files that findAccess() reads, in their order.
Result<std::vector<std::string>> contextNames(const KubeconfigFlags& flags, const Surroundings& surroundings);

struct KubeconfigFile {
  std::string path;
  Value content;
};

// kInvalid: no kubeconfig, or not YAML. kNotFound, kIo.
Result<KubeconfigFile> loadKubeconfig(const std::string& path);
// The context's cluster and user; `context` empty: the current one. `files` in the order of their precedence.
Result<ClusterAccess> accessOf(const std::vector<KubeconfigFile>& files, std::string context);

// Of the pod that we run in.
Result<ClusterAccess> inClusterAccess(const Surroundings& surroundings);

}  // namespace towpath::access
