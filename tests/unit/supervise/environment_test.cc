#include "supervise/environment.h"

#include <doctest/doctest.h>

#include "base/base64.h"

using namespace towpath;
using namespace towpath::supervise;

namespace {

struct World {
  PodSpec pod;
  ContainerSpec container;
  std::map<std::string, Value> config_maps, secrets;
  std::vector<std::pair<std::string, std::string>> services;
  std::vector<InstancePort> ports;
  std::string node = "node-1", address = "10.0.0.1";

  World() {
    pod.ns = "prod";
    pod.name = "shop-abc";
    pod.uid = "u1";
    pod.metadata = Object{{"labels", Object{{"app", "shop"}}}, {"annotations", Object{{"team", "blue"}}}};
    container.name = "shop";
    config_maps["settings"] = Object{{"data", Object{{"COLOR", "red"}, {"SIZE", "big"}}}};
    secrets["keys"] = Object{{"data", Object{{"TOKEN", encodeBase64("s3cr3t")}}}};
  }
  Result<Environment> build() const {
    return buildEnvironment({pod, container, config_maps, secrets, services, ports, node, address});
  }
  std::string get(const std::string& name) const {
    const auto environment = build();
    REQUIRE(environment);
    for (const auto& [key, value] : *environment) {
      if (key == name) return value;
    }
    return "(unset)";
  }
};

}  // namespace

TEST_CASE("an instance is told its ports by number and by name") {
  World world;
  world.ports = {{"http", 8080, 20001, "TCP"}, {"", 9090, 20002, "TCP"}};
  CHECK(world.get("PORT") == "20001");
  CHECK(world.get("PORT_HTTP") == "20001");
  CHECK(world.get("PORT_9090") == "20002");
}

TEST_CASE("references to ConfigMaps, Secrets, fields and resources are resolved") {
  World world;
  world.container.limits.memory_bytes = 64 << 20;
  world.container.limits.cpu_milli = 1500;
  const auto from = [](const char* kind, Object ref) { return Object{{kind, std::move(ref)}}; };
  world.container.env =
      Array{Object{{"name", "A"}, {"valueFrom", from("configMapKeyRef", {{"name", "settings"}, {"key", "COLOR"}})}},
            Object{{"name", "B"}, {"valueFrom", from("secretKeyRef", {{"name", "keys"}, {"key", "TOKEN"}})}},
            Object{{"name", "C"}, {"valueFrom", from("fieldRef", {{"fieldPath", "metadata.labels['app']"}})}},
            Object{{"name", "D"}, {"valueFrom", from("fieldRef", {{"fieldPath", "status.hostIP"}})}},
            Object{{"name", "E"},
                   {"valueFrom", from("resourceFieldRef", {{"resource", "limits.memory"}, {"divisor", "1Mi"}})}},
            Object{{"name", "F"}, {"valueFrom", from("resourceFieldRef", {{"resource", "limits.cpu"}})}},
            Object{{"name", "G"}, {"value", "$(A)-$(UNKNOWN)-$$(A)"}}};
  CHECK(world.get("A") == "red");
  CHECK(world.get("B") == "s3cr3t");
  CHECK(world.get("C") == "shop");
  CHECK(world.get("D") == "10.0.0.1");
  CHECK(world.get("E") == "64");
  CHECK(world.get("F") == "2");
  CHECK(world.get("G") == "red-$(UNKNOWN)-$(A)");
}

TEST_CASE("env goes before envFrom, envFrom before what Towpath sets") {
  World world;
  world.services = {{"COLOR", "green"}};
  world.container.env_from = Array{Object{{"configMapRef", Object{{"name", "settings"}}}},
                                   Object{{"prefix", "K_"}, {"secretRef", Object{{"name", "keys"}}}}};
  CHECK(world.get("COLOR") == "red");
  CHECK(world.get("K_TOKEN") == "s3cr3t");
  world.container.env = Array{Object{{"name", "COLOR"}, {"value", "blue"}}};
  CHECK(world.get("COLOR") == "blue");
}

TEST_CASE("a missing reference names the object, and an optional one is left out") {
  World world;
  Object ref{{"name", "absent"}, {"key", "x"}};
  world.container.env = Array{Object{{"name", "A"}, {"valueFrom", Object{{"secretKeyRef", ref}}}}};
  auto environment = world.build();
  REQUIRE_FALSE(environment);
  CHECK(environment.error().message == "Secret \"absent\" not found");
  CHECK(environment.error().field == "env[0].valueFrom.secretKeyRef");
  ref.set("optional", true);
  world.container.env = Array{Object{{"name", "A"}, {"valueFrom", Object{{"secretKeyRef", ref}}}}};
  CHECK(world.get("A") == "(unset)");
}
