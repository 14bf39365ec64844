#include "supervise/environment.h"

#include <cctype>

#include "base/base64.h"
#include "base/quantity.h"

namespace towpath::supervise {
namespace {

void set(Environment& environment, std::string name, std::string value) {
  for (auto& [existing, text] : environment) {
    if (existing == name) {
      text = std::move(value);
      return;
    }
  }
  environment.emplace_back(std::move(name), std::move(value));
}

std::string upperName(std::string_view name) {
  std::string upper;
  for (const char c : name) {
    upper.push_back(std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::toupper(c)) : '_');
  }
  return upper;
}

enum class Source { kConfigMap, kSecret };

// The key's value in a ConfigMap (data) or Secret (data in base64; stringData is folded into data by the server).
std::optional<std::string> lookUp(const Value& object, std::string_view key, Source source) {
  const Value& value = object["data"][key];
  if (!value.isString()) return std::nullopt;
  return source == Source::kSecret ? decodeBase64(value.asStringView()).value_or("") : value.asString();
}

const std::map<std::string, Value>& objectsOf(const EnvironmentInput& input, Source source) {
  return source == Source::kSecret ? input.secrets : input.config_maps;
}

const char* kindOf(Source source) { return source == Source::kSecret ? "Secret" : "ConfigMap"; }

Result<std::optional<std::string>> resolveKeyRef(const EnvironmentInput& input, const Value& ref, Source source,
                                                 const std::string& path) {
  const std::string name = ref["name"].asString();
  const std::string key = ref["key"].asString();
  const auto& objects = objectsOf(input, source);
  const auto found = objects.find(name);
  const std::optional<std::string> value = found == objects.end() ? std::nullopt : lookUp(found->second, key, source);
  if (value || ref["optional"].asBool()) return value;
  if (found == objects.end()) {
    return fail(ErrorKind::kNotFound, fmt::format("{} \"{}\" not found", kindOf(source), name), path);
  }
  return fail(ErrorKind::kNotFound, fmt::format("{} \"{}\" has no key \"{}\"", kindOf(source), name, key), path);
}

// metadata.labels['x'] and metadata.annotations['x'] as the downward API writes them.
std::optional<std::string> resolveSubscript(const Value& metadata, std::string_view field) {
  for (const std::string_view map : {"labels", "annotations"}) {
    const std::string prefix = fmt::format("metadata.{}['", map);
    if (field.starts_with(prefix) && field.ends_with("']")) {
      const std::string_view key = field.substr(prefix.size(), field.size() - prefix.size() - 2);
      return metadata[map][key].asString();
    }
  }
  return std::nullopt;
}

Result<std::string> resolveField(const EnvironmentInput& input, std::string_view field, const std::string& path) {
  if (field == "metadata.name") return input.pod.name;
  if (field == "metadata.namespace") return input.pod.ns;
  if (field == "metadata.uid") return input.pod.uid;
  if (field == "spec.nodeName") return input.node_name;
  if (field == "spec.serviceAccountName") return std::string("default");
  if (field == "status.podIP" || field == "status.hostIP" || field == "status.podIPs" || field == "status.hostIPs") {
    return input.node_address;
  }
  if (auto value = resolveSubscript(input.pod.metadata, field)) return *value;
  return fail(ErrorKind::kInvalid, fmt::format("\"{}\" is no field of the downward API", field), path);
}

// Limits as Kubernetes gives them: memory in bytes, cpu in whole cores rounded up, each divided by the divisor.
Result<std::string> resolveResource(const EnvironmentInput& input, const Value& ref, const std::string& path) {
  const std::string resource = ref["resource"].asString();
  const auto divisor = parseQuantityMilli(ref["divisor"].isInt() ? std::to_string(ref["divisor"].asInt())
                                                                 : ref["divisor"].asString("1"));
  if (!divisor || *divisor < 0) return fail(ErrorKind::kInvalid, "must be a quantity", path + ".divisor");
  const std::int64_t unit = *divisor == 0 ? 1000 : *divisor;
  std::optional<std::int64_t> milli;
  if (resource == "limits.memory" && input.container.limits.memory_bytes) {
    milli = *input.container.limits.memory_bytes * 1000;
  } else if (resource == "limits.cpu") {
    milli = input.container.limits.cpu_milli;
  }
  if (!milli) return fail(ErrorKind::kInvalid, fmt::format("the container sets no \"{}\"", resource), path);
  return std::to_string((*milli + unit - 1) / unit);
}

Result<std::optional<std::string>> resolveVariable(const EnvironmentInput& input, const Environment& so_far,
                                                   const Value& variable, const std::string& path) {
  const Value& from = variable["valueFrom"];
  if (!from.isObject()) return std::optional(expand(variable["value"].asStringView(), so_far));
  if (from["configMapKeyRef"].isObject()) {
    return resolveKeyRef(input, from["configMapKeyRef"], Source::kConfigMap, path + ".configMapKeyRef");
  }
  if (from["secretKeyRef"].isObject()) {
    return resolveKeyRef(input, from["secretKeyRef"], Source::kSecret, path + ".secretKeyRef");
  }
  Result<std::string> value =
      fail(ErrorKind::kUnsupported, "must be one of configMapKeyRef, secretKeyRef, fieldRef or resourceFieldRef", path);
  if (from["fieldRef"].isObject()) {
    value = resolveField(input, from["fieldRef"]["fieldPath"].asStringView(), path + ".fieldRef.fieldPath");
  } else if (from["resourceFieldRef"].isObject()) {
    value = resolveResource(input, from["resourceFieldRef"], path + ".resourceFieldRef");
  }
  if (!value) return std::unexpected(value.error());
  return std::optional(*std::move(value));
}

Result<void> addFrom(Environment& environment, const EnvironmentInput& input, const Value& from,
                     const std::string& path) {
  const Source source = from["secretRef"].isObject() ? Source::kSecret : Source::kConfigMap;
  const Value& ref = from[source == Source::kSecret ? "secretRef" : "configMapRef"];
  const std::string name = ref["name"].asString();
  const auto& objects = objectsOf(input, source);
  const auto found = objects.find(name);
  if (found == objects.end()) {
    if (ref["optional"].asBool()) return {};
    return fail(ErrorKind::kNotFound, fmt::format("{} \"{}\" not found", kindOf(source), name), path);
  }
  const std::string prefix = from["prefix"].asString();
  for (const auto& [key, value] : found->second["data"].asObject()) {
    set(environment, prefix + key, lookUp(found->second, key, source).value_or(""));
  }
  return {};
}

void addBasics(Environment& environment, const EnvironmentInput& input) {
  // A program finds its tools as a login shell would; nothing else of the agent's own environment is passed on.
  set(environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  for (const auto& [name, value] : input.service_environment) set(environment, name, value);
  set(environment, "POD_NAME", input.pod.name);
  set(environment, "POD_NAMESPACE", input.pod.ns);
  set(environment, "POD_IP", input.node_address);
  set(environment, "HOSTNAME", input.pod.name);
  set(environment, "NODE_NAME", input.node_name);
  bool first = true;
  for (const InstancePort& port : input.ports) {
    if (first) set(environment, "PORT", std::to_string(port.host_port));
    first = false;
    set(environment,
        fmt::format("PORT_{}", port.name.empty() ? std::to_string(port.container_port) : upperName(port.name)),
        std::to_string(port.host_port));
  }
}

}  // namespace

Result<Environment> buildEnvironment(const EnvironmentInput& input) {
  Environment environment;
  addBasics(environment, input);
  std::size_t index = 0;
  for (const Value& from : input.container.env_from.asArray()) {
    if (auto added = addFrom(environment, input, from, fmt::format("envFrom[{}]", index++)); !added) {
      return std::unexpected(added.error());
    }
  }
  index = 0;
  for (const Value& variable : input.container.env.asArray()) {
    auto value = resolveVariable(input, environment, variable, fmt::format("env[{}].valueFrom", index++));
    if (!value) return std::unexpected(value.error());
    if (*value) set(environment, variable["name"].asString(), **std::move(value));
  }
  return environment;
}

std::string expand(std::string_view text, const Environment& environment) {
  std::string expanded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      expanded.push_back(text[i]);
      continue;
    }
    if (text[i + 1] == '$') {
      expanded.push_back('$');
      ++i;
      continue;
    }
    const std::size_t close = text[i + 1] == '(' ? text.find(')', i) : std::string_view::npos;
    if (close == std::string_view::npos) {
      expanded.push_back('$');
      continue;
    }
    const std::string_view name = text.substr(i + 2, close - i - 2);
    const auto found = std::find_if(environment.begin(), environment.end(),
                                    [&](const auto& variable) { return variable.first == name; });
    expanded += found == environment.end() ? std::string(text.substr(i, close - i + 1)) : found->second;
    i = close;
  }
  return expanded;
}

}  // namespace towpath::supervise
