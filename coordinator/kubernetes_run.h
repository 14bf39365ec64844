#pragma once
// The coordinator on Kubernetes: the same controllers, over a cluster's API server. No store, no agents, no API of its
// own; only counters and health are served, without TLS, as kubelet and Prometheus ask for them.

#include "base/error.h"
#include "config.h"

namespace towpath::coordinator {

// Runs until SIGTERM or SIGINT. An error means that it could not begin, or that another one leads now.
Result<void> runOnKubernetes(const Config& config);

}  // namespace towpath::coordinator
