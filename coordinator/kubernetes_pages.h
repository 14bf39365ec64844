#pragma once
// What the coordinator on Kubernetes serves: /healthz, /livez, /readyz, /metrics and /loglevel, without TLS, as kubelet
// and Prometheus ask for them.

#include "delivery.h"
#include "http/handler.h"
#include "kubernetes/kube_api.h"
#include "loop/task.h"

namespace towpath::coordinator {

class KubernetesPages {
 public:
  struct Parts {
    Delivery& delivery;
    const kubernetes::KubeApi& api;        // the controllers'
    const kubernetes::KubeApi& lease_api;  // the election's
    const bool& working;                   // we lead
  };
  explicit KubernetesPages(Parts parts) : parts_(parts) {}

  loop::Task<void> serve(http::Request& request, http::ResponseWriter& response);

 private:
  loop::Task<void> serveLogLevel(http::Request& request, http::ResponseWriter& response);
  std::string metrics();

  Parts parts_;
};

}  // namespace towpath::coordinator
