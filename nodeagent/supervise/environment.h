#pragma once
// The environment of an instance: env and envFrom with their references, service addresses, ports, and $(VAR) expansion
// as Kubernetes does it (a reference to an unknown variable stays as it is; $$ is an escaped $).

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "supervise/pod_spec.h"
#include "supervise/supervisor.h"

namespace towpath::supervise {

using Environment = std::vector<std::pair<std::string, std::string>>;

struct EnvironmentInput {
  const PodSpec& pod;
  const ContainerSpec& container;
  const std::map<std::string, Value>& config_maps;
  const std::map<std::string, Value>& secrets;
  const std::vector<std::pair<std::string, std::string>>& service_environment;
  const std::vector<InstancePort>& ports;
  const std::string& node_name;
  const std::string& node_address;
};

// In order of rising precedence: service addresses, PORT and PORT_<NAME>, POD_NAME and its like, envFrom, env.
Result<Environment> buildEnvironment(const EnvironmentInput& input);

std::string expand(std::string_view text, const Environment& environment);

}  // namespace towpath::supervise
