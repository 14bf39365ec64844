#pragma once
// KubeApi on our API server in memory, with faults between them, under virtual time.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <optional>
#include <string>

#include "cluster/cache.h"
#include "json/yaml.h"
#include "kubernetes/kube_api.h"
#include "loop/virtual_loop.h"
#include "support/faulty_transport.h"
#include "support/memory_api_server.h"
#include "support/temp_dir.h"

namespace towpath::kubernetes {

inline Value yaml(std::string_view text) {
  auto value = json::parseYamlDocument(text);
  REQUIRE_MESSAGE(value.has_value(), (value ? "" : value.error().message));
  return std::move(*value);
}

inline Value configMap(std::string_view name, std::string_view more = "data: {}") {
  return yaml(
      fmt::format("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}, namespace: default}}\n{}\n", name, more));
}

struct Harness {
  explicit Harness(std::size_t history = 10000, KubeApiOptions options = {.rate = {.per_second = 0}},
                   std::uint64_t seed = 1)
      : loop(seed),
        server(loop, history),
        transport(loop, server.http),
        credentials(loop, server.access),
        api(loop, transport, server.access, credentials, std::move(options)) {}

  // Time moves as far as the answer needs, and no further.
  template <class T>
  T run(loop::Task<T> task) {
    std::optional<T> value;
    loop::Scope scope(loop, "test");
    scope.spawn([](loop::Task<T> inner, std::optional<T>& into) -> loop::Task<void> {
      into.emplace(co_await std::move(inner));
    }(std::move(task), value));
    loop.runUntilIdle();
    for (int i = 0; i < 10000 && !value; ++i) loop.advanceTo(loop.nextTimer());
    REQUIRE(value.has_value());
    return std::move(*value);
  }
  // Past HTTP, so without faults.
  cluster::ObjectRef make(Value object, const cluster::Resource& resource = cluster::kConfigMaps) {
    const auto made = run(server.inside.create(resource, std::move(object)));
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : describe(made.error())));
    return *made;
  }

  loop::VirtualLoop loop;
  testing::MemoryApiServer server;
  testing::FaultyTransport transport;
  towpath::access::Credentials credentials;
  KubeApi api;
};

}  // namespace towpath::kubernetes
