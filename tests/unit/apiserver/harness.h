#pragma once
// A registry over a store in memory, under virtual time.

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "apiserver/registry.h"
#include "apiserver/watch.h"
#include "json/serialize.h"
#include "json/yaml.h"
#include "loop/timeout.h"
#include "loop/virtual_loop.h"
#include "store/memory_store.h"

namespace towpath::apiserver {

inline Value yaml(std::string_view text) {
  auto value = json::parseYamlDocument(text);
  REQUIRE_MESSAGE(value.has_value(), (value ? "" : value.error().message));
  return std::move(*value);
}

struct Harness {
  explicit Harness(std::size_t history = 10000) : store(store::makeMemoryStore(history)), registry(loop, *store) {
    REQUIRE(run(registry.start()).has_value());
  }

  template <class T>
  T run(loop::Task<T> task) {
    return loop::blockOn(loop, std::move(task));
  }

  KindRef kind(const cluster::Resource& resource) {
    auto found = registry.kinds().find(resource);
    REQUIRE(found);
    return found;
  }

  Answer<Written> create(const cluster::Resource& resource, std::string_view text, WriteOptions options = {}) {
    Value object = yaml(text);
    auto ns = std::as_const(object)["metadata"]["namespace"].asString("default");
    return run(registry.create(kind(resource), std::move(ns), std::move(object), std::move(options)));
  }
  // The tree of what was created; the test fails otherwise.
  Value made(const cluster::Resource& resource, std::string_view text) {
    auto written = create(resource, text);
    REQUIRE_MESSAGE(written.has_value(), (written ? "" : written.error().message));
    return written->object->parse();
  }
  Answer<Written> update(const cluster::Resource& resource, Value object, WriteOptions options = {}) {
    auto ns = std::as_const(object)["metadata"]["namespace"].asString();
    auto name = std::as_const(object)["metadata"]["name"].asString();
    return run(registry.update(kind(resource), std::move(ns), std::move(name), std::move(object), std::move(options)));
  }
  Answer<Written> patch(const cluster::Resource& resource, std::string name, cluster::PatchType type,
                        std::string_view text, WriteOptions options = {}) {
    return run(registry.patch(kind(resource), "default", std::move(name), type, yaml(text), std::move(options)));
  }
  Answer<Removed> remove(const cluster::Resource& resource, std::string name, cluster::DeleteOptions options = {}) {
    return run(registry.remove(kind(resource), "default", std::move(name), std::move(options)));
  }
  // Null if it is not there.
  Value get(const cluster::Resource& resource, std::string_view name, std::string_view ns = "default") {
    auto object = registry.get(*kind(resource), ns, name);
    return object ? (*object)->parse() : Value();
  }
  std::string names(const cluster::Resource& resource, cluster::ListOptions options = {}) {
    auto page = registry.list(*kind(resource), options);
    REQUIRE_MESSAGE(page.has_value(), (page ? "" : page.error().message));
    std::string text;
    for (const auto& item : page->items) text += (text.empty() ? "" : " ") + item->meta().name;
    return text;
  }
  std::unique_ptr<RegistryWatch> watch(const cluster::Resource& resource, RegistryWatchOptions options) {
    auto watch = registry.watch(kind(resource), options);
    REQUIRE_MESSAGE(watch.has_value(), (watch ? "" : watch.error().message));
    return std::move(*watch);
  }

  loop::VirtualLoop loop;
  std::unique_ptr<store::Store> store;
  Registry registry;
};

// What a watch has to say now: "+a ~a -a" for added, modified and deleted.
inline std::string events(RegistryWatch& watch) {
  std::string text;
  while (auto event = watch.tryNext()) {
    if (!text.empty()) text += ' ';
    switch (event->type) {
      case cluster::WatchEvent::Type::kAdded:
        text += '+';
        break;
      case cluster::WatchEvent::Type::kModified:
        text += '~';
        break;
      case cluster::WatchEvent::Type::kDeleted:
        text += '-';
        break;
      case cluster::WatchEvent::Type::kBookmark:
        text += '=';
        break;
    }
    text += event->object->meta().name;
  }
  return text;
}

}  // namespace towpath::apiserver
