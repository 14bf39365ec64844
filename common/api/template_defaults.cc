#include "api/template_defaults.h"

#include <string_view>

namespace towpath::api {
namespace {

// Absent, or of the zero value of its Go type.
bool isUnset(const Value& object, std::string_view key) {
  const Value& value = object[key];
  return value.isNull() || (value.isString() && value.asStringView().empty()) || (value.isInt() && value.asInt() == 0);
}

void orElse(Value& object, std::string_view key, Value otherwise) {
  if (isUnset(object, key)) object[key] = std::move(otherwise);
}

// For pointers in Go: a zero that was written counts.
void ifAbsent(Value& object, std::string_view key, Value otherwise) {
  const Value& present = std::as_const(object)[key];
  if (present.isNull()) object[key] = std::move(otherwise);
}

template <class Apply>
void inObject(Value& object, std::string_view key, Apply apply) {
  const bool there = std::as_const(object)[key].isObject();
  if (there) apply(object[key]);
}

template <class Apply>
void inEach(Value& object, std::string_view key, Apply apply) {
  const bool there = std::as_const(object)[key].isArray();
  if (!there) return;
  for (Value& element : object[key].makeArray()) {
    if (element.isObject()) apply(element);
  }
}

// "nginx" and "nginx:latest" are pulled each time; a digest or another tag is not.
const char* pullPolicy(std::string_view image) {
  if (image.find('@') != std::string_view::npos) return "IfNotPresent";
  const std::size_t slash = image.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? image : image.substr(slash + 1);
  const std::size_t colon = name.find(':');
  const bool latest = colon == std::string_view::npos || name.substr(colon + 1) == "latest";
  return latest ? "Always" : "IfNotPresent";
}

void defaultHttpGet(Value& action) {
  orElse(action, "path", "/");
  orElse(action, "scheme", "HTTP");
}

void defaultProbe(Value& probe) {
  orElse(probe, "timeoutSeconds", 1);
  orElse(probe, "periodSeconds", 10);
  orElse(probe, "successThreshold", 1);
  orElse(probe, "failureThreshold", 3);
  inObject(probe, "httpGet", defaultHttpGet);
  inObject(probe, "grpc", [](Value& grpc) { ifAbsent(grpc, "service", ""); });
}

void defaultFieldRef(Value& source) {
  inObject(source, "fieldRef", [](Value& ref) { orElse(ref, "apiVersion", "v1"); });
}

void defaultEnv(Value& variable) {
  inObject(variable, "valueFrom", [](Value& source) {
    defaultFieldRef(source);
    inObject(source, "fileKeyRef", [](Value& ref) { ifAbsent(ref, "optional", false); });
  });
}

void defaultContainer(Value& container, bool host_network) {
  orElse(container, "imagePullPolicy", pullPolicy(std::as_const(container)["image"].asStringView()));
  orElse(container, "terminationMessagePath", "/dev/termination-log");
  orElse(container, "terminationMessagePolicy", "File");
  inEach(container, "ports", [host_network](Value& port) {
    orElse(port, "protocol", "TCP");
    if (host_network) orElse(port, "hostPort", std::as_const(port)["containerPort"]);
  });
  inEach(container, "env", defaultEnv);
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    inObject(container, probe, defaultProbe);
  }
  inObject(container, "lifecycle", [](Value& lifecycle) {
    for (const char* hook : {"postStart", "preStop"}) {
      inObject(lifecycle, hook, [](Value& action) { inObject(action, "httpGet", defaultHttpGet); });
    }
  });
  inObject(container, "securityContext", [](Value& context) {
    const bool usual = std::as_const(context)["procMount"].asStringView() == "Default";
    if (usual) context.eraseAt({"procMount"});
  });
}

void defaultProjection(Value& source) {
  inObject(source, "serviceAccountToken", [](Value& token) { ifAbsent(token, "expirationSeconds", 3600); });
  inObject(source, "downwardAPI", [](Value& downward) { inEach(downward, "items", defaultFieldRef); });
}

// Kinds of volumes whose files have a mode: 0644.
constexpr int kFileMode = 0644;

void defaultVolume(Value& volume) {
  bool has_source = false;
  for (const Object::Member& member : std::as_const(volume).asObject()) {
    has_source |= member.key != "name" && member.value.isObject();
  }
  if (!has_source) volume["emptyDir"] = Object{};
  for (const char* kind : {"secret", "configMap", "downwardAPI", "projected"}) {
    inObject(volume, kind, [](Value& source) { ifAbsent(source, "defaultMode", kFileMode); });
  }
  inObject(volume, "downwardAPI", [](Value& source) { inEach(source, "items", defaultFieldRef); });
  inObject(volume, "projected", [](Value& source) { inEach(source, "sources", defaultProjection); });
  inObject(volume, "hostPath", [](Value& source) { ifAbsent(source, "type", ""); });
  inObject(volume, "iscsi", [](Value& source) { orElse(source, "iscsiInterface", "default"); });
  inObject(volume, "rbd", [](Value& source) {
    orElse(source, "pool", "rbd");
    orElse(source, "user", "admin");
    orElse(source, "keyring", "/etc/ceph/keyring");
  });
  inObject(volume, "azureDisk", [](Value& source) {
    ifAbsent(source, "cachingMode", "ReadWrite");
    ifAbsent(source, "kind", "Shared");
    ifAbsent(source, "fsType", "ext4");
    ifAbsent(source, "readOnly", false);
  });
  inObject(volume, "scaleIO", [](Value& source) {
    orElse(source, "storageMode", "ThinProvisioned");
    orElse(source, "fsType", "xfs");
  });
  inObject(volume, "image", [](Value& source) {
    orElse(source, "pullPolicy", pullPolicy(std::as_const(source)["reference"].asStringView()));
  });
  inObject(volume, "ephemeral", [](Value& source) {
    inObject(source, "volumeClaimTemplate", [](Value& claim) {
      inObject(claim, "spec", [](Value& spec) { ifAbsent(spec, "volumeMode", "Filesystem"); });
    });
  });
}

void defaultPodSpec(Value& spec) {
  orElse(spec, "dnsPolicy", "ClusterFirst");
  orElse(spec, "restartPolicy", "Always");
  orElse(spec, "schedulerName", "default-scheduler");
  ifAbsent(spec, "terminationGracePeriodSeconds", 30);
  ifAbsent(spec, "securityContext", Object{});
  orElse(spec, "serviceAccountName", std::as_const(spec)["serviceAccount"].asStringView());
  spec.eraseAt({"serviceAccount"});
  const bool host_network = std::as_const(spec)["hostNetwork"].asBool();
  for (const char* containers : {"containers", "initContainers", "ephemeralContainers"}) {
    inEach(spec, containers, [host_network](Value& container) { defaultContainer(container, host_network); });
  }
  inEach(spec, "volumes", defaultVolume);
}

}  // namespace

void applyTemplateDefaults(Value& pod_template) { inObject(pod_template, "spec", defaultPodSpec); }

}  // namespace towpath::api
