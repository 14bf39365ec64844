#pragma once
// What providers find beside the metric: the environment of the process, files, and Secrets of the credentials.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "loop/task.h"
#include "metrics/registry.h"

namespace towpath::metrics {

// "" if it is not set.
std::string environmentOf(const ProviderContext& context, const std::string& name);
// The variables of this process.
Environment processEnvironment();

// $POD_NAMESPACE, that of the service account, or argo-rollouts.
std::string controllerNamespace(const ProviderContext& context);

using SecretData = std::map<std::string, std::string, std::less<>>;
// A Secret, decoded: from the first namespace that has it. kNotFound names them.
loop::Task<Result<SecretData>> readSecret(const ProviderContext& context, std::vector<std::string> namespaces,
                                          std::string name);
// Where the credentials of a provider are looked for: the controller's namespace, then the run's own.
std::vector<std::string> credentialNamespaces(const ProviderContext& context, const MetricRequest& request);

// The value without white space around it; "" if there is none.
std::string secretText(const SecretData& secret, std::string_view key);

}  // namespace towpath::metrics
