#include "supervise/pod_spec.h"

#include "base/quantity.h"

namespace towpath::supervise {
namespace {

std::vector<std::string> readStrings(const Value& list) {
  std::vector<std::string> strings;
  for (const Value& item : list.asArray()) strings.push_back(item.asString());
  return strings;
}

Result<std::vector<PortSpec>> readPorts(const Value& ports, const std::string& path) {
  std::vector<PortSpec> read;
  for (const Value& port : ports.asArray()) {
    PortSpec spec{port["name"].asString(), static_cast<std::int32_t>(port["containerPort"].asInt()),
                  static_cast<std::int32_t>(port["hostPort"].asInt()), port["protocol"].asString("TCP")};
    if (spec.container_port < 1 || spec.container_port > 65535) {
      return fail(ErrorKind::kInvalid, "must be between 1 and 65535",
                  fmt::format("{}[{}].containerPort", path, read.size()));
    }
    read.push_back(std::move(spec));
  }
  return read;
}

Result<ResourceLimits> readLimits(const Value& limits, const std::string& path) {
  ResourceLimits read;
  if (const std::string memory =
          limits["memory"].isInt() ? std::to_string(limits["memory"].asInt()) : limits["memory"].asString();
      !memory.empty()) {
    const auto milli = parseQuantityMilli(memory);
    if (!milli) return fail(ErrorKind::kInvalid, milli.error().message, path + ".memory");
    read.memory_bytes = *milli / 1000;
  }
  if (const std::string cpu = limits["cpu"].isInt() ? std::to_string(limits["cpu"].asInt()) : limits["cpu"].asString();
      !cpu.empty()) {
    const auto milli = parseQuantityMilli(cpu);
    if (!milli) return fail(ErrorKind::kInvalid, milli.error().message, path + ".cpu");
    read.cpu_milli = *milli;
  }
  return read;
}

std::optional<std::int64_t> firstInt(const Value& container, const Value& pod, std::string_view key) {
  if (container[key].isInt()) return container[key].asInt();
  if (pod[key].isInt()) return pod[key].asInt();
  return std::nullopt;
}

Result<ContainerSpec> readContainer(const Value& container, const Value& pod_security, const std::string& path) {
  if (!container["volumeMounts"].asArray().empty()) {
    return fail(ErrorKind::kUnsupported,
                "the process runtime shares the node's file system and cannot mount volumes: pass ConfigMaps and "
                "Secrets through env or envFrom",
                path + ".volumeMounts");
  }
  if (container["lifecycle"].isObject()) {
    return fail(ErrorKind::kUnsupported, "lifecycle hooks are not available to the process runtime: handle SIGTERM",
                path + ".lifecycle");
  }
  ContainerSpec spec;
  spec.name = container["name"].asString();
  spec.image = container["image"].asString();
  if (spec.image.empty()) return fail(ErrorKind::kInvalid, "must name an artifact", path + ".image");
  spec.command = readStrings(container["command"]);
  spec.args = readStrings(container["args"]);
  spec.working_dir = container["workingDir"].asString();
  spec.env = container["env"];
  spec.env_from = container["envFrom"];
  auto ports = readPorts(container["ports"], path + ".ports");
  if (!ports) return std::unexpected(ports.error());
  spec.ports = *std::move(ports);
  auto limits = readLimits(container["resources"]["limits"], path + ".resources.limits");
  if (!limits) return std::unexpected(limits.error());
  spec.limits = *limits;
  const Value& security = container["securityContext"];
  spec.run_as_user = firstInt(security, pod_security, "runAsUser");
  spec.run_as_group = firstInt(security, pod_security, "runAsGroup");
  spec.run_as_non_root =
      security["runAsNonRoot"].isBool() ? security["runAsNonRoot"].asBool() : pod_security["runAsNonRoot"].asBool();
  spec.no_new_privileges = !security["allowPrivilegeEscalation"].asBool(true);
  spec.startup_probe = container["startupProbe"];
  spec.readiness_probe = container["readinessProbe"];
  spec.liveness_probe = container["livenessProbe"];
  return spec;
}

Result<std::vector<ContainerSpec>> readContainers(const Value& list, const Value& pod_security,
                                                  const std::string& path) {
  std::vector<ContainerSpec> read;
  for (const Value& container : list.asArray()) {
    auto spec = readContainer(container, pod_security, fmt::format("{}[{}]", path, read.size()));
    if (!spec) return std::unexpected(spec.error());
    read.push_back(*std::move(spec));
  }
  return read;
}

}  // namespace

Result<PodSpec> readPodSpec(const Value& pod) {
  const Value& metadata = pod["metadata"];
  const Value& spec = pod["spec"];
  PodSpec read;
  read.ns = metadata["namespace"].asString();
  read.name = metadata["name"].asString();
  read.uid = metadata["uid"].asString();
  read.metadata = metadata;
  read.deleting = metadata["deletionTimestamp"].isString();
  const std::int64_t grace =
      metadata["deletionGracePeriodSeconds"].asInt(spec["terminationGracePeriodSeconds"].asInt(30));
  read.grace_period = std::chrono::seconds(std::max<std::int64_t>(grace, 0));
  const std::string policy = spec["restartPolicy"].asString("Always");
  if (policy == "Always")
    read.restart_policy = RestartPolicy::kAlways;
  else if (policy == "OnFailure")
    read.restart_policy = RestartPolicy::kOnFailure;
  else if (policy == "Never")
    read.restart_policy = RestartPolicy::kNever;
  else
    return fail(ErrorKind::kInvalid, "must be Always, OnFailure or Never", "spec.restartPolicy");
  auto init = readContainers(spec["initContainers"], spec["securityContext"], "spec.initContainers");
  if (!init) return std::unexpected(init.error());
  auto containers = readContainers(spec["containers"], spec["securityContext"], "spec.containers");
  if (!containers) return std::unexpected(containers.error());
  if (containers->empty()) return fail(ErrorKind::kInvalid, "must have at least one container", "spec.containers");
  read.init_containers = *std::move(init);
  read.containers = *std::move(containers);
  return read;
}

}  // namespace towpath::supervise
