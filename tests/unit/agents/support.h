#pragma once
// A registry over a store in memory, and objects in a few lines of YAML.

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "apiserver/local_api.h"
#include "apiserver/registry.h"
#include "cluster/kinds.h"
#include "json/yaml.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "store/memory_store.h"
#include "tls/authority.h"

namespace towpath::agents {

inline Value yaml(std::string_view text) {
  Result<Value> value = json::parseYamlDocument(text);
  REQUIRE_MESSAGE(value.has_value(), (value ? "" : value.error().message));
  return std::move(*value);
}

struct World {
  World() { REQUIRE(run(registry.start())); }

  template <class T>
  T run(loop::Task<T> task) {
    return loop::blockOn(loop, std::move(task));
  }
  void make(const cluster::Resource& resource, std::string_view text) {
    Result<cluster::ObjectRef> made = run(api.create(resource, yaml(text)));
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : describe(made.error())));
  }
  Value get(const cluster::Resource& resource, std::string_view name, std::string_view ns = "default") {
    cluster::ObjectRef object =
        store->findLatest({resource.storageName(), resource.namespaced ? std::string(ns) : "", std::string(name)});
    return object ? object->parse() : Value();
  }
  void patch(const cluster::Resource& resource, std::string name, std::string_view text, std::string subresource = "") {
    Result<cluster::ObjectRef> done =
        run(api.patch(resource, resource.namespaced ? "default" : "", std::move(name), cluster::PatchType::kMerge,
                      yaml(text), {.subresource = std::move(subresource)}));
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : describe(done.error())));
  }
  void remove(const cluster::Resource& resource, std::string name) {
    REQUIRE(
        run(api.remove(resource, resource.namespaced ? "default" : "", std::move(name), {.grace_period_seconds = 0})));
  }
  void makePod(const std::string& name, const std::string& node, const std::string& more = "") {
    make(cluster::kPods, "{metadata: {name: " + name + ", namespace: default, labels: {app: shop}}, spec: {nodeName: " +
                             node + ", containers: [{name: web, image: shop" + more + "}]}}");
  }

  loop::VirtualLoop loop;
  std::unique_ptr<store::Store> store = store::makeMemoryStore();
  apiserver::Registry registry{loop, *store};
  apiserver::LocalApi api{registry, "test"};
};

}  // namespace towpath::agents
