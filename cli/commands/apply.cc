#include "cli/command.h"
#include "cli/manifest_files.h"
#include "json/patch.h"
#include "json/serialize.h"
#include "json/yaml.h"

namespace towpath::cli {
namespace {

constexpr const char* kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

// What kubectl calls the three-way merge: what was applied before and is gone now becomes null, what differs becomes
// the new value, what others have set stays.
Value threeWayPatch(const Value& before, const Value& current, const Value& wanted) {
  Object patch;
  for (const auto& [key, value] : wanted.asObject()) {
    const Value& now = current[key];
    if (value.isObject() && now.isObject()) {
      Value inner = threeWayPatch(before[key], now, value);
      if (!inner.asObject().empty()) patch.set(key, std::move(inner));
    } else if (!(value == now)) {
      patch.set(key, value);
    }
  }
  for (const auto& [key, value] : before.asObject()) {
    if (!wanted[key].isNull() || current[key].isNull()) continue;
    patch.set(key, Value());
  }
  return patch;
}

std::string describeObject(const ApiResource& resource, const std::string& name) {
  const std::string singular = resource.singular.empty() ? resource.plural : resource.singular;
  return fmt::format("{}{}/{}", singular, resource.group.empty() ? "" : "." + resource.group, name);
}

loop::Task<void> applyOne(Context context, Value object, bool dry_run) {
  Api& api = context.api;
  const ApiResource resource =
      orFail(co_await api.findKind(object["apiVersion"].asString(), object["kind"].asString()));
  const std::string name = object["metadata"]["name"].asString();
  if (name.empty())
    throw Failure{{ErrorKind::kInvalid, fmt::format("{} has no name", object["kind"].asString()), "metadata.name"}};
  const std::string ns = resource.namespaced ? object["metadata"]["namespace"].asString(api.ns()) : "";
  if (resource.namespaced) object["metadata"]["namespace"] = ns;
  // Unknown fields are the user's typing errors: the server refuses them and names them.
  const std::string query =
      std::string("?fieldManager=towpath&fieldValidation=Strict") + (dry_run ? "&dryRun=All" : "");
  const std::string suffix = dry_run ? " (server dry run)" : "";

  Value annotated = object;
  annotated.mutableAt({"metadata", "annotations"})
      .makeObject()
      .set(kLastApplied, json::serializeCanonical(object) + "\n");
  auto current = co_await api.get(resource, ns, name);
  if (!current && current.error().kind == ErrorKind::kNotFound) {
    orFail(co_await api.create(resource, ns, annotated, query));
    print(describeObject(resource, name) + " created" + suffix + "\n");
    co_return;
  }
  const Value now = orFail(std::move(current));
  const auto before = json::parseYamlDocument(now["metadata"]["annotations"][kLastApplied].asString("{}"));
  Value patch = threeWayPatch(before.value_or(Value()), now, annotated);
  if (patch.asObject().empty()) {
    print(describeObject(resource, name) + " unchanged" + suffix + "\n");
    co_return;
  }
  orFail(co_await api.patch(resource, ns, name, PatchKind::kMerge, std::move(patch), "", query));
  print(describeObject(resource, name) + " configured" + suffix + "\n");
}

}  // namespace

Exit apply(Context context, ApplyOptions options) {
  for (Value& object : readManifests(options.files)) co_await applyOne(context, std::move(object), options.dry_run);
  co_return 0;
}

Exit remove(Context context, DeleteOptions options) {
  struct Target {
    ApiResource resource;
    std::string ns, name;
  };
  std::vector<Target> targets;
  Api& api = context.api;
  for (const Value& object : readManifests(options.files)) {
    const ApiResource resource =
        orFail(co_await api.findKind(object["apiVersion"].asString(), object["kind"].asString()));
    targets.push_back(
        {resource, object["metadata"]["namespace"].asString(api.ns()), object["metadata"]["name"].asString()});
  }
  if (!options.resource.empty()) {
    const ApiResource resource = orFail(co_await api.findResource(options.resource));
    for (const std::string& name : options.names) targets.push_back({resource, api.ns(), name});
  }
  int exit_code = 0;
  for (const Target& target : targets) {
    auto removed =
        co_await api.remove(target.resource, target.ns, target.name, Object{{"propagationPolicy", "Background"}});
    if (removed) {
      print(describeObject(target.resource, target.name) + " deleted\n");
    } else if (removed.error().kind != ErrorKind::kNotFound || !options.ignore_not_found) {
      fmt::print(stderr, "Error: {}\n", describe(removed.error()));
      exit_code = 1;
    }
  }
  co_return exit_code;
}

}  // namespace towpath::cli
